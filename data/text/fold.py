"""Text in one form, so that what reads alike compares alike, in any script."""

import unicodedata

import regex

_IGNORED = regex.compile(
    r"[\p{Default_Ignorable_Code_Point}\p{Cf}\u0640]+"
)  # the last one stretches Arabic words
_FOREIGN_DIGIT = regex.compile(r"[\p{Nd}--[0-9]]", regex.V1)
_MARKS_OF_LATIN = regex.compile(r"(?<=\p{Latin})\p{M}+")
_ASCII = bytes(range(128))


def beyond_ascii(text: str) -> str:
    """The characters beyond ASCII, in order: few in most texts, and so quick to search."""
    return text.encode("utf-8", "surrogatepass").translate(None, _ASCII).decode("utf-8", "surrogatepass")


def compose(text: str) -> str:
    r"""NFKC, decimal digits of any script as 0 to 9, and nothing invisible; case is kept.

    Ligatures and full-width letters fall into plain ones, marks join their letters, and soft hyphens, zero-width
    characters and marks of direction leave.

    >>> compose("ﬁnan\u00adcial １２ ٣٤ cafe\u0301")
    'financial 12 34 café'

    Source: Unicode Standard Annex 15; the characters left out are Default_Ignorable_Code_Point and category Cf.
    """
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text)
    foreign = beyond_ascii(text)
    if _IGNORED.search(foreign):
        text = unicodedata.normalize("NFKC", _IGNORED.sub("", text))
    if _FOREIGN_DIGIT.search(foreign):
        text = _FOREIGN_DIGIT.sub(lambda match: str(unicodedata.digit(match[0])), text)
    return text


def fold(text: str) -> str:
    """`compose` without case: STRASSE and straße meet, and the two letters i of Turkish.

    >>> fold("STRASSE"), fold("Straße"), fold("İSTANBUL")
    ('strasse', 'strasse', 'istanbul')
    """
    if text.isascii():
        return text.lower()
    folded = compose(text).casefold()
    if "i\u0307" in folded or "ı" in folded:
        folded = folded.replace("i\u0307", "i").replace("ı", "i")
    return unicodedata.normalize("NFKC", folded)


def without_marks(text: str) -> str:
    """The text with its Latin letters bare: what people leave out when they have no such key.

    >>> without_marks("röntgen, हिन्दी")
    'rontgen, हिन्दी'
    """
    return unicodedata.normalize("NFC", _MARKS_OF_LATIN.sub("", unicodedata.normalize("NFD", text)))

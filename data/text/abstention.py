"""Abstention: an answer that says that the text does not tell."""

import re
from functools import lru_cache

import regex

from rlc.data.text.abstention_languages import LANGUAGES, NEGATIONS, SUFFIXED
from rlc.data.text.fold import fold
from rlc.data.text.plain import plain, sentences

_NEGATED = (
    r"\b(?:do|does|did|is|are|was|were|has|have|had|be)(?:n't| not| never)\s+(?:(?:seem|appear)\w*\s+to\s+)?"
)
_HEDGE = r"(?:\w+ly\s+|(?:any|an?|the|have|been|being|be|further|enough|sufficient|also|even|yet)\s+){0,3}"
_TELL = (  # beginnings of verbs that a text, a table or an author tells by
    r"(?:address|analy[sz]|answer|appear|available|clarif|clear\b|confirm|contain|cover|defin|delve|describ|detail"
    r"|disclos|discuss|document|elaborat|evaluat|examin|explain|explor|focus on|giv(?:e|en)\b|highlight|identif|includ"
    r"|indicat|introduc|investigat|known\b|list|mention|name[ds]?\b|note[ds]?\b|offer|outlin|propos|provid|quantif|refer"
    r"|report|reveal|say\b|speak|specif|spell|state?d?\b|suggest|talk|tell\b|touch)"
)
_TOLD = (
    r"(?:addressed|answerable|applicable|available|clarified|clear|covered|described|detailed|disclosed|discussed"
    r"|explained|found|given|identified|included|indicated|known|listed|mentioned|named|outlined|presented|provided"
    r"|quantified|reported|revealed|specified|stated)"
)
_MATTER = (
    r"(?:account|answer|context|data|description|details?|disclosure|discussion|estimates?|evidence|explanation|explicit"
    r"|figures?|indication|information|mention|projections?|record|reference|specifics?|statement)"
)
_KIND = r"(?:(?:any|an?|the|such|enough|more|additional|clear|detailed|direct|explicit|further|relevant|specific|sufficient)\s+)"
_SOURCE = r"in the (?:provided|given|text|passage|chunks?|document|book)"

ABSTENTION = re.compile(
    "|".join(
        (
            # "does not explicitly mention", "was never stated", "doesn't seem to provide"
            _NEGATED + _HEDGE + _TELL,
            # "not specified", "never mentioned"
            rf"\b(?:not|never)\s+{_HEDGE}{_TOLD}\b",
            # "no information", "there is no specific mention", "lacks details", "don't have enough context"
            r"(?:\b(?:no|lacks?|lacking|without|insufficient)|(?:\bnot|n't)\s+(?:any|contain|enough|find|have|see))\s+"
            rf"{_KIND}{{0,3}}{_MATTER}\b",
            # "no projected growth rate is provided", "no Valancy in the provided chunks"
            rf"\bno\b[^.;,\n]{{1,80}}\b(?:{_TOLD}\b|{_SOURCE})",
            # "neither paper mentions", "none of the chunks discuss"
            r"\b(?:neither|none of|nowhere)\b[^.;\n]{0,60}\b(?:address|contain|discuss|mention|provid|specif|state[ds]?\b)",
            # "cannot be determined", "it is impossible to say", "unable to find"
            r"\b(?:cannot|can not|can't|could not|couldn't|unable to|impossible to|not possible to|not able to)\s+(?:be\s+)?"
            r"(?:\w+ly\s+)?(?:answer|ascertain|assess|calculat|compar|comput|conclude|confirm|determin|extract|find|found"
            r"|give|identif|infer|know|locat|provid|say|see|specif|tell)",
            r"\b(?:i|we) (?:do not|don't|did not|didn't) (?:find|have|know|see)\b",
            r"\b(?:unanswerable|unclear|undisclosed|unknown|unspecified|n/a)\b",
            r"\bwould (?:need|require) (?:\w+\s+){0,3}(?:access|context|data|details|information)\b",
        )
    ),
    re.IGNORECASE,
)
"""The reviewed phrases of English by which an answer says that the text does not tell."""

_WORD = regex.compile(r"\w+")
_LONGEST = 1000  # characters: who says nothing says it in fewer


@lru_cache(maxsize=1024)  # the judge asks for all sentences of an answer, and its row for the first two again
def says_nothing(sentence: str) -> bool:
    """Whether a sentence, as `plain` leaves it, says that the text does not tell, in English or one of `LANGUAGES`.

    >>> says_nothing("The name is not mentioned."), says_nothing("Das steht nicht im Text.")
    (True, True)
    """
    if ABSTENTION.search(sentence):
        return True
    folded = fold(sentence[:_LONGEST])
    words = frozenset(_WORD.findall(folded))
    may_be = LANGUAGES if not folded.isascii() or not NEGATIONS.isdisjoint(words) else SUFFIXED
    return any(language.abstains(folded, words) for language in may_be)


def abstaining(text: str) -> list[bool]:
    """Whether each sentence of an answer, in order, says that the text does not tell."""
    return [says_nothing(sentence) for sentence in sentences(plain(text))]


def abstains(text: str) -> bool:
    """Whether an answer opens by saying that the text does not tell: one of its first two sentences does.

    >>> abstains("The chunks do not mention a horse. They are about his clerk.")
    True
    """
    return any(map(says_nothing, sentences(plain(text))[:2]))

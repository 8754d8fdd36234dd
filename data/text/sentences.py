"""Where sentences end: rules, no model, no download, one pass.

A full stop before a lower-case letter never ends a sentence, and neither does one without white space behind it;
this alone settles decimals and most abbreviations. The word lists below decide the rest. They were written from
general knowledge of English abbreviations, not from any corpus that the benchmark judges them on.
"""

import importlib
import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from rlc.data.errors import MissingExtraError, UsageError, unknown


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Something always follows these, so they never end a sentence.
_PREFIXES = _words("""
    mr mrs ms mx messrs mme mlle dr prof rev fr sr st ste hon gen lt col maj capt cmdr cdr sgt cpl pvt adm gov sen
    rep pres amb supt det insp atty viz vs v cf e.g i.e eg ie approx ca circa resp incl excl esp
""")
# These are abbreviations before a number; before a word they may be words themselves ("He said no. It ...").
_NUMBERED = _words("""
    no nos nr fig figs eq eqs sec secs sect art arts vol vols ch chap chaps pt pts p pp para paras cl sch app apps
    tab ref refs ex exh op ed eds al est pos
""")
# A sentence may end behind these, and is taken to do so where the next word is one that sentences begin with.
_SHORTENED = _words("""
    inc corp co cos ltd llc llp plc bros assn assoc dept div mfg mfr intl natl univ inst jr esq etc et seq ibid
    jan feb apr jun jul aug sep sept oct nov dec tue tues thu thur thurs fri ave blvd rd sq bldg apt ft hwy mt
    u.s u.k u.n e.u a.m p.m b.c a.d ph.d m.d d.c oz lb lbs yd cu hr hrs min mins yr yrs mo mos wk wks max misc
    temp tel ext fwd mgr mgmt govt admin cont
""")
# ("A" and "I" are left out: they are initials as often.)
_STARTERS = _words("""
    The An This That These Those It Its He She They You His Her Their Our My In On At By For From To With As If
    When While After Before Since Because Although Though However But And Or So Then There Here What Who Why How
    Where Which Not Such Some Many Most All Each Both Under During Upon Over We
""")

_END = re.compile(
    r"[.!?…。！？｡।؟۔\n]"
    # a run of marks, closing quotes, white space; tried at the run's beginning only, or the time were quadratic
    r"(?:(?<=[.!?…।؟۔])(?<![.!?…।؟۔]{2})[.!?…।؟۔]*+[\"'”’»)\]]*+\s+"
    r"|(?<=[。！？｡])[。！？｡”’」』）]*+\s*"  # marks that need no space
    r"|(?<=\n)[^\S\n]*+\n\s*)"  # a blank line
)
_WORD = re.compile(r"[^\W\d_]+")
_VOWEL = re.compile(r"[aeiouyAEIOUYÀ-ÿ]")
_REACH = 16  # characters looked at before a full stop: longer words are not abbreviations


def sentence_ends(text: str, start: int = 0, end: int | None = None) -> Iterator[int]:
    """Yield the places in (start, end) behind which a new sentence begins, white space left to the old one."""
    end = len(text) if end is None else end
    for match in _END.finditer(text, start, end):
        place = match.end()
        if place < end and _ends(text, match, place):
            yield place


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Half-open character spans of the sentences.

    They tile the text: each takes the white space behind it along, the first also that before it. Blank lines
    end a sentence too. The time is linear in the length.
    """
    borders = [0, *sentence_ends(text), len(text)] if text else []
    if len(borders) > 2 and text[: borders[1]].isspace():
        del borders[1]
    return list(pairwise(borders))


def _ends(text: str, match: re.Match[str], place: int) -> bool:
    mark, following = text[match.start()], text[place]
    if mark == "\n" or mark in "。！？｡" or text.count("\n", match.start(), place) > 1:
        return True
    if following.islower():
        return False
    return (
        mark != "."
        or not text[match.start() + 1].isspace()
        or not _shortened(text, match.start(), following, place)
    )


def _shortened(text: str, stop: int, following: str, place: int) -> bool:
    """Whether the full stop at `stop` belongs to its word."""
    before = text[max(stop - _REACH, 0) : stop].rsplit(None, 1)
    if not before or text[stop - 1].isspace():
        return False
    word = before[-1].lstrip("([{\"'“‘—–-")
    lower = word.lower()
    if lower in _PREFIXES:
        return True
    if word.isdigit():  # the number of a list item or a heading
        return stop == len(word) or text[stop - len(word) - 1] == "\n"
    if following.isdigit() or following in "([":
        known = lower in _SHORTENED or lower in _NUMBERED or "." in word or not _VOWEL.search(word)
        return known or (len(word) <= 4 and word[:1].isupper())
    if lower in _SHORTENED or "." in word or _looks_short(word):
        begin = _WORD.match(text, place)
        return begin is None or begin.group() not in _STARTERS
    return False


def _looks_short(word: str) -> bool:
    initial = len(word) == 1 and word.isalpha() and word != "I"
    return initial or (
        1 < len(word) <= 5 and word.isalpha() and not word.isupper() and not _VOWEL.search(word)
    )


def _nupunkt(text: str) -> list[tuple[int, int]]:
    try:
        nupunkt = importlib.import_module("nupunkt")
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "nupunkt is not installed: pip install nupunkt, or use splitter 'rules'"
        ) from error
    ends = [end for _, end in nupunkt.sent_spans(text)]
    borders = [0, *ends[:-1], len(text)] if ends else [0, len(text)]
    return list(pairwise(borders))


SPLITTERS: dict[str, Callable[[str], list[tuple[int, int]]]] = {"nupunkt": _nupunkt, "rules": split_sentences}


def splitter(name: str) -> Callable[[str], list[tuple[int, int]]]:
    """A sentence splitter by name: `rules`, or `nupunkt` where that is installed.

    Raises:
        UsageError: on an unknown name.
    """
    if name not in SPLITTERS:
        raise UsageError(unknown("sentence splitter", name, SPLITTERS))
    return SPLITTERS[name]

"""When does a text hold the evidence for an answer? A rule, so every figure built on it is called silver.

LaRA marks no gold passages. An answer that is a number or a few words, though, is mostly found by finding it.
Chance is high (common names, round numbers): show random chunks, the first chunks and the whole document beside
any recall, and the share of tokens read.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from rlc.data.records import Example

LONGEST_NUMERIC_ANSWER = 120  # characters; beyond it the numbers are details of a longer answer
NUMBERS = 3
WORDS = 5

_OTHER = re.compile(r"[^\w.%]+|\.(?!\d)")
_BETWEEN = r"(?:[^\w.%]|\.(?!\d))+"  # what `_OTHER` makes a space
_NUMBER = re.compile(r"\d+(?:\.\d+)*")
_YEAR = re.compile(r"(?:19|20)\d\d")
_CHANGING = re.compile(r",+|[\x00-\x7f]?[^\x00-\x7f]+")  # what NFKC and leaving out commas may change
_LEAD = re.compile(r"^(?:it was|it is|the|an|a) ")


def normalise(text: str) -> str:
    """NFKC, lower case, commas out; all but word characters, decimal points and % to single spaces."""
    text = unicodedata.normalize("NFKC", text).lower().replace(",", "")
    return " ".join(_OTHER.sub(" ", text).split())


def gold_strings(answer: str) -> tuple[str, ...]:
    """The strings that a text must hold to hold the answer; empty where the rule has nothing to say.

    In an answer of at most 120 characters, its first three numbers of three digits or more (bare years do not
    count). Without such numbers, the whole answer less a leading article, "it was" or "it is", if that leaves one
    to five words and three characters or more.

    >>> gold_strings("$2,576,340 as of 2024."), gold_strings("The golden cap.")
    (('2576340',), ('golden cap',))
    """
    text = normalise(answer)
    if len(answer) <= LONGEST_NUMERIC_ANSWER:
        found = [number for number in _NUMBER.findall(text) if sum(map(str.isdigit, number)) >= 3]
        large = [number for number in found if not _YEAR.fullmatch(number)]
        if large:
            return tuple(large[:NUMBERS])
    phrase = _LEAD.sub("", text)
    return (phrase,) if 1 <= len(phrase.split()) <= WORDS and len(phrase) >= 3 else ()


def holds(text: str, gold: Iterable[str]) -> bool:
    """Whether a text holds every gold string as whole words; a number touches no further digits or decimals."""
    return _holds(normalise(text), gold)


def _holds(normalised: str, gold: Iterable[str]) -> bool:
    return all(
        g in normalised and re.search(rf"(?<!\w)(?<!\d\.){re.escape(g)}(?!\w)(?!\.\d)", normalised)
        for g in gold
    )


def places(text: str, gold: Iterable[str]) -> list[tuple[int, int]]:
    """Where the gold strings stand in a text: half-open character spans, ascending, each found as `holds` finds it.

    Within a run of characters beyond ASCII that NFKC rewrites, the span is that of the whole run.

    >>> places("Paid: $2,576,340. In 2,576 ways.", ["2576340"])
    [(7, 16)]
    """
    plain, origin = _traced(text)
    found = (match for one in gold for match in _pattern(one).finditer(plain))
    return sorted({(origin(match.start(), False), origin(match.end(), True)) for match in found})


def _pattern(gold: str) -> re.Pattern[str]:
    """The gold string in a text that is not yet normalised."""
    before = r"(?<![0-9]\.)" if gold[:1].isdigit() else ""  # elsewhere a point between is a space
    return re.compile(
        rf"(?<!\w){before}" + _BETWEEN.join(map(re.escape, gold.split(" "))) + r"(?!\w)(?!\.\d)"
    )


@lru_cache(maxsize=2)  # questions come document by document
def _traced(text: str) -> tuple[str, Callable[[int, bool], int]]:
    """The text in NFKC and lower case without commas, and the way from a place in it, start or end, to the text's."""
    pieces: list[str] = []
    new, old = (
        [0],
        [0],
    )  # borders here and in the text: of what stayed as long as it was, of what did not, ...
    for match in _CHANGING.finditer(text):
        changed = unicodedata.normalize("NFKC", match[0]).lower().replace(",", "")
        if changed == match[0].lower() and len(changed) == len(match[0]):
            continue
        before = text[old[-1] : match.start()].lower()
        pieces += [before, changed]
        new += [new[-1] + len(before), new[-1] + len(before) + len(changed)]
        old += [match.start(), match.end()]
    pieces.append(text[old[-1] :].lower())

    def origin(place: int, is_end: bool) -> int:
        i = bisect_right(new, place - is_end) - 1
        return old[i + is_end] if i % 2 else old[i] + place - new[i]

    return "".join(pieces), origin


def first_rank(ranked: Sequence[str], gold: Sequence[str]) -> int | None:
    """How many of the ranked texts it takes, from the first, to hold the gold together; None if all do not.

    Raises:
        ValueError: if there are no gold strings: the rule leaves such a question out.
    """
    if not gold:
        raise ValueError("expected gold strings, got none; leave the question out")
    missing = set(gold)
    for rank, text in enumerate(map(normalise, ranked), start=1):
        missing = {g for g in missing if not _holds(text, (g,))}
        if not missing:
            return rank
    return None


def recall_at(ranks: Sequence[int | None], k: int) -> float:
    """recall@k: the share of the first ranks that are at most k; `first_rank` says what a first rank is.

    Raises:
        ValueError: if there are no ranks, or k is less than 1.
    """
    if not ranks or k < 1:
        raise ValueError(f"expected first ranks and k of at least 1, got {len(ranks)} ranks and k={k}")
    return sum(rank is not None and rank <= k for rank in ranks) / len(ranks)


def silver(examples: Iterable[Example]) -> dict[str, tuple[str, ...]]:
    """The gold strings of the examples that the rule can decide, by example id.

    Left out: unanswerable questions, answers that give no gold strings, and answers that their own document does
    not hold. Say how many remain.
    """
    documents: dict[str, str] = {}
    kept = {}
    for example in examples:
        gold = next(filter(None, map(gold_strings, example.answers)), ())
        if not gold or example.answerable is False:
            continue
        if example.document_id not in documents:
            documents[example.document_id] = normalise(example.document.page_content)
        if _holds(documents[example.document_id], gold):
            kept[example.id] = gold
    return kept

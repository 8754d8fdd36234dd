"""The values of a gold answer held against those of a prediction."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations, pairwise

import regex

from rlc.data.text.fold import fold
from rlc.experiments.metrics.values import Amount, Value, Version, values

_NEGLIGIBLE = 0.006
_MOVE = regex.compile(r"\b(?:to|versus|vs|against|compared|from)\b")

Move = tuple[Amount, Amount]
"""Two amounts, one of which became the other."""


def moves(text: str, found: Sequence[Value]) -> list[Move]:
    """The pairs of neighbouring amounts that say where something went: "from A to B", "A compared with B".

    Dates between them are passed over.
    """
    sizes = [value for value in found if isinstance(value, Amount)]
    return [(a, b) for a, b in pairwise(sizes) if _MOVE.search(text, a.end, b.start)]


def matched(
    gold: Sequence[Value],
    candidates: Sequence[Value],
    gold_moves: Iterable[Move] = (),
    candidate_moves: Iterable[Move] = (),
) -> list[bool]:
    """Which of the gold values the candidates say.

    The two ends of a move in the gold answer are also matched by their difference or percent change, and a gold
    amount by that of a move among the candidates. A date may be told in two parts.
    """
    found = [any(candidate.says(value) for candidate in candidates) for value in gold]
    for move in gold_moves:
        if any(_is_change(candidate, *move) for candidate in candidates):
            found = [hit or value in move for hit, value in zip(found, gold, strict=True)]
    changes = list(candidate_moves)
    return [
        hit or any(_is_change(value, *move) for move in changes)
        for hit, value in zip(found, gold, strict=True)
    ]


def _is_change(value: Value, a: Amount, b: Amount) -> bool:
    """Whether an amount is b - a or 100 (b - a) / a, sizes only."""
    if not isinstance(value, Amount) or a.percent != b.percent or a.value == b.value:
        return False
    difference = abs(b.value - a.value)
    if math.isclose(difference, max(a.value, b.value), rel_tol=_NEGLIGIBLE):
        return False  # all but nothing: the larger end would pass for the change
    if value.percent and not a.percent:
        return a.value > 0 and abs(value.value - 100 * difference / a.value) <= value.ulp / 2
    many = value.scaled or len(value.written.replace(".", "").lstrip("0")) >= 3
    told = value.ulp + sum(
        end.ulp for end in (a, b) if end.rounded
    )  # who takes it from rounded ends is off by theirs
    return many and abs(value.value - difference) <= told / 2 + 1e-9 * difference


def replaced(
    gold: Sequence[Value],
    candidates: Sequence[Value],
    known: Sequence[Value],
    gold_moves: Sequence[Move] = (),
    candidate_moves: Sequence[Move] = (),
) -> bool:
    """Whether gold values are missing and others of their kind stand in their places.

    Others are such that neither the gold answer nor the question, `known`, tells, and that belong to no move that
    comes to the same. They are taken to stand in place where they are no more than what is missing: who explains at
    length names many figures besides.
    """
    unsaid = [value for value in gold if not any(one.says(value) for one in candidates)]
    ends = [
        end for move in candidate_moves if any(_is_change(value, *move) for value in unsaid) for end in move
    ]
    foreign = [
        one
        for one in candidates
        if one not in ends
        and not any(one.says(value) or value.says(one) for value in known)
        and not any(_is_change(one, *move) for move in gold_moves)
    ]
    missing, others = Counter(map(type, unsaid)), Counter(map(type, foreign))
    return any(0 < others[kind] <= missing[kind] for kind in missing)


def with_differences(found: Sequence[Value]) -> list[Value]:
    """The values, a percentage that is the difference of two others near it marked as one."""
    shares = [value for value in found if isinstance(value, Amount) and value.percent]
    differences = {
        id(value)
        for i, value in enumerate(shares)
        for a, b in combinations([*shares[max(0, i - 3) : i], *shares[i + 1 : i + 4]], 2)
        if math.isclose(abs(a.value - b.value), value.value, rel_tol=1e-9)
    }
    return [
        replace(value, difference=True) if isinstance(value, Amount) and id(value) in differences else value
        for value in found
    ]


def required(found: Sequence[Value]) -> list[Value]:
    """The values that must be matched: those that are not context, or all where there are no others."""
    return [value for value in found if not value.context] or list(found)


def of_a_loss(found: Sequence[Value]) -> list[Value]:
    """The values as those of a loss or a fall, whose sign may be told by that word alone."""
    return [replace(value, lost=True) if isinstance(value, Amount) else value for value in found]


def as_versions(found: Sequence[Value]) -> list[Value]:
    """The values with plain decimals as versions: what is asked for is one."""
    return [
        Version(value.start, value.end, value.written, value.context)
        if isinstance(value, Amount) and "." in value.written and not value.dimension
        else value
        for value in found
    ]


def numeric_match(prediction: str, golds: Sequence[str]) -> float | None:
    """1.0 where the prediction says every value of a gold answer, else 0.0; None where no gold answer has one.

    Dates count only in a gold answer that holds no other value.
    """
    said = values(fold(prediction))
    wanted = [needed for gold in golds if (needed := required(values(fold(gold))))]
    return float(any(all(matched(needed, said)) for needed in wanted)) if wanted else None

"""What the prompts of one call have in common, and what each of them cost of the call's time."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from rlc.data.protocols import Prompt
from rlc.data.records import Usage

BLOCK = 1024  # tokens compared at a time


def in_documents(prompts: Sequence[Prompt]) -> list[int]:
    """The prompts' places, those with one prefix next to each other, in the order of their first."""
    first: dict[tuple[str, str], int] = {}
    for place, prompt in enumerate(prompts):
        first.setdefault((prompt.system, prompt.prefix), place)
    return sorted(range(len(prompts)), key=lambda place: first[prompts[place].system, prompts[place].prefix])


class Link(NamedTuple):
    """A prompt as what it shares with the one before it, in tokens from the start, and the rest of its tokens."""

    shared: int
    rest: list[int]


def chained(prompts: Sequence[Sequence[int]]) -> list[Link]:
    """Say of each prompt only how it differs from the one before it, so that a document stands there once."""
    links: list[Link] = []
    before: Sequence[int] = ()
    for ids in prompts:
        shared = shared_tokens(before, ids)
        links.append(Link(shared, list(ids[shared:])))
        before = ids
    return links


def unchained(links: Iterable[tuple[int, list[int]]]) -> list[list[int]]:
    """The prompts again; a link may have become a list on its way."""
    prompts: list[list[int]] = []
    before: list[int] = []
    for shared, rest in links:
        before = [*before[:shared], *rest]
        prompts.append(before)
    return prompts


def shared_tokens(left: Sequence[int], right: Sequence[int]) -> int:
    """How many tokens two prompts have in common from the start."""
    end = min(len(left), len(right))
    for start in range(0, end, BLOCK):
        a, b = left[start : start + BLOCK], right[start : start + BLOCK]
        if a != b:
            same = (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
            return start + next(same, min(len(a), len(b)))
    return end


def documents(links: Sequence[Link]) -> list[slice]:
    """The runs of prompts on one document: each shares at least half of itself with the one before it."""
    starts = [i for i, link in enumerate(links) if link.shared < len(link.rest)]
    return [slice(start, end) for start, end in zip(starts, [*starts[1:], len(links)], strict=True)]


def apart(runs: Sequence[slice], least: int) -> list[slice]:
    """Cut a call so that each document with at least so many questions has one of its own, and the order stays."""
    parts: list[slice] = []
    alone = True
    for run in runs:
        many = run.stop - run.start >= least
        if many or alone or not parts:
            parts.append(run)
        else:
            parts[-1] = slice(parts[-1].start, run.stop)
        alone = many
    return parts


def covered(intervals: Sequence[tuple[float, float]]) -> float:
    """The length of the union of intervals."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def charged(usages: Sequence[Usage], wall: float, reading: float) -> list[Usage]:
    """Charge each answer its share of the time that a call took, and keep as latency what it took by itself.

    For `reading` of the call's `wall` seconds prompts were computed: they are shared out by the prompt tokens that were
    not cached, so that the question that read the document pays for it. The others are shared out by new tokens. The
    shares of a call add up to its wall time.

    Args:
        usages: of the answers; `seconds` is the time from the call to the last token.
        wall: seconds that the call took.
        reading: seconds of it during which any prompt was being computed.
    """
    reading = min(reading, wall)
    computed = _shares([usage.prompt_tokens - usage.cached_tokens for usage in usages])
    written = _shares([usage.output_tokens for usage in usages])
    return [
        replace(
            usage,
            prefill_seconds=reading * prefill,
            decode_seconds=(wall - reading) * decode,
            seconds=reading * prefill + (wall - reading) * decode,
            latency_seconds=min(usage.seconds, wall),  # an engine's clocks may add up to more
        )
        for usage, prefill, decode in zip(usages, computed, written, strict=True)
    ]


def _shares(amounts: Sequence[int]) -> list[float]:
    total = sum(amounts)
    return [amount / total if total else 1 / len(amounts) for amount in amounts]

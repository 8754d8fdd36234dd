"""Long context at text level: what fits, in which order, and how it is set. Pure functions that both arms use."""

from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.documents import Document

from rlc.data.errors import ContextOverflowError
from rlc.data.protocols import Tokenizer
from rlc.data.tokens import count_once

POLICIES = ("refuse", "middle", "head")
ROOMIER = "use a model with a longer window or a smaller max_tokens"
GAP = "\n\n[...]\n\n"  # stands where the middle was cut, so that the reader sees that something is missing


@dataclass(frozen=True)
class Fitted:
    """A text that fits, how many tokens were left out of it, and the half-open spans of the whole that are in it."""

    text: str
    cut_tokens: int
    spans: tuple[tuple[int, int], ...]


def check_policy(policy: str) -> None:
    """Refuse an unknown overflow policy with a ValueError."""
    if policy not in POLICIES:
        raise ValueError(f"overflow must be one of {', '.join(POLICIES)}; got {policy!r}")


def fit(text: str, room: int, tokenizer: Tokenizer, policy: str) -> Fitted:
    """Fit a text into `room` tokens.

    `head` keeps the first tokens; `middle` keeps equal shares of the beginning and the end, with a visible gap
    between them (as LaRA cuts its documents); `refuse` raises.

    Raises:
        ContextOverflowError: under `refuse`, or if there is no room at all.
    """
    check_policy(policy)
    if count_once(tokenizer, text) <= room:
        return Fitted(text, 0, ((0, len(text)),))
    offsets = tokenizer.offsets(text)
    gap = tokenizer.count(GAP)
    if room <= gap:
        raise ContextOverflowError(f"{_room('the document', room)}; {ROOMIER}")
    if policy == "refuse":
        raise ContextOverflowError(
            f"the document has {len(offsets)} tokens and {room} fit; use a model with a longer window, "
            "or allow cutting with overflow = 'middle' or 'head'"
        )
    if policy == "head":
        end = offsets[room - 1][1]
        return Fitted(text[:end], len(offsets) - room, ((0, end),))
    first = (room - gap + 1) // 2
    last = room - gap - first
    end, start = offsets[first - 1][1], offsets[len(offsets) - last][0] if last else len(text)
    spans = ((0, end), (start, len(text)))
    return Fitted(text[:end] + GAP + text[start:], len(offsets) - first - last, spans)


def fit_passages(passages: Sequence[str], room: int, tokenizer: Tokenizer, policy: str) -> tuple[int, int]:
    """How many of the passages, best first, fit into `room` tokens, and how many tokens the others have.

    Raises:
        ContextOverflowError: under `refuse` if not all fit, or if not even the first fits.
    """
    check_policy(policy)
    counts = [tokenizer.count(passage) for passage in passages]
    used = kept = 0
    for count in counts:
        if used + count > room:
            break
        used, kept = used + count, kept + 1
    if passages and kept == 0:
        raise ContextOverflowError(
            f"{_room('a passage', room)}, and the first has {counts[0]} tokens; use smaller passages, or {ROOMIER}"
        )
    if kept < len(passages) and policy == "refuse":
        raise ContextOverflowError(
            f"{len(passages)} passages have {sum(counts)} tokens and {room} fit; retrieve fewer or smaller ones, "
            "or allow dropping the last with overflow = 'middle' or 'head'"
        )
    return kept, sum(counts[kept:])


def _room(what: str, room: int) -> str:
    """What is left beside the question and the answer; less than nothing is nothing."""
    left = f"{room} tokens are left" if room > 0 else "nothing is left"
    return f"no room for {what}: {left} of the window beside the question and the answer"


def reading_order(passages: Sequence[Document], order: str) -> list[Document]:
    """Passages, given best first, in the order in which they are read.

    `relevance` keeps it, `reverse` puts the best last (next to the question), `document` follows the text
    (OP-RAG, arXiv 2409.01666), `sides` puts the best at both ends (Lost in the Middle, arXiv 2307.03172).
    """
    if order == "relevance":
        return list(passages)
    if order == "reverse":
        return list(reversed(passages))
    if order == "document":
        return sorted(
            passages, key=lambda p: (str(p.metadata.get("source")), p.metadata.get("start_index", 0))
        )
    if order == "sides":
        return [*passages[0::2], *reversed(passages[1::2])]
    raise ValueError(f"order must be one of relevance, reverse, document, sides; got {order!r}")

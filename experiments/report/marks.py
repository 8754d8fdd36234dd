"""Text in colour: what was kept and dropped of a passage, and where the gold evidence stands."""

from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise

from rlc.data.records import Evidence, evidence_in, passages_of
from rlc.data.text.escape import shorten
from rlc.experiments.report.records import Excerpt, Piece

AROUND = 240  # characters shown on each side of gold evidence
SHOWN = 3  # places of gold evidence that are shown
LONGEST_DROPPED = 240

Span = tuple[int, int]


def plain(name: str, text: str, characters: int = 2_000) -> Excerpt:
    """A text without marks, shortened."""
    return Excerpt(name, (Piece(shorten(text, characters)),))


def passages(
    evidence: Sequence[Evidence], document_id: str, text: str | None, gold: Sequence[Span], characters: int
) -> list[Excerpt]:
    """The passages that a reader was given, best first, with what a pruner dropped; their spans where no text is there.

    Args:
        evidence: What was read.
        document_id: Whose text this is; a passage of another document is only named.
        text: The document's text, where it is at hand.
        gold: Where the gold evidence stands in it.
        characters: Longer passages are shortened to about this many.
    """
    found = []
    for rank, whole in enumerate(passages_of(evidence), start=1):
        own = [
            e
            for e in evidence_in(whole.document_id, evidence)
            if (e.passage or (e.start, e.end)) == (whole.start, whole.end)
        ]
        kept = [(e.start, e.end) for e in own] if own[0].passage else None
        score = "" if whole.score is None else f", score {whole.score:.4g}"
        name = f"evidence {rank}{_pages(own)}, characters {whole.start:,} to {whole.end:,}{score}"
        if kept is not None:
            share = sum(end - start for start, end in kept) / max(1, whole.end - whole.start)
            name += f", {100 * (1 - share):.0f}% of it dropped"
        if text is None or whole.document_id != document_id:
            found.append(Excerpt(f"{name} of {whole.document_id}", ()))
        else:
            shown = pieces(text, (whole.start, whole.end), kept, gold)
            found.append(Excerpt(name, shortened(shown, characters)))
    return found


def _pages(evidence: Sequence[Evidence]) -> str:
    """The pages that evidence stands on, as a citation has them."""
    numbers = [page for one in evidence for page in one.pages or ()]
    if not numbers:
        return ""
    first, last = min(numbers), max(numbers)
    return f", p. {first}" if first == last else f", pp. {first}-{last}"


def gold_excerpts(text: str, gold: Sequence[Span]) -> list[Excerpt]:
    """The first places of the gold evidence in a document, with what stands around them."""
    windows: list[Span] = []
    for start, end in gold:
        if windows and start - AROUND < windows[-1][1]:
            windows[-1] = (windows[-1][0], min(len(text), end + AROUND))
        else:
            windows.append((max(0, start - AROUND), min(len(text), end + AROUND)))
    more = f" ({len(windows)} places, {SHOWN} shown)" if len(windows) > SHOWN else ""
    return [
        Excerpt(
            f"in the document, from character {start:,}{more}",
            shortened(pieces(text, (start, end), None, gold), 8 * AROUND),
        )
        for start, end in windows[:SHOWN]
    ]


def pieces(text: str, span: Span, kept: Sequence[Span] | None, gold: Sequence[Span]) -> list[Piece]:
    """A span of a text cut where its state changes; without `kept` nobody pruned it.

    >>> pieces("abcdef", (0, 4), [(0, 3)], [(2, 5)])
    [Piece(text='ab', state='kept', gold=False), Piece(text='c', state='kept', gold=True), \
Piece(text='d', state='dropped', gold=True)]
    """
    start, end = span
    borders = {start, end, *(b for one in (*(kept or ()), *gold) for b in one if start < b < end)}
    marked = [
        ("" if kept is None else "kept" if _within(a, b, kept) else "dropped", _within(a, b, gold), text[a:b])
        for a, b in pairwise(sorted(borders))
    ]
    return [
        Piece("".join(part for _, _, part in group), state, is_gold)
        for (state, is_gold), group in groupby(marked, key=lambda one: one[:2])
    ]


def shortened(given: Sequence[Piece], characters: int) -> list[Piece]:
    """At most about so many characters: dropped pieces lose their middles first, then all but both ends is left out."""
    if sum(len(piece.text) for piece in given) <= characters:
        return list(given)
    shorter = [
        piece._replace(text=shorten(piece.text, LONGEST_DROPPED))
        if piece.state == "dropped" and not piece.gold
        else piece
        for piece in given
    ]
    left = sum(len(piece.text) for piece in shorter) - characters
    if left <= 0:
        return shorter
    head = _first(shorter, (characters + 1) // 2)
    tail = [
        piece._replace(text=piece.text[::-1])
        for piece in _first(
            [piece._replace(text=piece.text[::-1]) for piece in reversed(shorter)], characters // 2
        )
    ]
    return [*head, Piece(f" [... {left:,} characters ...] "), *reversed(tail)]


def _first(given: Iterable[Piece], characters: int) -> list[Piece]:
    found = []
    for piece in given:
        if characters <= 0:
            break
        found.append(piece._replace(text=piece.text[:characters]))
        characters -= len(piece.text)
    return found


def _within(start: int, end: int, spans: Sequence[Span]) -> bool:
    return any(a <= start and end <= b for a, b in spans)

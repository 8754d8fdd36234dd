"""Semantic chunking: cut between sentences whose embeddings differ most."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rlc.chunkers.base import Chunker, Span, check_encoder, check_size
from rlc.chunkers.recursive import RecursiveChunker
from rlc.chunkers.support.windows import Ruler
from rlc.data.protocols import Encoder, Floats, Tokenizer
from rlc.data.text.sentences import splitter
from rlc.data.tokens import ApproximateTokenizer

Rule = Literal["percentile", "standard-deviation", "interquartile", "gradient"]
DEFAULTS: dict[Rule, float] = {
    "percentile": 95,
    "standard-deviation": 3,
    "interquartile": 1.5,
    "gradient": 95,
}


@dataclass(frozen=True)
class SemanticChunker(Chunker):
    """Sentences that belong together, cut where neighbouring windows of sentences are far apart.

    The window of a sentence reaches `buffer` sentences to either side. The distance of neighbouring windows is
    1 - cosine, and a cut falls where `breakpoints` says. A piece above `size` tokens is cut at its largest
    inner distance, again and again (a sentence above it as `recursive` does); then a piece below `least` tokens
    joins its neighbour where both fit.

    Args:
        encoder: embeds the sentences.
        size: the most tokens of a chunk.
        least: the fewest tokens that are wanted.
        breakpoints: `percentile`, `standard-deviation`, `interquartile` or `gradient`.
        threshold: the rule's number, see `breakpoints`; None takes the published one.
        buffer: sentences to either side of a window.
        exact: embed the windows' text itself, as published (each sentence is embedded 2 * buffer + 1 times).
            Otherwise each sentence is embedded once, and a window is the mean of its sentences, weighted by
            their tokens: twice as fast, and another method, whose cuts are not those of exact windows (on LaRA
            with MiniLM they agree at F1 0.41, one sentence off allowed).
        tokenizer: counts the tokens.
        sentences: the sentence splitter, `rules` or `nupunkt`.

    Source: Greg Kamradt's semantic chunking as in LangChain's SemanticChunker (the rules and their thresholds)
    and LlamaIndex's SemanticSplitterNodeParser (windows of slices, 95th percentile); both know no maximum.
    """

    encoder: Encoder
    size: int = 512
    least: int = 0
    breakpoints: Rule = "percentile"
    threshold: float | None = None
    buffer: int = 1
    exact: bool = False
    tokenizer: Tokenizer = field(default_factory=ApproximateTokenizer)
    sentences: str = "rules"

    def __post_init__(self) -> None:
        check_encoder(self.encoder)
        check_size(self.size)
        splitter(self.sentences)
        if not 0 <= self.least <= self.size:
            raise ValueError(f"least must be in [0, size], got least={self.least}, size={self.size}")
        if self.breakpoints not in DEFAULTS:
            raise ValueError(
                f"breakpoints must be one of {', '.join(get_args(Rule))}, got {self.breakpoints!r}"
            )
        if self.buffer < 0:
            raise ValueError(f"buffer must not be negative, got {self.buffer}")

    def spans(self, text: str) -> list[Span]:
        sentences = splitter(self.sentences)(text)
        distances = neighbour_distances(self._windows(text, sentences))
        cuts = (np.flatnonzero(breakpoints(distances, self.breakpoints, self.threshold)) + 1).tolist()
        ruler = Ruler(text, self.tokenizer)
        borders = [*(start for start, _ in sentences), len(text)]
        pieces = [
            (borders[first], borders[last])
            for begin, end in pairwise([0, *cuts, len(sentences)])
            for first, last in divide(
                begin, end, distances, lambda a, b: ruler.inside(borders[a], borders[b]) <= self.size
            )
        ]
        return [span for piece in self._join(ruler, pieces) for span in self._fit(ruler, *piece)]

    def _windows(self, text: str, sentences: Sequence[tuple[int, int]]) -> Floats:
        near = [
            (max(i - self.buffer, 0), min(i + self.buffer, len(sentences) - 1)) for i in range(len(sentences))
        ]
        if self.exact:
            return self.encoder.encode_documents([text[sentences[a][0] : sentences[b][1]] for a, b in near])
        pieces = [text[start:end] for start, end in sentences]
        weights = np.array([max(self.tokenizer.count(piece), 1) for piece in pieces], dtype=np.float64)
        sums = np.cumsum(self.encoder.encode_documents(pieces) * weights[:, None], axis=0)
        sums = np.concatenate([np.zeros_like(sums[:1]), sums])
        first, last = np.array(near).T
        return np.asarray(sums[last + 1] - sums[first], dtype=np.float32)

    def _join(self, ruler: Ruler, pieces: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        joined: list[tuple[int, int]] = []
        for start, end in pieces:
            small = joined and self.least > min(ruler.inside(*joined[-1]), ruler.inside(start, end))
            if small and ruler.count(joined[-1][0], end) <= self.size:
                joined[-1] = (joined[-1][0], end)
            else:
                joined.append((start, end))
        return joined

    def _fit(self, ruler: Ruler, start: int, end: int) -> list[Span]:
        if end <= ruler.bound(start, self.size) and ruler.count(start, end) <= self.size:
            return [Span(start, end)]
        inner = RecursiveChunker(self.size, tokenizer=self.tokenizer).spans(ruler.text[start:end])
        return [Span(start + span.start, start + span.end) for span in inner]


def neighbour_distances(vectors: Floats) -> NDArray[np.float64]:
    """1 - cosine of each row and the next: [rows] to [rows - 1]."""
    rows = vectors.astype(np.float64)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return np.asarray(1 - np.einsum("ij,ij->i", rows[:-1], rows[1:]))


def breakpoints(
    distances: NDArray[np.float64], rule: Rule, threshold: float | None = None
) -> NDArray[np.bool_]:
    """Which distances are breaks: those strictly above a value that the rule takes from all of them.

    - percentile: the threshold-th percentile (95)
    - standard-deviation: mean + threshold * standard deviation (3)
    - interquartile: mean + threshold * interquartile range (1.5)
    - gradient: the percentile rule (95) on the distances' numerical gradient

    Source: LangChain's SemanticChunker.
    """
    number = DEFAULTS[rule] if threshold is None else threshold
    if len(distances) < 2:
        return np.zeros(len(distances), dtype=np.bool_)
    values = np.gradient(distances) if rule == "gradient" else distances
    if rule in ("percentile", "gradient"):
        limit = np.percentile(values, number)
    elif rule == "standard-deviation":
        limit = values.mean() + number * values.std()
    else:
        limit = values.mean() + number * np.subtract(*np.percentile(values, [75, 25]))
    return np.asarray(values > limit)


def divide(
    begin: int, end: int, distances: NDArray[np.float64], fits: Callable[[int, int], bool]
) -> list[tuple[int, int]]:
    """Cut the sentences [begin, end) at their largest inner distance until every part fits or is one sentence.

    `distances[i]` lies between sentences i and i + 1. Of equal distances the one nearest to the middle is taken.
    """
    parts, open_parts = [], [(begin, end)]
    while open_parts:
        first, last = open_parts.pop()
        if last - first <= 1 or fits(first, last):
            parts.append((first, last))
            continue
        inner = distances[first : last - 1]
        largest = np.flatnonzero(inner == inner.max())
        middle = first + 1 + int(min(largest, key=lambda i: abs(2 * i + 2 - (last - first))))
        open_parts += [(middle, last), (first, middle)]
    return parts

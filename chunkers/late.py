"""Late chunking: embed the whole document, then pool token vectors chunk by chunk."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from rlc.chunkers.base import Chunker, Span, check_encoder, check_size
from rlc.chunkers.recursive import first_word, last_separator
from rlc.chunkers.sentence import SentenceChunker
from rlc.chunkers.support.windows import Ruler, windows
from rlc.data.errors import UnsupportedError
from rlc.data.protocols import Encoder, Floats, Tokenizer
from rlc.data.spec import Spec

_SPECIAL = 2  # tokens that a model adds around a text
_GROUP = 16  # macro windows embedded at a time, so that memory does not grow with the document


@dataclass(frozen=True)
class LateChunker(Chunker):
    """Chunks of `inner` whose vectors have seen their surroundings.

    The encoder reads the document once; a chunk's vector is the mean of the last hidden states of the tokens
    that touch it, of unit length (zeros where none does: such a chunk holds control characters only). It travels in the chunk's metadata (`embedding`, `embedding_model`), so
    that a dense index takes it as it is. One pass serves any `inner`, several scales at once included.

    A document longer than `window` is read in macro windows that share `overlap` tokens (long late chunking);
    a token's state is taken from the first window that holds it.

    Args:
        encoder: a model that pools by the mean.
        inner: says where to cut.
        window: tokens of text that are read at once; None takes the encoder's window less two for the special
            tokens (less is needed where the encoder puts a prompt before documents: it refuses otherwise).
        overlap: tokens that macro windows share, 128 by default: on all-MiniLM-L6-v2 with its window of 510, a
            quarter; the source has 256 for windows of 8,192.

    Raises:
        UnsupportedError: if the encoder does not pool by the mean; from `spans`, if it cannot give token states.

    Source: Günther et al., arXiv:2409.04701, and their code (jina-ai/late-chunking). There the special tokens'
    states are pooled into the first and last chunk, and macro windows are cut anywhere; here special tokens are
    left out, and windows begin at whole words.
    """

    encoder: Encoder
    inner: Chunker = field(default_factory=lambda: SentenceChunker(size=256))
    window: int | None = None
    overlap: int = 128

    @classmethod
    def example(cls) -> Spec:
        return {"inner": "recursive"}

    def __post_init__(self) -> None:
        check_encoder(self.encoder)
        if self.encoder.pooling != "mean":
            raise UnsupportedError(
                f"late chunking averages token states, but {self.encoder.name} pools by {self.encoder.pooling!r}: "
                "take an encoder with mean pooling"
            )
        check_size(self._window, self.overlap)

    @property
    def _window(self) -> int:
        return self.encoder.window - _SPECIAL if self.window is None else self.window

    def largest(self, text: str, tokenizer: Tokenizer) -> tuple[int, ...]:
        """Bound the chunks as `inner` does: page contents are its slices."""
        return self.inner.largest(text, tokenizer)

    def spans(self, text: str) -> list[Span]:
        """Return the inner chunker's spans with their vectors."""
        spans = self.inner.spans(text)
        vectors = self._pool(text, spans)
        model = self.encoder.name
        return [
            replace(span, metadata={**span.metadata, "embedding": vector, "embedding_model": model})
            for span, vector in zip(spans, vectors, strict=True)
        ]

    def _pool(self, text: str, spans: Sequence[Span]) -> Floats:
        ruler = Ruler(text, self.encoder.tokenizer)
        cut = last_separator(text, [r"\s+"])
        macros = windows(
            ruler, self._window, self.overlap, cut, first_word(text), least=self._window * 3 // 4
        )
        pool = _Pool(spans, self.encoder.dimension)
        read = 0  # characters whose tokens have their states
        for begin in range(0, len(macros), _GROUP):
            group = macros[begin : begin + _GROUP]
            for macro, states in zip(
                group, self.encoder.encode_tokens([text[m.start : m.end] for m in group]), strict=True
            ):
                borders = states.offsets + macro.start
                fresh = borders[:, 0] >= read
                pool.add(borders[fresh], states.vectors[fresh])
                read = macro.end
        return pool.vectors()


class _Pool:
    """Running sums of token states for each span."""

    def __init__(self, spans: Sequence[Span], dimension: int) -> None:
        self._starts = np.array([span.start for span in spans], dtype=np.int64)
        self._ends = np.array([span.end for span in spans], dtype=np.int64)
        self._sums = np.zeros((len(spans), dimension), dtype=np.float64)

    def add(self, borders: NDArray[np.int64], states: Floats) -> None:
        """Take the states [tokens, dimension] of tokens with these borders [tokens, 2], in reading order."""
        if not len(borders):
            return
        starts, ends = borders.T
        sums = np.concatenate([np.zeros((1, states.shape[1])), np.cumsum(states, axis=0, dtype=np.float64)])
        touched = np.flatnonzero((self._ends > starts[0]) & (self._starts < ends[-1]))
        first = np.searchsorted(ends, self._starts[touched], side="right")
        last = np.searchsorted(starts, self._ends[touched])
        self._sums[touched] += sums[last] - sums[first]

    def vectors(self) -> Floats:
        """The means as unit vectors [spans, dimension]; where there was no token, zeros."""
        norms = np.linalg.norm(self._sums, axis=1, keepdims=True)
        return np.asarray(self._sums / np.maximum(norms, 1e-12), dtype=np.float32)

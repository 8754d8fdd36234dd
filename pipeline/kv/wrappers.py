"""Methods of kvpress that take another's scores: of chunks, of heads, of what is merged into what."""

from dataclasses import dataclass
from typing import Any, ClassVar

from rlc.data.errors import unknown
from rlc.pipeline.kv.library import Cap, ExpectedAttention, KeyDiff, KNorm, LibraryEvicting, SnapKV

SCORES = {
    "snapkv": SnapKV,
    "expected-attention": ExpectedAttention,
    "keydiff": KeyDiff,
    "knorm": KNorm,
    "cap": Cap,
}


@dataclass(frozen=True)
class Wrapper(LibraryEvicting):
    """A method over the scores of another.

    Args:
        ratio: the share that is given up, in [0, 1).
        scores: whose scores: snapkv, expected-attention, keydiff, knorm or cap.
    """

    scores: str = "snapkv"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scores not in SCORES:
            raise ValueError(unknown("scores", self.scores, SCORES))

    @property
    def scorer(self) -> LibraryEvicting:
        """The method whose scores are taken."""
        made: LibraryEvicting = SCORES[self.scores](ratio=self.ratio)
        return made

    @property
    def window(self) -> int | None:
        return None if self.from_all else self.scorer.window

    @property
    def observes(self) -> int:
        return self.scorer.observes


@dataclass(frozen=True)
class ChunkKV(Wrapper):
    """Keep whole stretches of 20 tokens, by the sum of their scores.

    Source: Liu et al., arXiv 2502.00299.
    """

    stretch: int = 20

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.ChunkKVPress(self.scorer.press(kvpress), self.stretch)


@dataclass(frozen=True)
class EntropyChunkKV(Wrapper):
    """ChunkKV with shorter stretches where the scores gather on few tokens.

    Source: kvpress's `EntropyGatedChunkKVPress` (stretches of 10, or 4), after Liu et al., arXiv 2502.00299.
    """

    stretch: int = 10
    short: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.short >= self.stretch:
            raise ValueError(f"short must be below stretch, {self.stretch}; got {self.short}")

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        made = kvpress.EntropyGatedChunkKVPress(self.scorer.press(kvpress))
        made.chunk_length, made.low_entropy_chunk_length = self.stretch, self.short
        return made


@dataclass(frozen=True)
class Chunk(Wrapper):
    """Give up the same share of every stretch of 1,024 tokens, so that no part of the text is lost.

    Source: kvpress's `ChunkPress`, after FINCH (arXiv 2408.00167).
    """

    scores: str = "keydiff"
    stretch: int = 1024

    from_all: ClassVar[bool] = True

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.ChunkPress(self.scorer.press(kvpress), self.stretch)


@dataclass(frozen=True)
class Block(Wrapper):
    """Keep the best of what was kept and the next 128 tokens, block by block: no more is ever held.

    Source: Park et al., arXiv 2504.15364 (KeyDiff's prompt processing).
    """

    scores: str = "keydiff"
    block: int = 128

    from_all: ClassVar[bool] = True

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.BlockPress(self.scorer.press(kvpress), self.block)


@dataclass(frozen=True)
class AdaKV(Wrapper):
    """Share the budget of a layer out over its heads by their scores, a fifth of it evenly.

    Source: Feng et al., arXiv 2407.11550 (safeguard 0.2).
    """

    safe: float = 0.2

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.AdaKVPress(self.scorer.press(kvpress), self.safe)


@dataclass(frozen=True)
class CriticalKV(Wrapper):
    """Take half the budget by score, the other half by score times what the value writes into the model's state.

    Source: Feng et al., arXiv 2502.03805.
    """

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.CriticalKVPress(self.scorer.press(kvpress))


@dataclass(frozen=True)
class CriticalAdaKV(Wrapper):
    """CriticalKV with the budget shared out over the heads as AdaKV does.

    Source: Feng et al., arXiv 2502.03805 and 2407.11550 (safeguard 0.2).
    """

    safe: float = 0.2

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.CriticalAdaKVPress(self.scorer.press(kvpress), self.safe)


@dataclass(frozen=True)
class D2O(Wrapper):
    """Add the values that are given up to those of the most similar keys that stay.

    Source: kvpress's `MergingPress`, after Wan et al., arXiv 2406.13035, whose layers keep different shares. The similarity of
    all that goes to all that stays is held at once: length² / 4 numbers a head.
    """

    VERSION: ClassVar[int] = 2

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.MergingPress(self.scorer.press(kvpress))

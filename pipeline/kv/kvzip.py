"""KVzip and its kin of kvpress: the model repeats the document, and what it needs for that is kept."""

from dataclasses import dataclass
from typing import Any, ClassVar

from rlc.pipeline.kv.library import LibraryEvicting


@dataclass(frozen=True)
class KVzip(LibraryEvicting):
    """Keep what the model attends to while it repeats the document, each head as much as it needs.

    Source: Kim et al., arXiv 2505.23416 (the document is repeated in pieces of 2,048 tokens). It reads the document two to
    three times, and needs the model's folder, for its tokenizer.
    """

    sights: ClassVar[tuple[str, ...]] = ("document",)
    rereads: ClassVar[bool] = True

    piece: int = 2048

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.KVzipPress(self.ratio, chunk_size=self.piece)


@dataclass(frozen=True)
class KVgrad(LibraryEvicting):
    """KVzip with the gradient of the repetition's likelihood in place of attention.

    Source: kvpress's `KVgradPress` (pieces of 512 tokens); it needs the memory of a backward pass.
    """

    sights: ClassVar[tuple[str, ...]] = ("document",)
    rereads: ClassVar[bool] = True

    piece: int = 512

    def press(self, kvpress: Any) -> Any:  # noqa: ANN401
        return kvpress.KVgradPress(self.ratio, chunk_size=self.piece)

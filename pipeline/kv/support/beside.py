"""Questions on one text side by side: they stand behind what a press has left of it, each hidden from the others."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rlc.pipeline.kv.support.left import Left
from rlc.pipeline.llms.support.strip import Path, Strip

if TYPE_CHECKING:
    import torch


class Beside(Strip):
    """A strip behind a text of which a press has left a part: its columns are counted from there, where layers are alike.

    Every path begins with the text; what else two questions share is read for each. Columns are given up when no path is open.

    Args:
        model: of transformers, as `Strip` takes it.
        step: prompt tokens computed at a time.
        window: the most columns.
        attentions: the attention of every layer.
        begin: returns what is left of the text, with nothing behind it, and how many of the text's tokens had been read.
        forget: has what is left, and what was read, let go.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - of transformers
        step: int,
        window: int,
        attentions: list[Any],
        begin: Callable[[], tuple[Left, int]],
        forget: Callable[[], None],
    ) -> None:
        super().__init__(model, step, window)
        self._attentions = attentions
        self._begin = begin
        self._forget = forget
        self._left = Left([])

    @property
    def columns(self) -> int:
        return self._left.after

    def expect(self, prompts: Sequence[Sequence[int]]) -> None:
        """Give up nothing: what is there is for these prompts."""

    def fits(self, ids: Sequence[int], beside: int) -> bool:
        new = len(ids) - len(self._left.ids)
        return self.columns + new + (len(self._open) + 1) * beside <= self._window

    def open(self, ids: Sequence[int]) -> "tuple[Path, int, torch.Tensor]":
        import torch

        known = len(self._left.ids)
        if not self._open:
            with torch.inference_mode():
                self._left, known = self._begin()
            self._cache = self._left.cache
        path, _, logits = super().open(ids)
        return path, known, logits

    def close(self, path: Path) -> None:
        if path in self._open:
            self._open.remove(path)

    def clear(self) -> None:
        self._open, self._left = [], Left([])
        self._forget()

    def bytes_of(self, path: Path) -> int:
        return self._left.bytes + self._left.beyond * len(path.columns) // self.columns

    def _nearest(self, ids: Sequence[int]) -> tuple[Path | None, int]:  # noqa: ARG002 - all begin with the text
        import torch

        return Path(self._left.ids, torch.empty(0, dtype=torch.int64)), len(self._left.ids)

    def _read_apart(self, path: Path, ids: list[int]) -> "torch.Tensor":
        return self._read_here(path, ids)

    def _run(
        self,
        cache: Any,  # noqa: ANN401
        ids: Sequence[int],
        positions: Sequence[int],
        mask: "torch.Tensor | None",
        keep: int = 1,
    ) -> "torch.Tensor":
        with self._left.attended(self._attentions, mask):
            return super()._run(cache, ids, positions, mask, keep)

    def _cut(self, columns: int) -> None:
        self._left.cut(columns)

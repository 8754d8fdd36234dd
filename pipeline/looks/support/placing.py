"""Ways of looking in which a key stands elsewhere than it does, depending on who looks."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rlc.pipeline.llms.support.llama_like import turned
from rlc.pipeline.looks.base import Layer, Looks

if TYPE_CHECKING:
    from torch import Tensor

Place = Callable[["Tensor"], "Tensor"]
"""From places in the text, float [tokens], to where tokens seem to stand: [tokens], or [tokens, dimension / 2] each."""


class View(NamedTuple):
    """How some keys are seen: `where` it holds, [rows, tokens], and where queries and keys seem to stand."""

    where: "Tensor"
    query: "Tensor"
    key: "Tensor"


@dataclass(frozen=True)
class Placing(Looks):
    """Queries and keys are turned by where they seem to stand. Subclasses say where that is."""

    unturned: ClassVar[bool] = True

    @abstractmethod
    def views(self, rows: "Tensor", keys: "Tensor", layer: Layer) -> Sequence[View]:
        """Say how the keys at these places, float [tokens], are seen from the rows at those, float [rows].

        Later views go over earlier ones, and the first holds everywhere.
        """

    def frequencies(self, layer: Layer) -> "Tensor":
        """Radians a place, [dimension / 2]: the model's own."""
        return layer.frequencies

    def logits(self, query: "Tensor", key: "Tensor", layer: Layer) -> "Tensor":
        """Products of turned queries and keys."""
        import torch

        frequencies = self.frequencies(layer)

        def turn(states: "Tensor", places: "Tensor") -> "Tensor":
            angles = (places if places.dim() > 1 else places[:, None]) * frequencies
            both = torch.cat([angles, angles], -1)
            cos, sin = both.cos() * layer.amplitude, both.sin() * layer.amplitude
            return turned(states, cos.to(states.dtype), sin.to(states.dtype))

        keys = torch.arange(key.shape[2], device=key.device, dtype=torch.float32)
        views = self.views(keys[layer.start : layer.start + query.shape[2]], keys, layer)
        logits = turn(query, views[0].query) @ turn(key, views[0].key).transpose(2, 3)
        for view in views[1:]:
            if bool(view.where.any()):
                other = turn(query, view.query) @ turn(key, view.key).transpose(2, 3)
                logits = logits.where(~view.where, other)
        return logits


def far_and_near(rows: "Tensor", keys: "Tensor", near: int, query: Place, key: Place) -> list[View]:
    """Two views: keys nearer than `near` stand where they are, the others where the two functions put them."""
    close = rows[:, None] - keys[None] < near
    return [View(~close, query(rows), key(keys)), View(close, rows, keys)]

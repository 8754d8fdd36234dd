"""Ways of looking in which an answer looks at some of the text only, chosen anew for every token that is written."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlc.pipeline.looks.base import Layer, Looks

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Choosing(Looks):
    """The prompt is read as ever; each token that is written looks at those that score best, and at itself.

    The attention over what is chosen is exact, and everything is kept: what is measured is the effect on answers, not a
    saving of time or memory. Subclasses score.

    Args:
        tokens: that are looked at, at most, or those that are always seen, where they are more; among equal scores the
            earlier ones.
        dense: the first layers, which look at everything.
    """

    tokens: int = 1024
    dense: int = 0

    def __post_init__(self) -> None:
        if self.tokens < 1 or self.dense < 0:
            raise ValueError(
                f"tokens must be at least 1 and dense not negative, got {self.tokens} and {self.dense}"
            )

    @abstractmethod
    def scores(self, query: "Tensor", key: "Tensor", layer: Layer) -> "Tensor":
        """How much each key is worth to each query: [batch, heads, rows, tokens], infinite for those that are always seen.

        A query's scores must not depend on what stands behind it. Shapes are those of `Looks.logits`.
        """

    def logits(self, query: "Tensor", key: "Tensor", layer: Layer) -> "Tensor":
        """Products, minus infinity where a key was not chosen."""
        import torch

        products = query @ key.transpose(2, 3)
        writing = slice(max(0, layer.prompt - layer.start), None)
        rows = torch.arange(layer.start, layer.start + query.shape[2], device=key.device)[writing]
        if not len(rows) or layer.index < self.dense or layer.prompt == 0:
            return products
        columns = torch.arange(key.shape[2], device=key.device)
        score = self.scores(query, key, layer)[:, :, writing].float()
        score = score.masked_fill(columns[None] == rows[:, None], float("inf"))
        score = score.masked_fill(columns[None] > rows[:, None], float("-inf"))
        best = score.sort(dim=-1, descending=True, stable=True).indices[..., : self.tokens]
        chosen = torch.zeros_like(score, dtype=torch.bool).scatter(-1, best, value=True)
        chosen |= score == float("inf")
        products[:, :, writing] = products[:, :, writing].masked_fill(~chosen, float("-inf"))
        return products


def by_pages(of_pages: "Tensor", page: int, layer: Layer, rows: int, length: int) -> "Tensor":
    """Hand the scores of whole pages, [batch, heads, rows, pages], on to their tokens.

    A row's own page and what is beyond the last whole one are always seen.
    """
    import torch

    score = of_pages.new_full((*of_pages.shape[:3], length), float("inf"))
    whole = of_pages.shape[3] * page
    score[..., :whole] = of_pages.repeat_interleave(page, -1)
    places = torch.arange(layer.start, layer.start + rows, device=score.device)
    own = torch.arange(length, device=score.device)[None] // page >= places[:, None] // page
    return score.masked_fill(own, float("inf"))

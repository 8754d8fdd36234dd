"""Squeezed attention: keys of a fixed text are clustered once, and a query looks into the clusters nearest to it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlc.pipeline.looks.base import Layer
from rlc.pipeline.looks.support.choosing import Choosing

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Squeezed(Choosing):
    """Look at the tokens of the clusters whose centres weigh most, with all that has been written.

    The prompt's keys are clustered by direction (k-means on unit vectors) for every head. A cluster weighs
    exp(q * centre / sqrt(dimension)).

    Source: Hooper et al., ACL 2025, arXiv 2411.09688 (a centre for every twenty keys). The authors cut by a threshold
    on the weights that they fit to a share of tokens; here the number of tokens itself is held, and the question, which
    they let choose too, is read whole.

    Args:
        tokens: that are looked at, at most.
        dense: the first layers, which look at everything.
        clusters: centres a token, in (0, 1].
        rounds: of k-means.
        seed: of the first centres.
    """

    clusters: float = 0.05
    rounds: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.clusters <= 1 or self.rounds < 1:
            raise ValueError(
                f"clusters is a share in (0, 1] and rounds at least 1, got {self.clusters} and {self.rounds}"
            )

    def scores(self, query: "Tensor", key: "Tensor", layer: Layer) -> "Tensor":
        """The product with the centre of each token's cluster."""
        if "of" not in layer.memory:
            many = max(1, round(self.clusters * layer.prompt))
            layer.memory["of"], layer.memory["centres"] = k_means(
                key[0, :, : layer.prompt], many, self.rounds, self.seed
            )
        of: Tensor = layer.memory["of"]
        centres: Tensor = layer.memory["centres"]
        near = query[0].float() @ centres.transpose(1, 2)  # [heads, rows, clusters]
        score = near.new_full((*near.shape[:2], key.shape[2]), float("inf"))
        score[..., : layer.prompt] = near.gather(2, of[:, None].expand(-1, near.shape[1], -1))
        return score[None]


def k_means(keys: "Tensor", many: int, rounds: int, seed: int) -> "tuple[Tensor, Tensor]":
    """Cluster the keys of each head by direction: the cluster of each, [heads, tokens], and the mean keys of all.

    `keys` is [heads, tokens, dimension]; the centres are float32 [heads, clusters, dimension]. The first ones are drawn
    by `seed`; a cluster that loses all its keys keeps its centre.
    """
    import torch
    from torch.nn.functional import normalize

    heads, length, dimension = keys.shape
    unit = normalize(keys.float(), dim=-1)
    draw = torch.randperm(length, generator=torch.Generator().manual_seed(seed))[:many].sort().values
    centres = unit[:, draw.to(keys.device)]
    of = torch.zeros(heads, length, dtype=torch.long, device=keys.device)

    def mean(states: "Tensor", kept: "Tensor") -> "Tensor":
        total = torch.zeros(heads, many, dimension, device=keys.device)
        total.scatter_add_(1, of[..., None].expand(-1, -1, dimension), states)
        count = torch.zeros(heads, many, device=keys.device).scatter_add_(
            1, of, torch.ones_like(of, dtype=torch.float32)
        )
        return torch.where(count[..., None] > 0, total / count.clamp(min=1)[..., None], kept)

    for _ in range(rounds):
        of = (unit @ normalize(centres, dim=-1).transpose(1, 2)).argmax(-1)
        centres = mean(unit, centres)
    return of, mean(keys.float(), centres)

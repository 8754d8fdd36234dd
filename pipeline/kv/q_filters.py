"""Q-Filters: keys are worth what they have of the direction that queries point in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from rlc.pipeline.kv.base import Scored
from rlc.pipeline.kv.support.states import once, queries

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class QFilters(Scored):
    """Keep the keys that lie furthest along the main direction of the queries of their head.

    The direction is the first right singular vector of the queries, signed so that the mean query lies along it;
    query heads that share a key head are averaged. The authors find it once a model, on other texts, and publish it for a few;
    here it is found on the text itself, from `sampled` of its queries at even distances.

    Source: Godey et al., arXiv 2503.02812.
    """

    sampled: int = 3000

    from_all: ClassVar[bool] = True

    def scores(
        self,
        module: Any,  # noqa: ANN401
        hidden_states: "torch.Tensor",
        keys: "torch.Tensor",
        values: "torch.Tensor",  # noqa: ARG002
        kwargs: Mapping[str, Any],
    ) -> "torch.Tensor":
        """What each key has of its head's direction."""

        def directions() -> "torch.Tensor":
            some = slice(None, None, max(1, hidden_states.shape[1] // self.sampled))
            cosines, sines = kwargs["position_embeddings"]
            asked = queries(module, hidden_states[:, some], (cosines[:, some], sines[:, some]))[0]
            return main_directions(asked).view(keys.shape[1], -1, keys.shape[3]).mean(1)

        filters = once(kwargs, f"directions of {self.sampled}", directions)
        along: torch.Tensor = (keys.float() * filters[None, :, None]).sum(-1)
        return along


def main_directions(vectors: "torch.Tensor") -> "torch.Tensor":
    """The first right singular vector of each head's vectors, signed along their mean, [heads, dimension].

    `vectors` are [heads, tokens, dimension].
    """
    import torch

    vectors = vectors.float()
    # The eigenvector of the largest eigenvalue of V^T V, which is small, is V's first right singular vector.
    directions = torch.linalg.eigh(vectors.mT @ vectors).eigenvectors[..., -1]
    along = (vectors.mean(1) * directions).sum(-1, keepdim=True)
    signed: torch.Tensor = directions * torch.where(along < 0, -1.0, 1.0)
    return signed

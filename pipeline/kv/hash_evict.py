"""HashEvict: keys whose hashes are far from the query's go, without a look at attention."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rlc.pipeline.kv.base import Scored
from rlc.pipeline.kv.support.states import queries

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class HashEvict(Scored):
    """Keep the keys that agree with the last token's queries on most signs of `hashes` random projections.

    The signs of two vectors agree on a projection the more often, the smaller the angle between them. Key heads take
    the sum over their query heads.

    Source: Liu et al., arXiv 2412.16187 (16 projections). The paper gives up one token at every new one; here as many as have to
    go, when the text is read.
    """

    hashes: int = 16
    seed: int = 0

    def scores(
        self,
        module: Any,  # noqa: ANN401
        hidden_states: "torch.Tensor",
        keys: "torch.Tensor",
        values: "torch.Tensor",  # noqa: ARG002
        kwargs: Mapping[str, Any],
    ) -> "torch.Tensor":
        """On how many projections the signs agree; the last token stays."""
        cosines, sines = kwargs["position_embeddings"]
        asked = queries(module, hidden_states[:, -1:], (cosines[:, -1:], sines[:, -1:]))
        asked = asked.view(
            1, keys.shape[1], -1, keys.shape[3]
        )  # [1, kv heads, query heads of each, dimension]
        scores = agreement(keys.float(), asked.float(), self.hashes, self.seed)
        scores[..., -1] = float("inf")
        return scores


def agreement(keys: "torch.Tensor", asked: "torch.Tensor", hashes: int, seed: int = 0) -> "torch.Tensor":
    """On how many random projections each key, [..., keys, dimension], has the signs of the queries, summed over these."""
    import torch

    drawn = torch.randn(keys.shape[-1], hashes, generator=torch.Generator().manual_seed(seed))
    projections = drawn.to(keys)
    signs = [torch.sign(one @ projections) for one in (keys, asked)]
    products: torch.Tensor = (signs[0] @ signs[1].mT).sum(-1)  # agreements less disagreements
    return (products + hashes * asked.shape[-2]) / 2

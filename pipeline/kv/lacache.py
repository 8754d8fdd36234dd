"""LaCache: every layer keeps other tokens, so that few tokens are lost to all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rlc.pipeline.kv.base import Scored

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class LaCache(Scored):
    """Keep every so-manieth token, in each layer one place further on: a ladder through the layers.

    With a share f kept, layer l keeps the tokens where the fraction of (t + l) f is below f: of each 1 / f neighbours one,
    and the next layer the next one. The first `sinks` and the last `recent` tokens stay in all layers.

    Source: Shi et al., ICML 2025, arXiv 2507.14204 (4 sinks; its span of layers over all layers is the share kept here). The
    authors apply the ladder again and again to a growing cache, oldest tokens first; here once, to all of the text alike.
    """

    sinks: int = 4
    recent: int = 32

    def scores(
        self,
        module: Any,  # noqa: ANN401
        hidden_states: "torch.Tensor",  # noqa: ARG002
        keys: "torch.Tensor",
        values: "torch.Tensor",  # noqa: ARG002
        kwargs: Mapping[str, Any],  # noqa: ARG002
    ) -> "torch.Tensor":
        """How early in its turn a token stands; infinite for those that stay everywhere."""
        import torch

        length = keys.shape[2]
        places = torch.arange(length, device=keys.device, dtype=torch.float64)
        old = length - self.sinks - self.recent
        share = max(0, self.budget(length) - self.sinks - self.recent) / max(1, old)
        scores: torch.Tensor = -((places - self.sinks + module.layer_idx) * share % 1)
        scores[: self.sinks] = scores[max(0, length - self.recent) :] = float("inf")
        return scores.expand(1, keys.shape[1], -1)

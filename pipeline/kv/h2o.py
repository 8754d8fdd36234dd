"""H2O: keep the heavy hitters, the keys that have got most attention, and the most recent ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from rlc.pipeline.kv.base import Scored
from rlc.pipeline.kv.support.states import attention_sums, once

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class H2O(Scored):
    """Keep what all of the text's tokens together attended to, and half of the budget for the latest tokens.

    Attention is computed again in blocks of rows: kvpress's `ObservedAttentionPress` wants it whole, which no long text
    has memory for, and keeps no recent tokens. It costs the time of one more pass over the text's attention, once for all budgets.

    Source: Zhang et al., NeurIPS 2023, arXiv 2306.14048 (heavy and recent halves alike). The paper evicts at every token;
    here once, when the text is read.
    """

    from_all: ClassVar[bool] = True

    def scores(
        self,
        module: Any,  # noqa: ANN401
        hidden_states: "torch.Tensor",
        keys: "torch.Tensor",
        values: "torch.Tensor",  # noqa: ARG002
        kwargs: Mapping[str, Any],
    ) -> "torch.Tensor":
        """Attention summed over all rows and the query heads of a key head; infinite for the latest tokens."""
        turns = kwargs["position_embeddings"]
        scores = once(kwargs, "attention", lambda: attention_sums(module, hidden_states, keys, turns)).clone()
        scores[..., keys.shape[2] - self.budget(keys.shape[2]) // 2 :] = float("inf")
        return scores

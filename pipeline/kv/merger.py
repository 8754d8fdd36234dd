"""KVMerger: neighbouring tokens whose keys are alike become one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rlc.pipeline.kv.base import Evicting, States
from rlc.pipeline.kv.support.states import attention_sums

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class KVMerger(Evicting):
    """Join the most similar neighbours of every head to runs, and keep one key and one value of each run.

    Neighbours are similar by the cosine of their keys; as many pairs are joined as tokens have to go, so every head keeps
    its budget. A run's pivot is the token that the last `observed` tokens attend to most; the others are added with the
    weight exp(-|k - pivot|² / 2s²), s the mean distance of the run's keys to the pivot, all weights of a run summing to 1.

    Source: Wang et al., arXiv 2407.08454, where a fixed threshold of similarity cuts the runs.
    """

    observed: int = 32

    @property
    def window(self) -> int:
        return self.observed

    def compress(
        self,
        module: Any,  # noqa: ANN401
        hidden_states: "torch.Tensor",
        keys: "torch.Tensor",
        values: "torch.Tensor",
        attentions: "torch.Tensor | None",  # noqa: ARG002 - kvpress's contract
        kwargs: dict[str, Any],
    ) -> States:
        """Merge the tokens of each run."""
        if not self.ratio:
            return keys, values
        cosines, sines = kwargs["position_embeddings"]
        tail = slice(-self.observed, None)
        attended = attention_sums(module, hidden_states[:, tail], keys, (cosines[:, tail], sines[:, tail]))
        runs = runs_of(keys[0], self.budget(keys.shape[2]))
        weights = gaussian_weights(keys[0], attended[0], runs)
        joined = [
            _summed(weights[..., None] * one[0].float(), runs).to(one.dtype)[None] for one in (keys, values)
        ]
        return joined[0], joined[1]


def runs_of(keys: "torch.Tensor", count: int) -> "torch.Tensor":
    """The run of every token, counted from 0 in reading order, [heads, length]: `count` runs a head.

    `keys` are [heads, length, dimension]. The runs are cut between the least similar neighbours; of equal ones the
    earlier.
    """
    import torch
    from torch.nn.functional import cosine_similarity

    alike = cosine_similarity(keys[:, :-1].float(), keys[:, 1:].float(), dim=-1)
    order = alike.sort(dim=-1, stable=True).indices[:, : count - 1]
    cuts = torch.zeros(keys.shape[:2], dtype=torch.long, device=keys.device)
    cuts.scatter_(1, order + 1, 1)
    return cuts.cumsum(-1)


def gaussian_weights(keys: "torch.Tensor", attended: "torch.Tensor", runs: "torch.Tensor") -> "torch.Tensor":
    """What each token adds to its run's key and value, [heads, length]; the weights of a run sum to 1."""
    import torch

    heads, length = runs.shape
    count = int(runs.max()) + 1
    most = attended.new_full((heads, count), float("-inf")).scatter_reduce_(1, runs, attended, "amax")
    places = torch.arange(length, device=runs.device).expand(heads, -1)
    held = torch.where(attended == most.gather(1, runs), places, length)  # of equal ones the first
    pivots = places.new_full((heads, count), length).scatter_reduce_(1, runs, held, "amin").gather(1, runs)
    pivot_keys = keys.gather(1, pivots[..., None].expand(-1, -1, keys.shape[-1]))
    squared = (keys.float() - pivot_keys.float()).square().sum(-1)
    sizes = _summed(torch.ones_like(squared), runs)
    spread = (_summed(squared.sqrt(), runs) / sizes).square().gather(1, runs)
    weights = torch.where(squared > 0, (-squared / (2 * spread.clamp_min(1e-12))).exp(), 1.0)
    return weights / _summed(weights, runs).gather(1, runs)


def _summed(numbers: "torch.Tensor", runs: "torch.Tensor") -> "torch.Tensor":
    """Sums over the tokens of each run, [heads, runs] or [heads, runs, dimension]."""
    count = int(runs.max()) + 1
    where = runs if numbers.dim() == runs.dim() else runs[..., None].expand_as(numbers)
    return numbers.new_zeros(runs.shape[0], count, *numbers.shape[2:]).scatter_add_(1, where, numbers)

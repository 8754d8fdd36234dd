"""The networks behind Provence: an encoder, a head that ranks the passage, a head that keeps or drops tokens."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import BertModel

ADAPTED = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
)
"""The linear maps of a BERT layer that adapters change."""


class PruningNetwork(nn.Module):
    """An encoder with two heads, read in one pass.

    Attributes:
        encoder: ids to states [batch, tokens, hidden], such as a transformers model.
        ranker: states [batch, tokens, hidden] and mask [batch, tokens] to ranking logits [batch].
        keeper: a linear map of a state to the logits of drop and keep, or to one logit of keep.
    """

    def __init__(self, encoder: nn.Module, ranker: nn.Module, keeper: nn.Linear) -> None:
        super().__init__()
        self.encoder = encoder
        self.ranker = ranker
        self.keeper = keeper

    def forward(self, ids: Tensor, types: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Ranking logits, float32 [batch], and keep logits, float32 [batch, tokens].

        The keep logit is that of the softmax over drop and keep: its sigmoid is the keep probability.
        """
        states = self.encoder(input_ids=ids, token_type_ids=types, attention_mask=mask)
        states = getattr(states, "last_hidden_state", states)
        keep = self.keeper(states).float()
        keep = keep[..., 1] - keep[..., 0] if keep.shape[-1] == 2 else keep[..., 0]
        return self.ranker(states, mask).float(), keep


class FirstToken(nn.Module):
    """Ranks by a linear map of the first token's state."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.linear = nn.Linear(hidden, 1)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002 - the face of all rankers
        """Compute the logits [batch] of the ranking head."""
        logits: Tensor = self.linear(states[:, 0])
        return logits[:, 0]


class LowRank(nn.Module):
    """A frozen linear map with a trained correction of low rank: y = W x + b + up(down(x)).

    Source: LoRA, Hu et al., ICLR 2022, arXiv 2106.09685; its scale is folded into the initialisation of `down`.
    """

    def __init__(self, linear: nn.Linear, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        self.linear = linear
        self.down = nn.Parameter(torch.empty(rank, linear.in_features))
        self.up = nn.Parameter(torch.zeros(linear.out_features, rank))
        bound = linear.in_features**-0.5
        with torch.no_grad():
            self.down.uniform_(-bound, bound, generator=generator)

    def forward(self, inputs: Tensor) -> Tensor:
        """The corrected map of [..., in] to [..., out]."""
        # One product with the changed weight: with thousands of tokens in a batch it is the cheaper order.
        return nn.functional.linear(inputs, self.linear.weight + self.up @ self.down, self.linear.bias)


def mini(encoder: "BertModel") -> PruningNetwork:
    """A BERT encoder with fresh heads on it."""
    hidden = encoder.config.hidden_size
    return PruningNetwork(encoder, FirstToken(hidden), nn.Linear(hidden, 1))


def adapt(network: PruningNetwork, rank: int, seed: int) -> None:
    """Put corrections of low rank on every linear map of the encoder's layers, in place.

    All else is frozen but biases, layer norms, token types and heads.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in network.encoder.named_parameters():
        parameter.requires_grad = _is_small(name)
    for _, parent, child in adapted(network):
        setattr(parent, child, LowRank(getattr(parent, child), rank, generator))


def adapted(network: PruningNetwork) -> Iterator[tuple[str, nn.Module, str]]:
    """The adapted maps: (name of the map, the module that holds it, its name there)."""
    for i, layer in enumerate(network.encoder.encoder.layer):  # type: ignore[union-attr, arg-type]
        for name in ADAPTED:
            parent, _, child = name.rpartition(".")
            yield f"{i}.{name}", layer.get_submodule(parent), child


def _is_small(name: str) -> bool:
    return name.endswith("bias") or "LayerNorm" in name or "token_type" in name


def extract(network: PruningNetwork, base: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What training changed, in float16: low-rank factors, differences of the small parameters to `base`, heads."""
    found: dict[str, Tensor] = {}
    for name, parent, child in adapted(network):
        map_ = getattr(parent, child)
        found[f"{name}.down"], found[f"{name}.up"] = map_.down, map_.up
    for name, value in base.items():
        if _is_small(name):
            current = _current(network, name)
            found[f"shift.{name}"] = current - value.to(current.device)
    for head in ("ranker", "keeper"):
        found |= {f"{head}.{name}": value for name, value in network.get_submodule(head).named_parameters()}
    return {name: value.detach().cpu().half().contiguous() for name, value in found.items()}


def _current(network: PruningNetwork, name: str) -> Tensor:
    """The parameter that has this name before `adapt` wraps its linear map."""
    place, _, leaf = name.rpartition(".")
    module = network.encoder.get_submodule(place)
    current: Tensor = getattr(module.linear if isinstance(module, LowRank) else module, leaf)
    return current


def merge(network: PruningNetwork, changes: Mapping[str, Tensor]) -> None:
    """Add what `extract` found to a fresh network, in place: afterwards it is a plain encoder with heads.

    A network that was given adapters of the same rank keeps them apart, to be trained on.

    Raises:
        KeyError: if the changes are of another architecture.
        RuntimeError: if a shape differs.
    """
    left = {name: value.float() for name, value in changes.items()}
    with torch.no_grad():
        for name, parent, child in adapted(network):
            up, down, map_ = left.pop(f"{name}.up"), left.pop(f"{name}.down"), getattr(parent, child)
            if isinstance(map_, LowRank):
                map_.up.copy_(up)
                map_.down.copy_(down)
            else:
                map_.weight.add_(up @ down)
        for head in ("ranker", "keeper"):
            for name, value in network.get_submodule(head).named_parameters():
                value.copy_(left.pop(f"{head}.{name}"))
        for name, shift in left.items():
            parameter = _current(network, name.removeprefix("shift."))
            if parameter.shape != shift.shape:
                raise RuntimeError(
                    f"{name} has the shape {tuple(shift.shape)}, expected {tuple(parameter.shape)}"
                )
            parameter.add_(shift)

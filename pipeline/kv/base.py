"""What is kept of a text's keys and values: kvpress's contract, so that its presses and our own are used alike."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    import torch

    from rlc.pipeline.llms.hf import HfLLM

States = tuple["torch.Tensor", "torch.Tensor"]


@dataclass(frozen=True)
class Footprint:
    """What a method keeps of a text's keys and values.

    `kept` is the share of the numbers, `bits` what each takes on average.
    """

    kept: float = 1.0
    bits: float = 16.0

    def bytes(self, numbers: int) -> int:
        """The size of what is kept of so many numbers."""
        return round(self.kept * numbers * self.bits / 8)


class Compresses(Protocol):
    """What `Press.begin` hands out: kvpress's `compress`, called once per layer when the text is read to its end."""

    def compress(
        self,
        module: Any,  # noqa: ANN401 - a layer's attention, of transformers
        hidden_states: "torch.Tensor",
        keys: "torch.Tensor",
        values: "torch.Tensor",
        attentions: "torch.Tensor | None",
        kwargs: dict[str, Any],
    ) -> States:
        """Make the keys and values of a layer fewer, or coarser.

        `hidden_states`, [1, tokens, width], are what the layer's attention was given for the text's last `window`
        tokens, or for all; keys (turned by their positions) and values are [1, kv heads, length, dimension], and so is
        what comes back. `kwargs` holds `position_embeddings`, the cosines and sines of the hidden states' positions,
        and `known` what was found in this layer of the text before (`rlc.pipeline.kv.support.states.once`). A method whose heads keep different tokens names what they give up in `module.masked_key_indices`, as kvpress does.
        """
        ...


LEAST = {
    "sinks": 0,
    "recent": 0,
    "residual": 0,
    "observed": 1,
    "kernel": 1,
    "stretch": 1,
    "short": 1,
    "block": 1,
    "lag": 1,
    "piece": 1,
    "group": 1,
    "future": 1,
    "sampled": 1,
    "sketch": 1,
    "hashes": 1,
    "beta": 1,
    "turn": 1,
    "ahead": 1,
}
"""The least value of settings, which mean the same in every method that has them."""
SHARES = ("safe", "lazy")
"""Settings in [0, 1]."""


@dataclass(frozen=True)
class Press(ABC):
    """The settings of a method. Subclasses that need nothing else compress themselves.

    Settings out of range are refused here, by `LEAST` and `SHARES`, and not by a library when a text has been read.
    """

    NEEDS: ClassVar[tuple[str, ...]] = ("torch", "transformers")
    VERSION: ClassVar[int] = 2
    sights: ClassVar[tuple[str, ...]] = ("document", "question")
    """When it can be applied: to the document before any question is known, or with the question in sight."""
    from_all: ClassVar[bool] = False
    """Whether it looks at the hidden states of the whole text."""
    rereads: ClassVar[bool] = False
    """Whether it reads the document once more by itself, in one step, as kvpress's context manager has it."""

    def __post_init__(self) -> None:
        for name, least in LEAST.items():
            if (value := getattr(self, name, least)) < least:
                raise ValueError(f"{name} must be at least {least}, got {value}")
        for name in SHARES:
            if not 0 <= (value := getattr(self, name, 0)) <= 1:
                raise ValueError(f"{name} is a share, in [0, 1]; got {value}")

    @property
    def window(self) -> int | None:
        """The last tokens whose hidden states it looks at; None where it needs those of the whole text."""
        return None if self.from_all else 1

    @property
    def drafts(self) -> bool:
        """Whether it looks from a draft of what follows the text, too, which what it begins writes: `draft(ids)`."""
        return False

    @abstractmethod
    def footprint(self, length: int, bits: int = 16) -> Footprint:
        """What it keeps of a text of so many tokens, in all layers together, where the model's own numbers have `bits`."""

    def check(self, engine: "HfLLM") -> None:  # noqa: B027 - most have nothing to hold
        """Hold that the settings suit an engine's model, before it is loaded; nothing, unless a subclass knows better.

        Raises:
            RlcError: if they do not.
        """

    def begin(self, model: Any) -> Any:  # noqa: ANN401, ARG002 - a transformers model; a `Compresses`
        """What compresses texts that this model reads."""
        return self


@dataclass(frozen=True)
class Evicting(Press):
    """A method that gives up a share of the keys and values.

    Args:
        ratio: the share that is given up, in [0, 1); 0 changes nothing.
    """

    ratio: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.ratio < 1:
            raise ValueError(f"ratio is the share that is given up, in [0, 1); got {self.ratio}")

    def footprint(self, length: int, bits: int = 16) -> Footprint:
        return Footprint(self.budget(length) / length, bits)

    def budget(self, length: int) -> int:
        """How many of `length` tokens stay: at least one."""
        return max(1, int(length * (1 - self.ratio)))


@dataclass(frozen=True)
class Scored(Evicting):
    """Keep the best-scored keys and values of every head, in their order; among equal scores the earlier ones."""

    @abstractmethod
    def scores(
        self,
        module: Any,  # noqa: ANN401 - a layer's attention, of transformers
        hidden_states: "torch.Tensor",
        keys: "torch.Tensor",
        values: "torch.Tensor",
        kwargs: Mapping[str, Any],
    ) -> "torch.Tensor":
        """How much each key is worth, [1, kv heads, length]; higher stays longer."""

    def compress(
        self,
        module: Any,  # noqa: ANN401
        hidden_states: "torch.Tensor",
        keys: "torch.Tensor",
        values: "torch.Tensor",
        attentions: "torch.Tensor | None",  # noqa: ARG002 - kvpress's contract
        kwargs: dict[str, Any],
    ) -> States:
        """Keep what scores best."""
        if not self.ratio:
            return keys, values
        scores = self.scores(module, hidden_states, keys, values, kwargs)
        return taken((keys, values), best(scores, self.budget(keys.shape[2])))


def best(scores: "torch.Tensor", count: int) -> "torch.Tensor":
    """The places of the best scores of every head, ascending, [1, kv heads, count]."""
    order = scores.sort(dim=-1, descending=True, stable=True).indices
    return order[..., :count].sort(dim=-1).values


def taken(states: States, places: "torch.Tensor") -> States:
    """The keys and values at these places of every head."""
    keys, values = (one.gather(2, places[..., None].expand(-1, -1, -1, one.shape[-1])) for one in states)
    return keys, values

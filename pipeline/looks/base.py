"""What all ways of looking share: the softmax, causality, and how a model is made to look so."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from rlc.pipeline.llms.support.llama_like import check_llama_like

if TYPE_CHECKING:
    import torch


@dataclass
class Layer:
    """What is known of a layer's tokens beside their queries and keys.

    Attributes:
        index: The layer, counted from 0.
        start: The place of the first query; keys stand at 0, 1, ...
        prompt: The tokens of the prompt; what stands behind them has been written.
        frequencies: Of the model's turns, [dimension / 2], in radians a place.
        amplitude: Of cosine and sine, other than 1 where the model was stretched by YaRN.
        positions: That the model was trained for.
        memory: What a method remembers of this layer until the next prompt.
    """

    index: int
    start: int
    prompt: int
    frequencies: "torch.Tensor"
    amplitude: float = 1.0
    positions: int = 2**31
    memory: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Looks(ABC):
    """How a token attends to those before it. Subclasses say how near a key is to a query; softmax and causality are here."""

    NEEDS: ClassVar[tuple[str, ...]] = ("torch", "transformers")
    VERSION: ClassVar[int] = 1

    unturned: ClassVar[bool] = False
    """Whether queries and keys come as they are, to be turned by their places here."""

    @abstractmethod
    def logits(self, query: "torch.Tensor", key: "torch.Tensor", layer: Layer) -> "torch.Tensor":
        """Products of queries, the last tokens, and all keys, not yet scaled: [batch, heads, rows, tokens].

        `query` is [batch, heads, rows, dimension], `key` [batch, heads, tokens, dimension]. Minus infinity where a query
        does not look; what stands behind a query is left out by who calls.
        """

    def reach(self, positions: int) -> int:
        """The longest text, in tokens, that a model of so many positions can read in this way."""
        return positions

    def check(self, config: Mapping[str, Any], name: str, forgetful: bool = False) -> None:
        """Hold that a model can look in this way; see `check_llama_like`.

        Raises:
            UnsupportedError: if its layers are not like Llama's.
        """
        check_llama_like(config, name, f"looks = {type(self).__name__}", forgetful)

    def attend(
        self,
        query: "torch.Tensor",
        key: "torch.Tensor",
        value: "torch.Tensor",
        layer: Layer,
        scaling: float,
    ) -> "torch.Tensor":
        """Attend in this way: [batch, heads, rows, dimension], in the shapes of `logits`."""
        import torch

        logits = self.logits(query, key, layer).float() * scaling
        rows = torch.arange(layer.start, layer.start + query.shape[2], device=query.device)
        later = torch.arange(key.shape[2], device=query.device)[None] > rows[:, None]
        return logits.masked_fill(later, float("-inf")).softmax(-1).to(value.dtype) @ value

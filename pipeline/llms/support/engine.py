"""What the engines here have in common: what is wished for stands in one record, which each of them answers by."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rlc.data.completed import in_order
from rlc.data.protocols import Generation, Prompt, Sampling


class Engine(ABC):
    """An engine that answers all prompts of a call together. Subclasses say how."""

    def generate(
        self,
        prompts: Sequence[Prompt],
        *,
        max_tokens: int,
        stop: Sequence[str] = (),
        logprobs: bool = False,
        schema: Mapping[str, Any] | None = None,
        temperature: float | None = None,
        seed: int = 0,
    ) -> list[Generation]:
        """Answer every prompt, in order, one generation each: see `rlc.data.protocols.LLM`.

        Raises:
            ValueError: if `max_tokens` or `temperature` is out of range.
            UnsupportedError: if the engine cannot give log-probabilities, follow a schema, or go on from a reply.
            EngineUnavailableError: if no request can be answered at all.
        """
        sampling = Sampling(max_tokens, tuple(stop), logprobs, schema, temperature, seed)
        return self._generate_all(prompts, sampling)

    @abstractmethod
    def _generate_all(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Generation]:
        """A generation a prompt, in order."""


class CompletingEngine(Engine):
    """An engine that knows when each of its answers ends. Subclasses yield them."""

    def _generate_all(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Generation]:
        return in_order(self.generate_as_completed(prompts, sampling))

    @abstractmethod
    def generate_as_completed(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[tuple[int, Generation]]:
        """Answer every prompt, each with its place as it ends: see `rlc.data.completed.GeneratesAsCompleted`."""

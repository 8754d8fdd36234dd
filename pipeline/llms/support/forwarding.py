"""Forwarding: an engine that is all that the engine behind it is, and takes generations from a memory first."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rlc.data.protocols import ENGINE_PROTOCOLS, LLM, Generation, Prompt, Tokenizer
from rlc.data.spec import fingerprint

STAGE = "generations"


class Memory(Protocol):
    """What holds generations by key: a sweep's dictionary, a store on disk, a recorder that asks nobody."""

    def recall_all(
        self,
        stage: str,
        wanted: Mapping[Hashable, Prompt],
        make: Callable[[list[Prompt]], Sequence[Generation]],
    ) -> Mapping[Hashable, Generation]:
        """A generation for every wanted prompt; `make` asks the engine for those that are not held."""
        ...


@dataclass
class ForwardingLLM:
    """Forward an engine's measures; generate what the memory does not hold. Made by `forward`.

    `identity` stands for everything about the engine that changes its generations.
    """

    llm: LLM
    memory: Memory
    identity: str

    @property
    def name(self) -> str:
        """The engine's name."""
        return self.llm.name

    @property
    def window(self) -> int:
        """The engine's window, in tokens."""
        return self.llm.window

    @property
    def tokenizer(self) -> Tokenizer:
        """The engine's tokenizer."""
        return self.llm.tokenizer

    def count(self, prompt: Prompt) -> int:
        """The tokens of the prompt, as the engine counts."""
        return self.llm.count(prompt)

    def generate(
        self,
        prompts: Sequence[Prompt],
        *,
        max_tokens: int,
        stop: Sequence[str] = (),
        logprobs: bool = False,
        schema: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> list[Generation]:
        """Generate in order; equal prompts under equal wishes are one question to the engine."""
        wishes = [self.identity, max_tokens, list(stop), logprobs, schema, seed]
        keys = [fingerprint([*wishes, prompt.system, prompt.prefix, prompt.question]) for prompt in prompts]
        generations = self.memory.recall_all(
            STAGE,
            dict(zip(keys, prompts, strict=True)),
            lambda missing: self.llm.generate(
                missing, max_tokens=max_tokens, stop=stop, logprobs=logprobs, schema=schema, seed=seed
            ),
        )
        return [generations[key] for key in keys]


def forward(llm: LLM, memory: Memory, identity: str = "") -> ForwardingLLM:
    """Wrap an engine: the result is a `Scorer` where the engine is one, and so on for every engine protocol.

    What is not `generate` goes to the engine as it stands.
    """
    members = {
        name: _forwarded(name)
        for protocol in ENGINE_PROTOCOLS
        if isinstance(llm, protocol)
        for name in vars(protocol)
        if not name.startswith("_") and not hasattr(ForwardingLLM, name)
    }
    # Protocols are checked on the class (Python 3.12 looks nowhere else), so every set of them has a class of its own.
    made: ForwardingLLM = type(ForwardingLLM.__name__, (ForwardingLLM,), members)(llm, memory, identity)
    return made


def _forwarded(name: str) -> property:
    return property(lambda self: getattr(self.llm, name))

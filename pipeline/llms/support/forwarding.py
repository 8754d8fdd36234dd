"""Forwarding: an engine that is all that the engine behind it is, and takes generations from a memory first."""

from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import partial
from typing import Any, Protocol, TypeVar

from rlc.data.completed import GeneratesAsCompleted, generations_as_completed
from rlc.data.memory import Memory
from rlc.data.protocols import (
    ENGINE_PROTOCOLS,
    LLM,
    Adaptable,
    Generation,
    Prompt,
    Sampling,
    Tokenizer,
    Way,
    adapted,
    seeded,
    together,
)
from rlc.data.spec import fingerprint
from rlc.pipeline.llms.support.engine import CompletingEngine, Engine

STAGE = "generations"
SCORED = (
    "spans"  # at first log-probabilities were kept without the spans of their tokens: these are asked again
)
Wrapper = TypeVar("Wrapper", bound="Forwarding")
T = TypeVar("T")


class GenerationMemory(Memory, Protocol):
    """What holds generations by key: a sweep's dictionary, a store on disk, a recorder that asks nobody."""

    def holds(self, stage: str, key: Hashable) -> bool:
        """Whether the engine need not be asked for it."""
        ...


@dataclass
class Forwarding(Engine):
    """Forward an engine's measures; subclasses say what becomes of its generations."""

    llm: LLM

    @property
    def name(self) -> str:
        return self.llm.name

    @property
    def window(self) -> int:
        """The engine's window, in tokens."""
        return self.llm.window

    @property
    def tokenizer(self) -> Tokenizer:
        return self.llm.tokenizer

    @property
    def together(self) -> int:
        """How many prompts the engine likes to answer at once."""
        return together(self.llm)

    @property
    def seeded(self) -> bool:
        """Whether the engine takes a seed for each prompt."""
        return seeded(self.llm)

    @property
    def temperature(self) -> float | None:
        """The engine's own; None where it does not say."""
        return getattr(self.llm, "temperature", None)

    def count(self, prompt: Prompt) -> int:
        """The tokens of the prompt, as the engine counts."""
        return self.llm.count(prompt)

    @abstractmethod
    def around(self, llm: LLM, identity: str) -> "Forwarding":
        """Wrap an engine that was made of this one's alike; its `identity` tells the two apart."""


@dataclass
class ForwardingLLM(Forwarding):
    """Generate what the memory does not hold. Made by `forward`.

    `identity` stands for everything about the engine that changes its generations.
    """

    memory: GenerationMemory
    identity: str

    def around(self, llm: LLM, identity: str) -> "ForwardingLLM":
        return forward(llm, self.memory, fingerprint([self.identity, identity]))

    def _generate_all(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Generation]:
        """Generate in order; equal prompts under equal wishes are one question to the engine."""
        keys = self._keys(prompts, sampling)
        generations = self.memory.recall_all(
            STAGE,
            dict(zip(keys, prompts, strict=True)),
            lambda missing: self.llm.generate(missing, **sampling.wishes),
        )
        return [generations[key] for key in keys]

    def _keys(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[str]:
        """What identifies the generations; those of no temperature are what they were before there were temperatures."""
        scored = SCORED if sampling.logprobs else False
        wishes = [sampling.max_tokens, list(sampling.stop), scored, sampling.schema]
        heat = [] if sampling.temperature is None else [{"temperature": sampling.temperature}]
        return [
            fingerprint([self.identity, *wishes, sampling.seed_of(prompt), *heat, *prompt.identity])
            for prompt in prompts
        ]

    def recall(
        self,
        about: Sequence[object],
        prompts: Sequence[Prompt],
        make: Callable[[list[Prompt]], Sequence[Generation]],
    ) -> list[Generation]:
        """What the memory holds of prompts that are read in another way than to be answered; else what `make` makes of them.

        `about` says, as plain data, in which way.
        """
        keys = [fingerprint([self.identity, *about, *prompt.identity]) for prompt in prompts]
        held: Mapping[Any, Generation] = self.memory.recall_all(
            STAGE, dict(zip(keys, prompts, strict=True)), make
        )
        return [held[key] for key in keys]


class CompletingLLM(ForwardingLLM):
    """Forward to an engine that yields each generation when it ends."""

    def generate_as_completed(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[tuple[int, Generation]]:
        """Yield what is held, then each of the others as soon as the engine has it, already remembered."""
        keys = self._keys(prompts, sampling)
        places: dict[str, list[int]] = {}
        for place, key in enumerate(keys):
            places.setdefault(key, []).append(place)
        wanted = {key: prompts[first[0]] for key, first in places.items()}
        missing = [key for key in wanted if not self.memory.holds(STAGE, key)]
        held: dict[Hashable, Prompt] = {key: wanted[key] for key in wanted.keys() - set(missing)}
        found = self.memory.recall_all(STAGE, held, lambda _: [])
        yield from ((place, found[key]) for key in wanted if key in held for place in places[key])
        if not missing:
            return
        for i, generation in generations_as_completed(self.llm, [wanted[key] for key in missing], sampling):
            self.memory.recall_all(STAGE, {missing[i]: wanted[missing[i]]}, partial(_only, generation))
            yield from ((place, generation) for place in places[missing[i]])


def _only(generation: Generation, _: list[Prompt]) -> list[Generation]:
    return [generation]


@dataclass
class TemperedLLM(Forwarding, CompletingEngine):
    """Generate at another temperature where a call has none of its own. Made by `at_temperature`."""

    heat: float

    def around(self, llm: LLM, identity: str) -> "TemperedLLM":  # noqa: ARG002 - it keeps nothing
        return at_temperature(llm, self.heat)

    def generate_as_completed(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[tuple[int, Generation]]:
        """Yield each generation as soon as the engine hands it out."""
        heat = self.heat if sampling.temperature is None else sampling.temperature
        yield from generations_as_completed(self.llm, prompts, replace(sampling, temperature=heat))


def forward(llm: LLM, memory: GenerationMemory, identity: str = "") -> ForwardingLLM:
    """Let an engine take generations from a memory first."""
    kind = CompletingLLM if isinstance(llm, GeneratesAsCompleted) else ForwardingLLM
    return all_that(llm, kind)(llm, memory, identity)


def at_temperature(llm: LLM, temperature: float) -> TemperedLLM:
    """Let an engine write at a temperature that is not its own."""
    return all_that(llm, TemperedLLM)(llm, temperature)


def all_that(llm: LLM, kind: type[Wrapper]) -> type[Wrapper]:
    """The kind of wrapper that is a `Scorer` where the engine is one, and so on for every engine protocol.

    What is not `generate` goes to the engine as it stands.
    """
    members: dict[str, Any] = {
        name: _forwarded(name)
        for protocol in ENGINE_PROTOCOLS
        if isinstance(llm, protocol)
        for name in vars(protocol)
        if not name.startswith("_") and not hasattr(kind, name)
    }
    if isinstance(llm, Adaptable):
        members["adapted"] = _adapted  # what comes of it generates too, and is wrapped alike
    # Protocols are checked on the class (Python 3.12 looks nowhere else), so every set of them has a class of its own.
    return type(kind.__name__, (kind,), members)


def remembering(part: T, memory: GenerationMemory, identity: str) -> T:
    """The part of a recipe whose engines take from a memory what they have written before; one without engines is itself.

    `identity` stands for everything about the part that changes what they write.
    """
    if not is_dataclass(part):
        return part
    engines: dict[str, Any] = {
        f.name: forward(engine, memory, fingerprint([identity, f.name]))
        for f in fields(part)
        if f.init and isinstance(engine := getattr(part, f.name), LLM)
    }
    return replace(part, **engines) if engines else part  # type: ignore[type-var]


def _forwarded(name: str) -> property:
    return property(lambda self: getattr(self.llm, name))


def _adapted(self: Forwarding, way: Way) -> Forwarding:
    return self.around(adapted(self.llm, way), way.identity)

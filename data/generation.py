"""What a language model is asked, how it is to answer, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlc.data.records import Usage

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Prompt:
    """What a language model is asked.

    `prefix` has identical bytes for every question on the same document, so that an engine can keep what it
    computed for it; `question` is what follows. `system` goes into the system role where the model has one. `reply` is
    put into the model's mouth: the answer goes on from it, and does not hold it. Engines that cannot do so refuse it.
    `seed` goes before the call's, of an engine that is `seeded` and samples: so one call may sample a prompt several times.
    """

    prefix: str
    question: str
    system: str = ""
    reply: str = ""
    seed: int | None = field(default=None, kw_only=True)

    @property
    def text(self) -> str:
        """What stands in the user's turn and in the model's mouth; spans of a prompt are spans of this."""
        return self.prefix + self.question + self.reply

    @property
    def whole(self) -> str:
        """All that the model reads, in the order in which it reads it."""
        return self.system + self.text

    @property
    def parts(self) -> tuple[str, ...]:
        """The texts of the prompt; those without a reply are what they were before there were replies."""
        return (self.system, self.prefix, self.question, *((self.reply,) if self.reply else ()))

    @property
    def identity(self) -> tuple[str, ...]:
        """What tells the prompt apart in a store: its texts."""
        return self.parts


@dataclass(frozen=True, eq=False)
class TokenLogprobs:
    """How likely the tokens of one text are.

    `spans` are the tokens' half-open character spans, which tile the text; `values` their log-probabilities (natural),
    float32 [tokens]. A token that completes no character has an empty span.
    """

    spans: list[tuple[int, int]]
    values: Floats

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TokenLogprobs)
            and self.spans == other.spans
            and np.array_equal(self.values, other.values)
        )

    __hash__ = None  # type: ignore[assignment]

    def within(self, start: int, end: int) -> "TokenLogprobs":
        """Cut to the tokens that spell a half-open part of the text, with spans in the part."""
        inside = [i for i, (a, b) in enumerate(self.spans) if a < end and (b > start or a == b == start)]
        cut = [self.spans[i] for i in inside]
        spans = [(max(a, start) - start, min(b, end) - start) for a, b in cut]
        return TokenLogprobs(spans, self.values[inside])


@dataclass(frozen=True)
class Generation:
    """What a language model answered. `error` says why there is no text; the batch around it is unharmed.

    `finish_reason` is `stop`, `length` or `error`. `logprobs` says how likely the tokens of `text` are, where that was
    asked for. `thought` is what the model thought aloud before it answered; it is no part of
    `text`. `note` says what a reader of the figures should know of an answer that is none the less one.
    """

    text: str
    finish_reason: str = "stop"
    usage: Usage = Usage()
    logprobs: TokenLogprobs | None = None
    error: str | None = None
    thought: str = ""
    note: str = ""

    @property
    def cost(self) -> Usage:
        """The usage, counted as one call in one round."""
        return replace(self.usage, calls=1, rounds=1)


@dataclass(frozen=True)
class Sampling:
    """How prompts are answered: all that `LLM.generate` takes beside them, checked once for all engines.

    Attributes:
        max_tokens: The most new tokens of an answer.
        stop: Texts before which an answer ends.
        logprobs: Whether the log-probabilities of the new tokens are wanted.
        schema: A JSON schema that an answer follows; None wants text.
        temperature: 0 is greedy, above 0 samples; None is the engine's own.
        seed: Of an engine that samples.

    Raises:
        ValueError: if `max_tokens` is below 1 or the temperature is negative.
    """

    max_tokens: int
    stop: tuple[str, ...] = ()
    logprobs: bool = False
    schema: Mapping[str, Any] | None = None
    temperature: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens must be at least 1, got {self.max_tokens}")
        if self.temperature is not None and not 0 <= self.temperature < float("inf"):
            raise ValueError(f"temperature must be 0 or more, got {self.temperature}")

    def seed_of(self, prompt: Prompt) -> int:
        """The seed that a prompt is answered with."""
        return self.seed if prompt.seed is None else prompt.seed

    @property
    def wishes(self) -> dict[str, Any]:
        """As `LLM.generate` takes them; no temperature where none is wanted, so that an engine need not know of it."""
        wishes = {f.name: getattr(self, f.name) for f in fields(self)}
        if self.temperature is None:
            del wishes["temperature"]
        return wishes

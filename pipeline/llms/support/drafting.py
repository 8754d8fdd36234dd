"""An engine whose answers a second model, which has read something else, drafts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from rlc.data.errors import ContextOverflowError, UnsupportedError
from rlc.data.protocols import LLM, Generation, Prompt, Sampling
from rlc.pipeline.llms.support.adapted import AdaptedLLM, Begun, check_engine
from rlc.pipeline.llms.support.reading import Reading
from rlc.pipeline.llms.support.speculation import Speculation, speculate
from rlc.pipeline.llms.support.writing import Writing

if TYPE_CHECKING:
    import torch

    from rlc.pipeline.llms.hf import HfLLM

ENRICHED = "are moved towards the passages by eta = {:g}, and are not what the model alone would write"


@dataclass(frozen=True)
class DraftedPrompt(Prompt):
    """A prompt with the one that a drafter reads in its place."""

    draft: Prompt = field(default_factory=lambda: Prompt("", ""))

    @property
    def parts(self) -> tuple[str, ...]:
        """What identifies the prompt: the texts of both."""
        return (*super().parts, *self.draft.parts)


@dataclass(frozen=True)
class Drafting:
    """A `rlc.data.protocols.Way`: `DraftedPrompt`s are answered by speculation.

    `drafter` is the model that reads the drafts' prompts; None takes the engine's own.
    """

    how: Speculation
    drafter: LLM | None = field(default=None, repr=False)

    @property
    def identity(self) -> str:
        """What tells it from other ways."""
        return f"{self.how} by {'itself' if self.drafter is None else self.drafter.name}"

    def over(self, engine: "HfLLM") -> LLM:
        """The engine over another's model."""
        from rlc.pipeline.llms.hf import HfLLM

        drafter = self.drafter if self.drafter is not None else engine
        while not isinstance(drafter, HfLLM) and hasattr(drafter, "llm"):  # what wraps an engine
            drafter = drafter.llm
        if not isinstance(drafter, HfLLM):
            raise UnsupportedError(
                f"{drafter.name} cannot draft: its model is out of reach; take the engine hf for it"
            )
        return SpeculatingLLM(engine, drafter, self.how)


class SpeculatingLLM(AdaptedLLM):
    """Answers `DraftedPrompt`s; what was read of the last document is kept.

    Args:
        engine: the target.
        drafter: whose model drafts.
        how: the settings.
    """

    what = "speculation with a drafter that read something else"

    def __init__(self, engine: "HfLLM", drafter: "HfLLM", how: Speculation) -> None:
        super().__init__(engine)
        self._how = how
        self._other = drafter
        self._belief: torch.Tensor

    @cached_property
    def _readings(self) -> tuple[Reading, Reading]:
        """Of the target and of the drafter."""
        target, drafter = (Reading(engine._model, step=engine._step) for engine in (self.engine, self._other))
        return target, drafter

    def check(self) -> None:
        """Hold that both models can be cut back and speak the same tokens.

        Raises:
            UnsupportedError: if they cannot, or do not.
        """
        super().check()
        check_engine(self._other, self.what)
        mine, its = (engine._chat.codec.get_vocab() for engine in (self.engine, self._other))
        if mine != its:
            raise UnsupportedError(
                f"{self._other.name} cannot draft for {self.name}: their tokens are others ({len(its)} and {len(mine)}); take "
                "a drafter of the same family"
            )

    def read(self, prompt: Prompt, limit: int) -> Begun:
        """Let both read theirs."""
        if not isinstance(prompt, DraftedPrompt):
            raise UnsupportedError(
                f"{self.what} answers prompts with a draft's prompt beside them, got one without"
            )
        plain = Prompt(prompt.prefix, prompt.question, prompt.system, prompt.reply)
        given: list[int] = []
        logits: list[torch.Tensor] = []
        kept = 0
        for engine, part in ((self.engine, plain), (self._other, prompt.draft)):
            ids = engine._chat.encode(part)
            if len(ids) + limit > engine.window + engine._thinking_room:
                raise ContextOverflowError(
                    f"a prompt of {len(ids)} tokens and an answer of {limit} exceed the window of {engine.window} of "
                    f"{engine.name}: take fewer or smaller passages, or a smaller max_tokens"
                )
            reading = self._readings[len(logits)]
            shared = reading.begin(ids)
            logits.append(reading.read(ids[shared:])[-1])
            given += ids
            kept += shared
        self._belief = logits[1]
        return Begun(self._readings[0], logits[0], given, kept, self._readings[1].nbytes)

    def generate_as_completed(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[tuple[int, Generation]]:
        """As `AdaptedLLM`; what cannot be had is refused before anything is read.

        Raises:
            UnsupportedError: if a temperature or log-probabilities are asked for, too.
        """
        heat = self.temperature if sampling.temperature is None else sampling.temperature
        if heat or sampling.logprobs:
            raise UnsupportedError(
                f"{self.what} takes the likeliest token each time and tells no log-probabilities: set temperature = 0, or "
                "use the engine hf"
            )
        yield from super().generate_as_completed(prompts, sampling)

    def write(self, begun: Begun, writing: Writing) -> str:
        """Speculate, and note where the drafter had a say."""
        speculate(*self._readings, begun.logits, self._belief, self._how, writing)
        return ENRICHED.format(self._how.eta) if self._how.eta else ""

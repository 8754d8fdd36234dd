"""Engines over the model of the `hf` engine that read or write in a way of their own."""

import time
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from rlc.data.errors import ContextOverflowError, UnsupportedError
from rlc.data.protocols import Generation, Prompt, Sampling, Tokenizer
from rlc.data.records import Usage
from rlc.pipeline.llms.support.causal_model import layers_that_forget
from rlc.pipeline.llms.support.engine import CompletingEngine
from rlc.pipeline.llms.support.reading import Reading
from rlc.pipeline.llms.support.thought import separate_thought
from rlc.pipeline.llms.support.writing import Writing, failed

if TYPE_CHECKING:
    import torch

    from rlc.pipeline.llms.hf import HfLLM


class Begun(NamedTuple):
    """A prompt that has been read.

    Attributes:
        reading: What its answer goes on from.
        logits: Of the last token, [vocabulary].
        ids: The tokens that were given.
        cached: How many of them were not computed.
        other_bytes: Of keys and values beside the reading's.
    """

    reading: Reading
    logits: "torch.Tensor"
    ids: list[int]
    cached: int
    other_bytes: int = 0


class AdaptedLLM(CompletingEngine):
    """A prompt at a time, read and written by a subclass with the model and the settings of an `hf` engine.

    Args:
        engine: whose model, window and chat template these are; its kept prefix is left alone.
    """

    together = 1
    what: str  # what this is, in messages

    def __init__(self, engine: "HfLLM") -> None:
        self.engine = engine
        self.name = engine.name
        self.temperature = engine.temperature

    @property
    def window(self) -> int:
        """Usable context in tokens."""
        return self.engine.window

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's own tokenizer."""
        return self.engine.tokenizer

    def count(self, prompt: Prompt) -> int:
        """The tokens of the prompt as the model sees it, chat template included."""
        return self.engine.count(prompt)

    @abstractmethod
    def read(self, prompt: Prompt, limit: int) -> Begun:
        """Read a prompt whose answer may have `limit` tokens.

        Raises:
            ContextOverflowError: if the two do not fit the window together.
        """

    def write(self, begun: Begun, writing: Writing) -> str:
        """Write the answer; return what is to be noted of it."""
        writing.take(begun.logits)
        while not writing.is_ended:
            writing.take(begun.reading.read(writing.tokens[-1:])[-1])
        return ""

    def attending(self) -> AbstractContextManager[None]:
        """What holds while a prompt is read and answered, such as another attention."""
        return nullcontext()

    def check(self) -> None:
        """Hold that the model can be read and written with in this way.

        Raises:
            UnsupportedError: if it cannot.
        """
        check_engine(self.engine, self.what)

    def generate_as_completed(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[tuple[int, Generation]]:
        """Answer every prompt, each with its place as it ends; one that fails carries its error and the others go on.

        Raises:
            UnsupportedError: if a schema is asked for.
            EngineUnavailableError: if the model cannot be loaded.
        """
        if sampling.schema is not None:
            raise UnsupportedError(f"{self.what} follows no schema; use an endpoint that can")
        for place, prompt in enumerate(prompts):
            try:
                generation = self._answer(prompt, sampling)
            except (
                ContextOverflowError,
                RuntimeError,
                MemoryError,
            ) as error:  # torch's own are RuntimeErrors
                generation = failed(error)
            yield place, generation

    def _answer(self, prompt: Prompt, sampling: Sampling) -> Generation:
        import torch

        engine = self.engine
        limit = sampling.max_tokens + engine._thinking_room
        heat = self.temperature if sampling.temperature is None else sampling.temperature
        _ = engine._model  # loaded before the clock starts
        started = time.perf_counter()
        with torch.inference_mode(), self.attending():
            begun = self.read(prompt, limit)
            begun.logits.cpu()  # waits for the device: its time is the reading's
            prefilled = time.perf_counter()
            size = begun.reading.nbytes + begun.other_bytes
            writing = Writing(prompt, begun.ids, limit, sampling, heat, engine._chat, engine._end_tokens)
            note = self.write(begun, writing)
        done = time.perf_counter()
        writing.charge(
            Usage(
                cached_tokens=begun.cached,
                kv_bytes=size,
                first_token_seconds=prefilled - started,
                prefill_seconds=prefilled - started,
                decode_seconds=done - prefilled,
                seconds=done - started,
            )
        )
        raw = replace(writing.generation, note=note)
        return separate_thought(raw, self.tokenizer, sampling.max_tokens, opened=engine._chat.opens_thought)


def check_engine(engine: "HfLLM", what: str) -> None:
    """Hold that an engine is `hf` itself, and that what its model has read can be cut back.

    Raises:
        UnsupportedError: if not; `what` names what needs it.
    """
    from rlc.pipeline.llms.hf import HfLLM

    if type(engine) is not HfLLM or engine._looks is not None:
        own = "its setting looks" if type(engine) is HfLLM else type(engine).__name__
        raise UnsupportedError(
            f"{what} works over the engine hf alone, and {own} reads in a way of its own: leave it out"
        )
    if kinds := layers_that_forget(engine._place, engine._revision):
        raise UnsupportedError(
            f"{what} works over models whose layers attend to everything before them; {engine.name} has {', '.join(kinds)}: "
            "take another"
        )

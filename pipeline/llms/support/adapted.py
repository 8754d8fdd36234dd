"""Engines over the model of the `hf` engine that read or write in a way of their own."""

import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, NamedTuple

from rlc.data.errors import ContextOverflowError, UnsupportedError, describe
from rlc.data.protocols import Generation, Prompt, Sampling, Tokenizer
from rlc.data.records import Usage
from rlc.pipeline.llms.support.causal_model import layers_that_forget
from rlc.pipeline.llms.support.engine import CompletingEngine
from rlc.pipeline.llms.support.reading import Reading
from rlc.pipeline.llms.support.stopping import cut_at_stop
from rlc.pipeline.llms.support.thought import separate_thought

if TYPE_CHECKING:
    import torch

    from rlc.pipeline.llms.hf import HfLLM

Ended = Callable[[Sequence[int]], bool]
"""Whether an answer of these tokens is at its end."""


class Begun(NamedTuple):
    """A prompt that has been read: the reading, the last token's logits [vocabulary], and the tokens given and kept."""

    reading: Reading
    logits: "torch.Tensor"
    prompt_tokens: int
    cached_tokens: int
    other_bytes: int = 0  # of keys and values beside the reading's


class AdaptedLLM(CompletingEngine):
    """A prompt at a time, read and written by a subclass with the model and the settings of an `hf` engine.

    Args:
        engine: whose model, window and chat template these are; its kept prefix is left alone.
    """

    together = 1
    temperature = 0.0
    what: str  # what needs a model like Llama, in messages

    def __init__(self, engine: "HfLLM") -> None:
        self.engine = engine
        self.name = engine.name

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

    def write(self, begun: Begun, limit: int, ended: Ended) -> tuple[list[int], str]:
        """Write the answer's tokens, the likeliest one after the other; return them and a note on how that went."""
        tokens = [int(begun.logits.argmax())]
        while not ended(tokens) and len(tokens) < limit:
            tokens.append(int(begun.reading.read(tokens[-1:])[-1].argmax()))
        return tokens, ""

    def attending(self, prompt: Prompt) -> AbstractContextManager[object]:  # noqa: ARG002
        """What holds while a prompt is read and answered, such as another attention."""
        return nullcontext()

    def generate_as_completed(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[tuple[int, Generation]]:
        """Answer every prompt, each with its place as it ends; one that fails carries its error and the others go on.

        Raises:
            UnsupportedError: if log-probabilities, a schema or samples are asked for, or the model cannot be read so.
            EngineUnavailableError: if the model cannot be loaded.
        """
        if sampling.schema is not None or sampling.logprobs:
            raise UnsupportedError(
                f"{self.what} gives no log-probabilities and follows no schema; use the engine hf"
            )
        heat = self.engine.temperature if sampling.temperature is None else sampling.temperature
        if heat:
            raise UnsupportedError(
                f"{self.what} takes the likeliest token each time: set temperature = 0, not {heat}"
            )
        self.check()
        for place, prompt in enumerate(prompts):
            try:
                generation = self._answer(prompt, sampling.max_tokens, sampling.stop)
            except (
                ContextOverflowError,
                RuntimeError,
                MemoryError,
            ) as error:  # torch's own are RuntimeErrors
                generation = Generation("", "error", error=describe(error))
            yield place, generation

    def check(self) -> None:
        """Hold that the model can be read and written with in this way.

        Raises:
            UnsupportedError: if it cannot.
        """
        check_engine(self.engine, self.what)

    def _answer(self, prompt: Prompt, max_tokens: int, stop: Sequence[str]) -> Generation:
        import torch

        engine = self.engine
        limit = max_tokens + engine._thinking_room
        _ = engine._model  # loaded before the clock starts

        def ended(tokens: Sequence[int]) -> bool:
            return tokens[-1] in engine._end_tokens or cut_at_stop(engine._chat.decode(tokens), stop)[1]

        started = time.perf_counter()
        with torch.inference_mode(), self.attending(prompt):
            begun = self.read(prompt, limit)
            prefilled = time.perf_counter()
            size = begun.reading.nbytes + begun.other_bytes
            tokens, note = self.write(begun, limit, ended)
        done = time.perf_counter()
        raw = Generation(
            text=cut_at_stop(engine._chat.decode(tokens), stop)[0].strip(),
            finish_reason="stop" if ended(tokens) else "length",
            usage=Usage(
                prompt_tokens=begun.prompt_tokens,
                cached_tokens=begun.cached_tokens,
                output_tokens=len(tokens),
                kv_bytes=size,
                first_token_seconds=prefilled - started,
                prefill_seconds=prefilled - started,
                decode_seconds=done - prefilled,
                seconds=done - started,
            ),
            note=note,
        )
        return separate_thought(raw, self.tokenizer, max_tokens, opened=engine._chat.opens_thought)


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

"""Language models through transformers, in this process; the keys and values of a shared prefix are kept."""

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, ClassVar

from rlc.data import precision
from rlc.data.errors import ContextOverflowError, UnsupportedError
from rlc.data.protocols import LLM, Generation, Prompt, Sampling, Tokenizer, Way, Weights
from rlc.data.spec import Spec, fingerprint
from rlc.data.tokens import load_tokenizer
from rlc.pipeline.llms.support import thought
from rlc.pipeline.llms.support.batching import in_documents
from rlc.pipeline.llms.support.causal_model import (
    DTYPES,
    end_tokens,
    is_rotary,
    layers_that_forget,
    load_model,
)
from rlc.pipeline.llms.support.chat import shared_chat
from rlc.pipeline.llms.support.config import read_config
from rlc.pipeline.llms.support.engine import CompletingEngine
from rlc.pipeline.llms.support.names import local_or_hub
from rlc.pipeline.llms.support.one_by_one import EMPTY, OneByOne
from rlc.pipeline.llms.support.rope import check_rope, check_window, stretched
from rlc.pipeline.llms.support.scoring import ScoringInProcess
from rlc.pipeline.llms.support.side_by_side import answer_side_by_side
from rlc.pipeline.llms.support.strip import Strip
from rlc.pipeline.llms.support.watch import Watching
from rlc.pipeline.llms.support.weighing import WeighingInProcess
from rlc.pipeline.llms.support.writing import Writing, failed
from rlc.pipeline.looks.base import Looks

log = logging.getLogger(__name__)


class HfLLM(OneByOne, CompletingEngine, ScoringInProcess, Watching, WeighingInProcess):
    """A causal language model by alias, folder or Hugging Face id.

    Prompts of a call are answered side by side: each is read, and then one pass over the weights writes a token of all
    their answers. What a prompt shares with another, token for token from the start, is neither computed nor held
    again, so questions on one document pay for it once; some of what was read stays for the next call. An answer does
    not depend on its company, but for the last bits of sums, which bfloat16 has few of. Models whose layers forget, or
    whose positions are not rotary, answer one prompt after the other.

    Args:
        model: alias, folder or Hugging Face id.
        window: usable context in tokens; by default the model's own number of positions.
        dtype: `float32`, `bfloat16`, `float16`, or `auto`: bfloat16 where the processor or GPU has instructions for it.
        prefill_step: prompt tokens computed at a time; bounds the memory of a long prompt. Of 1,834 and 4,960 tokens,
            4,096 at a time take 0.85 times the CPU seconds of 1,024.
        keep_prefix: whether to keep the cache between prompts.
        side_by_side: prompts that are answered at a time, as far as their keys and values take no more memory than one
            prompt that fills the window, or 1 GiB. 1 answers one after the other.
        temperature: 0 decodes greedily; above 0 samples, seeded by the call's seed and the prompt. A call's own goes
            before it.
        template: `chat` uses the model's own chat template; `plain` joins the parts with blank lines.
        thinking: False asks the chat template for an answer without a thought before it, True for a thought; None
            leaves it to the template. The thought is no part of the answer.
        thinking_tokens: room for a thought beside the answer's `max_tokens`, where the model may think.
        device: a torch device, or `auto`.
        revision: a hub revision.
        rope: how positions are stretched beyond the model's own: `yarn`, `ntk` or `linear`, as in the engine `vllm`.
        rope_factor: by how much. A stretched model answers short prompts differently too: give both arms the same.
        looks: how a token attends to those before it, in place of the model's own attention; see
            `rlc.pipeline.looks.LOOKS`. Some reach further than the model's positions: `window` says how far.
    """

    NEEDS: ClassVar[tuple[str, ...]] = ("torch", "transformers")
    VERSION: ClassVar[int] = 1

    settled = staticmethod(precision.settled)
    seeded = True
    probed = True  # it is loaded into this process for the run anyway, and asked for nothing but time

    @classmethod
    def example(cls) -> Spec:
        """Exact arithmetic on the CPU."""
        return {"device": "cpu", "dtype": "float32"}

    def __init__(
        self,
        model: Weights,
        *,
        window: int | None = None,
        dtype: str = "auto",
        prefill_step: int = 4096,
        keep_prefix: bool = True,
        side_by_side: int = 8,
        temperature: float = 0.0,
        template: str = "chat",
        thinking: bool | None = False,
        thinking_tokens: int = thought.ROOM,
        device: str = "auto",
        revision: str | None = None,
        rope: str | None = None,
        rope_factor: float = 1.0,
        looks: Looks | None = None,
    ) -> None:
        if prefill_step < 1:
            raise ValueError(f"prefill_step must be at least 1, got {prefill_step}")
        if side_by_side < 1:
            raise ValueError(f"side_by_side must be at least 1, got {side_by_side}")
        if temperature < 0:
            raise ValueError(f"temperature must not be negative, got {temperature}")
        if thinking_tokens < 0:
            raise ValueError(f"thinking_tokens must not be negative, got {thinking_tokens}")
        if dtype not in DTYPES:
            raise ValueError(f"dtype must be {', '.join(DTYPES[:-1])} or {DTYPES[-1]}, got {dtype!r}")
        self.name = model
        self._place = local_or_hub(model)
        self._revision = revision
        check_rope(rope, rope_factor)
        self._rope = (rope, rope_factor)
        self._dtype = dtype
        self._step = prefill_step
        self._keep_prefix = keep_prefix
        self._side_by_side = side_by_side
        self.temperature = temperature
        self._chat = shared_chat(model, self._place, revision, template, thinking)
        self._thinking_tokens = thinking_tokens
        self._device = device
        self._window = window
        self._held = []
        self._cache = None
        self._fresh = 1
        if rope is not None:
            _ = self._changes  # says now if the positions cannot be stretched
        self._looks = looks
        self._begin: Callable[[int], None] = lambda _: None  # tells the looks how long a prompt is
        if looks is not None:
            forgetful = layers_that_forget(self._place, revision)
            looks.check(self._config | self._changes, model, bool(forgetful))
            self.watch = None  # type: ignore[assignment,method-assign]  # it is not `Attending`: nothing else's attention is shown
        if window is not None:
            most = self._positions if looks is None else looks.reach(self._positions)
            check_window(model, window, most, int(self._config["max_position_embeddings"]))

    @cached_property
    def window(self) -> int:
        """Usable context in tokens, prompt and answer together; the room for a thought is set aside."""
        return (self._window or self._positions) - self._thinking_room

    @cached_property
    def _thinking_room(self) -> int:
        """Tokens set aside for a thought; none for a model that does not think."""
        return self._thinking_tokens if self._thinking_tokens and self._chat.thinks else 0

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The model's own tokenizer."""
        return load_tokenizer(self.name)

    @cached_property
    def together(self) -> int:
        """How many prompts it likes to answer at once."""
        if self._side_by_side == 1 or self._looks is not None or not self._can_keep:
            return 1
        return self._side_by_side if is_rotary(self._place, self._revision) else 1

    @property
    def pace(self) -> tuple[object, ...]:
        """What engines that are equally fast have in common: of those of one pace, one is measured."""
        return self._weights, self.together, self._looks

    def count(self, prompt: Prompt) -> int:
        """The tokens of the prompt as the model sees it, chat template included."""
        return self._chat.count(prompt)

    def generate_as_completed(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[tuple[int, Generation]]:
        """Answer every prompt, each with its place as it ends; a prompt that fails carries its error and the others go on.

        Raises:
            UnsupportedError: if a schema is asked for.
            EngineUnavailableError: if the model cannot be loaded.
        """
        if sampling.schema is not None:
            raise UnsupportedError("the hf engine cannot follow a schema; use an endpoint that can")
        writings: list[tuple[int, Writing]] = []
        for place in in_documents(prompts):
            try:
                writings.append((place, self._unwritten(prompts[place], sampling)))
            except ContextOverflowError as error:
                yield place, failed(error)
        for place, writing in self._written(writings):
            yield place, self._chat_answer(writing)

    def _written(self, writings: list[tuple[int, Writing]]) -> Iterator[tuple[int, Writing]]:
        """Write the answers, each with its place as it ends."""
        if self.together == 1:
            return self._answer_one_by_one(writings)
        self._strip.adopt(self._cache, self._held)
        self._forget()
        return answer_side_by_side(self._strip, writings, self.together)

    def adapted(self, way: Way) -> LLM:
        """An engine over this one's model that reads and writes in another way: see `rlc.data.protocols.Adaptable`."""
        return way.over(self)

    # -- prompts -------------------------------------------------------------------------------------------------

    def _unwritten(self, prompt: Prompt, sampling: Sampling) -> Writing:
        """An answer of which nothing is written yet.

        Raises:
            ContextOverflowError: if there is no room for it.
        """
        ids = self._chat.encode(prompt)
        if not ids:
            raise ContextOverflowError(EMPTY)
        if len(ids) + sampling.max_tokens > self.window:
            raise ContextOverflowError(
                f"a prompt of {len(ids)} tokens and an answer of {sampling.max_tokens} exceed the window of "
                f"{self.window}: take fewer or smaller passages, or a smaller max_tokens"
            )
        heat = self.temperature if sampling.temperature is None else sampling.temperature
        limit = sampling.max_tokens + self._thinking_room
        return Writing(prompt, ids, limit, sampling, heat, self._chat, self._end_tokens)

    def _chat_answer(self, writing: Writing) -> Generation:
        if writing.error is not None:
            return failed(writing.error)
        return thought.separate_thought(
            writing.generation, self.tokenizer, writing.sampling.max_tokens, opened=self._chat.opens_thought
        )

    # -- the cache -----------------------------------------------------------------------------------------------

    @cached_property
    def _can_keep(self) -> bool:
        """Whether the cache can be cut back: all layers must attend to everything before them."""
        if not self._keep_prefix:
            return False
        if kinds := layers_that_forget(self._place, self._revision):
            log.warning("%s has layers that cannot be cut back (%s): no prefix is kept", self.name, kinds)
        return not kinds

    def _keep_shared(self, ids: list[int]) -> int:
        if (
            self.together > 1 and self._strip.columns
        ):  # what is read alone goes on from what was read side by side
            self._cache, self._held = self._strip.give_up(ids)
        return super()._keep_shared(ids)

    @cached_property
    def _strip(self) -> Strip:
        return Strip(self._model, self._step, self._window or self._positions)

    # -- loading -------------------------------------------------------------------------------------------------

    @cached_property
    def _positions(self) -> int:
        return int((self._config | self._changes)["max_position_embeddings"])

    @cached_property
    def _config(self) -> dict[str, Any]:
        return read_config(self.name, self._place, self._revision)

    @cached_property
    def _changes(self) -> dict[str, Any]:
        """The entries of the configuration that `rope` replaces."""
        method, factor = self._rope
        return {} if method is None else stretched(self._config, method, factor)

    @cached_property
    def _weights(self) -> str:
        """What stands for the weights, and where and how they are computed with."""
        return fingerprint([str(self._place), self._revision, self._device, self._dtype, self._changes])

    @cached_property
    def _end_tokens(self) -> frozenset[int]:
        return end_tokens(self._model, self._chat.codec)

    @cached_property
    def _model(self) -> Any:  # noqa: ANN401 - a transformers model
        model = load_model(
            self.name, self._place, self._revision, self._device, self._dtype, changes=self._changes
        )
        if self._looks is not None:
            from rlc.pipeline.looks.support.bound import Bound

            self._begin = Bound(model, self._looks, self._positions).begin
        return model

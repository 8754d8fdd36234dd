"""Language models through transformers, in this process; the keys and values of a shared prefix are kept."""

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from rlc.data.errors import ContextOverflowError, UnsupportedError
from rlc.data.protocols import LLM, Generation, Prompt, Sampling, Tokenizer, TokenLogprobs, Way, Weights
from rlc.data.records import Usage
from rlc.data.spec import Spec
from rlc.data.tokens import load_tokenizer
from rlc.pipeline.llms.support import thought
from rlc.pipeline.llms.support.causal_model import DTYPES, end_tokens, layers_that_forget, load_model
from rlc.pipeline.llms.support.chat import Chat
from rlc.pipeline.llms.support.config import read_config
from rlc.pipeline.llms.support.engine import CompletingEngine
from rlc.pipeline.llms.support.names import local_or_hub
from rlc.pipeline.llms.support.rope import check_rope, stretched
from rlc.pipeline.llms.support.spelling import scored_tokens
from rlc.pipeline.llms.support.stopping import cut_at_stop
from rlc.pipeline.llms.support.watch import Watching
from rlc.pipeline.llms.support.weighing import WeighingInProcess
from rlc.pipeline.looks.base import Looks

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)


class HfLLM(CompletingEngine, Watching, WeighingInProcess):
    """A causal language model by alias, folder or Hugging Face id.

    Prompts are answered one after the other. The cache of keys and values of the last prompt stays; what the next
    prompt shares with it, token for token from the start, is not computed again. Questions on one document that
    follow each other therefore pay for the document once.

    Args:
        model: alias, folder or Hugging Face id.
        window: usable context in tokens; by default the model's own number of positions.
        dtype: `float32`, `bfloat16`, or `auto`, which takes bfloat16 where a short matrix product runs faster in it.
        prefill_step: prompt tokens computed at a time; bounds the memory of a long prompt.
        keep_prefix: whether to keep the cache between prompts.
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
        prefill_step: int = 1024,
        keep_prefix: bool = True,
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
        self.temperature = temperature
        self._chat = Chat(model, self._place, revision, template, thinking)
        self._thinking_tokens = thinking_tokens
        self._device = device
        self._window = window
        self._held: list[int] = []  # the token ids whose keys and values are in the cache
        self._cache: Any = None
        self._fresh = (
            1  # prompt tokens computed in any case: the last one's logits choose the first new token
        )
        if rope is not None:
            _ = self._changes  # says now if the positions cannot be stretched
        self._looks = looks
        self._begin: Callable[[int], None] = lambda _: None  # tells the looks how long a prompt is
        if looks is not None:
            forgetful = layers_that_forget(self._place, revision)
            looks.check(self._config | self._changes, model, bool(forgetful))
        most = 0 if window is None else self._positions if looks is None else looks.reach(self._positions)
        if window is not None and not 0 < window <= most:
            raise ValueError(f"window must be in [1, {most}], the positions of {model}; got {window}")

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

    def count(self, prompt: Prompt) -> int:
        """The tokens of the prompt as the model sees it, chat template included."""
        return len(self._chat.encode(prompt))

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
        for i, prompt in enumerate(prompts):
            try:
                generation = self._answer(prompt, sampling)
            except (
                ContextOverflowError
            ) as error:  # found before anything is computed: the cache is still good
                generation = _failed(error)
            except (RuntimeError, MemoryError) as error:  # torch's own failures are RuntimeErrors
                self._forget()
                generation = _failed(error)
            yield i, generation

    def adapted(self, way: Way) -> LLM:
        """An engine over this one's model that reads and writes in another way: see `rlc.data.protocols.Adaptable`."""
        return way.over(self)

    def logprobs(self, contexts: Sequence[str], texts: Sequence[str]) -> list[TokenLogprobs]:
        """How likely every token of each text is, given its context: see `rlc.data.protocols.Scorer`.

        The prefix that is kept for `generate` is left alone.

        Raises:
            ValueError: if there are not as many contexts as texts.
            ContextOverflowError: if a context and its text do not fit the window together.
            EngineUnavailableError: if the model cannot be loaded.
        """
        return [self._logprobs(*pair) for pair in zip(contexts, texts, strict=True)]

    def _logprobs(self, context: str, text: str) -> TokenLogprobs:
        import torch

        codec = self._chat.codec
        body = codec(text, add_special_tokens=False, return_offsets_mapping=True)
        before = codec(context, add_special_tokens=False)["input_ids"]
        if not before and codec.bos_token_id is not None:
            before = [codec.bos_token_id]
        ids = torch.tensor([*before, *body["input_ids"]], dtype=torch.long, device=self._model.device)
        if len(ids) > self.window:
            raise ContextOverflowError(
                f"context and text have {len(ids)} tokens, more than the window of {self.window} of {self.name}: "
                "cut smaller passages"
            )
        starts = [start for start, _ in body["offset_mapping"][1:]]
        spans = list(zip([0, *starts], [*starts, len(text)], strict=True)) if body["input_ids"] else []
        values = np.zeros(len(spans), np.float32)
        targets = ids[max(len(before), 1) :]
        if len(targets):
            model = self._model
            self._begin(len(ids))
            with torch.inference_mode():
                states = model(ids[None], use_cache=False, logits_to_keep=len(targets) + 1)
                likely = states.logits[0, :-1].float().log_softmax(-1)
            values[-len(targets) :] = likely.gather(1, targets[:, None])[:, 0].cpu().numpy()
        return TokenLogprobs(spans, values)

    # -- one prompt ----------------------------------------------------------------------------------------------

    def _answer(self, prompt: Prompt, sampling: Sampling) -> Generation:
        import torch

        ids = self._chat.encode(prompt)
        max_tokens = sampling.max_tokens
        _ = self._model  # loaded before the clock starts
        if len(ids) + max_tokens > self.window:
            raise ContextOverflowError(
                f"a prompt of {len(ids)} tokens and an answer of {max_tokens} exceed the window of {self.window}: "
                "take fewer or smaller passages, or a smaller max_tokens"
            )
        started = time.perf_counter()
        with torch.inference_mode():
            kept = self._keep_shared(ids)
            logits = self._prefill(ids[kept:])
            prefilled = time.perf_counter()
            kv_bytes = self._kv_bytes()
            limit = max_tokens + self._thinking_room
            tokens, scores, text, reason = self._decode(logits, ids, limit, sampling)
        ended = time.perf_counter()
        raw = Generation(
            text=text,
            finish_reason=reason,
            usage=Usage(
                prompt_tokens=len(ids),
                cached_tokens=kept,
                output_tokens=len(tokens),
                kv_bytes=kv_bytes,
                first_token_seconds=prefilled - started,
                prefill_seconds=prefilled - started,
                decode_seconds=ended - prefilled,
                seconds=ended - started,
            ),
            logprobs=scored_tokens(self._chat.decode, tokens, scores, text) if sampling.logprobs else None,
        )
        return thought.separate_thought(raw, self.tokenizer, max_tokens, opened=self._chat.opens_thought)

    def _keep_shared(self, ids: list[int]) -> int:
        """Cut the cache back to what it shares with `ids`, a prompt; return how many tokens that is."""
        self._begin(len(ids))
        limit = max(0, len(ids) - self._fresh)
        shared = sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(self._held, ids[:limit], strict=False))
        )
        # A forward pass that was broken off (an interrupt, say) leaves layers longer than was noted.
        if not self._can_keep or shared == 0 or self._cache.get_seq_length() != len(self._held):
            self._forget()
            return 0
        self._cache.crop(shared - len(self._held))  # transformers 5 wants the number to remove, as a negative
        self._held = self._held[:shared]
        return shared

    def _prefill(self, ids: list[int]) -> "torch.Tensor":
        logits: torch.Tensor | None = None
        for start in range(0, len(ids), self._step):
            logits = self._forward(ids[start : start + self._step])
        if logits is None:
            raise ContextOverflowError("the prompt is empty: there is nothing to answer")
        return logits

    def _forward(self, ids: list[int], **wishes: Any) -> "torch.Tensor":  # noqa: ANN401 - transformers' own
        last: torch.Tensor = self._run(ids, **wishes).logits[0, -1]
        self._held = self._held + ids
        return last.float()

    def _run(self, ids: list[int], **wishes: Any) -> Any:  # noqa: ANN401 - a transformers output
        import torch

        start = len(self._held)  # the position in the text, whatever the cache still holds of it
        return self._model(
            input_ids=torch.tensor([ids], device=self._model.device),
            position_ids=torch.arange(start, start + len(ids), device=self._model.device)[None],
            past_key_values=self._cache_or_new(),
            use_cache=True,
            logits_to_keep=1,
            **wishes,
        )

    def _decode(
        self, logits: "torch.Tensor", prompt_ids: list[int], limit: int, sampling: Sampling
    ) -> tuple[list[int], list[float], str, str]:
        """New tokens, at most `limit` of them, each one's log-probability, the text and why it ends."""
        import torch

        heat = self.temperature if sampling.temperature is None else sampling.temperature
        generator = torch.Generator().manual_seed(_seed_of(sampling.seed, prompt_ids)) if heat else None
        tokens: list[int] = []
        scores: list[float] = []
        while True:
            log_probabilities = torch.log_softmax(logits, dim=-1)
            if generator is None:
                token = int(logits.argmax())
            else:
                weights = torch.softmax(logits / heat, dim=-1).cpu()
                token = int(torch.multinomial(weights, 1, generator=generator))
            tokens.append(token)
            scores.append(float(log_probabilities[token]))
            text, stopped = cut_at_stop(self._chat.decode(tokens), sampling.stop)
            if stopped or token in self._end_tokens:
                return tokens, scores, text.strip(), "stop"
            if len(tokens) == limit:
                return tokens, scores, text.strip(), "length"
            logits = self._forward([token])

    # -- the cache -----------------------------------------------------------------------------------------------

    @cached_property
    def _can_keep(self) -> bool:
        """Whether the cache can be cut back: all layers must attend to everything before them."""
        if not self._keep_prefix:
            return False
        if kinds := layers_that_forget(self._place, self._revision):
            log.warning("%s has layers that cannot be cut back (%s): no prefix is kept", self.name, kinds)
        return not kinds

    def _cache_or_new(self) -> Any:  # noqa: ANN401 - a transformers cache
        if self._cache is None:
            from rlc.pipeline.llms.support.growing_cache import growing_cache

            if self._can_keep:
                self._cache = growing_cache()
            else:
                from transformers import DynamicCache

                self._cache = DynamicCache(config=self._model.config)
        return self._cache

    def _kv_bytes(self) -> int:
        """The size of what the cache holds of the prompt, without its spare room."""
        states = [getattr(layer, name, None) for layer in self._cache.layers for name in ("keys", "values")]
        return sum(int(one.nbytes) for one in states if one is not None)

    def _forget(self) -> None:
        self._cache = None
        self._held = []

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


def _failed(error: Exception) -> Generation:
    return Generation("", "error", error=f"{type(error).__name__}: {error}".rstrip(": "))


def _seed_of(seed: int, ids: Sequence[int]) -> int:
    """One seed per prompt, so that an answer does not depend on what was asked before it."""
    digest = hashlib.blake2b(f"{seed}:{','.join(map(str, ids))}".encode(), digest_size=7)
    return int.from_bytes(digest.digest(), "big")

"""The hf engine with fewer keys and values: texts are read whole, and answered from what a method keeps of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from rlc.data.errors import ContextOverflowError, UnsupportedError
from rlc.data.protocols import Prompt, Weighed, Weights
from rlc.pipeline.kv.base import Press
from rlc.pipeline.kv.support.pressing import Left, Pressing
from rlc.pipeline.llms.hf import HfLLM
from rlc.pipeline.llms.support.llama_like import check_llama_like
from rlc.pipeline.llms.support.thought import ROOM
from rlc.pipeline.llms.support.weighing import option_tokens

if TYPE_CHECKING:
    import torch

SEES = ("document", "question")


class KvLLM(HfLLM):
    """A causal language model by transformers that answers from a part of its keys and values.

    With `sees = "document"` the prefix that questions share is read, then `kv` chooses what is kept of it, before any
    question is known, and all questions are answered from that: it is what a cache of documents would hold. With
    `sees = "question"` the whole prompt is read, then `kv` chooses; the full cache stays beside what is kept, so that
    the next question on the document reads it from there: what is measured is the effect on answers, not a saving while
    reading. Kept keys keep their positions, and each usage says how many bytes the answer was read from (`kv_bytes`).

    Args:
        model: alias, folder or Hugging Face id.
        kv: the method; see `rlc.pipeline.kv.KEPT`.
        sees: what is known when it chooses, `document` or `question`.
        window: as for `HfLLM`, like all that follow.
        dtype: weights and arithmetic.
        prefill_step: prompt tokens computed at a time.
        temperature: 0 decodes greedily.
        template: `chat` or `plain`.
        thinking: asks for a thought before the answer, or for none; None leaves it to the chat template.
        thinking_tokens: room for a thought beside the answer.
        device: a torch device, or `auto`.
        revision: a hub revision.
        rope: how positions are stretched.
        rope_factor: by how much.
    """

    def __init__(
        self,
        model: Weights,
        kv: Press,
        *,
        sees: str = "question",
        window: int | None = None,
        dtype: str = "auto",
        prefill_step: int = 1024,
        temperature: float = 0.0,
        template: str = "chat",
        thinking: bool | None = False,
        thinking_tokens: int = ROOM,
        device: str = "auto",
        revision: str | None = None,
        rope: str | None = None,
        rope_factor: float = 1.0,
    ) -> None:
        super().__init__(
            model,
            window=window,
            dtype=dtype,
            prefill_step=prefill_step,
            temperature=temperature,
            template=template,
            thinking=thinking,
            thinking_tokens=thinking_tokens,
            device=device,
            revision=revision,
            rope=rope,
            rope_factor=rope_factor,
        )
        check_llama_like(self._config, model, "the engine hf-kv", forgetful=not self._can_keep)
        self._border = 0  # the tokens of the prompt that are the document's
        self._left: Left | None = None
        self._sees = sees
        self.evict_by(kv, sees)

    def evict_by(self, kv: Press, sees: str | None = None) -> None:
        """Use another method from the next prompt on; the model stays in memory, and so does a document read whole.

        Raises:
            ValueError: if `sees` is neither `document` nor `question`.
            UnsupportedError: if the method cannot be applied then.
        """
        sees = sees or self._sees
        if sees not in SEES:
            raise ValueError(f"sees must be {SEES[0]!r} or {SEES[1]!r}, got {sees!r}")
        if sees not in kv.sights:
            raise UnsupportedError(f"{type(kv).__name__} works with sees = {kv.sights[0]!r} only")
        self._kv, self._sees = kv, sees
        if self._left is not None:  # what the cache holds is not the whole document
            self._forget()
        if "_pressing" in self.__dict__:
            del self._pressing
        self._fresh = 1 if sees == "document" else kv.window or 1

    def logprob(self, prompt: Prompt, answer: str) -> float:
        """The mean log-probability (natural) of the tokens of a given answer, read from what the method keeps.

        Raises:
            ValueError: if the answer has no tokens.
        """
        [weighed] = self.weigh([prompt], [[answer]])
        return float(weighed.values[0]) / len(option_tokens(self._chat, [answer])[0])

    # -- one prompt ----------------------------------------------------------------------------------------------

    # What a method keeps may differ from head to head, and no mask over one row of keys says so.
    _weighs_at_once = False

    def _answer(self, prompt: Prompt, *rest: Any) -> Any:  # noqa: ANN401 - as `HfLLM` has it
        self._border = self._ends(prompt, self._chat.encode(prompt))
        return super()._answer(prompt, *rest)

    def _weigh(self, prompt: Prompt, options: Sequence[str]) -> Weighed:
        self._border = self._ends(prompt, self._chat.encode(prompt))
        return super()._weigh(prompt, options)

    def _ends(self, prompt: Prompt, ids: list[int]) -> int:
        """How many of the prompt's tokens are the document's: those that are the same before another question."""
        if self._sees == "question":
            return 0
        other = Prompt(prompt.prefix, f"\u2603 {prompt.question}", prompt.system)
        return _shared(self._chat.encode(other), ids[:-1])

    def _keep_shared(self, ids: list[int]) -> int:
        if self._sees == "question":
            kept = super()._keep_shared(ids)
            if self._pressing.cut(kept):
                return kept
        elif self._left is not None:
            read = self._held[: self._left.tokens]
            if len(read) == self._border and read == ids[: self._border]:
                self._left.cut()
                self._held = read
                return len(read)
        self._forget()
        return 0

    def _prefill(self, ids: list[int]) -> "torch.Tensor":
        if self._sees == "question":
            logits = self._read(ids)
            if logits is None:
                raise ContextOverflowError("the prompt is empty: there is nothing to answer")
            return logits
        document = max(0, self._border - len(self._held))
        if document:
            self._read(ids[:document])
            self._cache = self._left and self._left.cache
        with self._left.attended(self._attentions) if self._left else nullcontext():
            return super()._prefill(ids[document:])

    def _read(self, ids: list[int]) -> "torch.Tensor | None":
        """Read a text to its end, in steps, and keep what the method keeps."""
        from rlc.pipeline.llms.support.growing_cache import growing_cache

        left = Left(growing_cache())
        logits: torch.Tensor | None = None
        if self._kv.rereads:
            self._pressing.reread(ids, self._cache_or_new(), left)
            self._held = self._held + ids
            ids = []
        for start in range(0, len(ids), self._step):
            part = ids[start : start + self._step]
            with self._pressing.step(len(part), left if start + self._step >= len(ids) else None):
                logits = self._forward(part)
        left.weigh(len(self._held), self._kv, self._model.dtype.itemsize * 8)
        self._left = left
        return logits

    def _decode(self, *rest: Any) -> Any:  # noqa: ANN401 - as `HfLLM` has it
        with self._answering():
            return super()._decode(*rest)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """What is computed inside attends to what is left of the text; a document that was read whole is back afterwards."""
        if self._left is None:
            yield
            return
        left, whole, held = self._left, self._cache, self._held
        self._cache = left.cache
        try:
            with left.attended(self._attentions):
                yield
        finally:
            if self._sees == "question":
                self._cache, self._held, self._left = whole, held, None

    # -- the cache -----------------------------------------------------------------------------------------------

    def _kv_bytes(self) -> int:
        return super()._kv_bytes() if self._left is None else self._left.bytes + self._left.beyond

    def _forget(self) -> None:
        super()._forget()
        self._left = None
        if "_pressing" in self.__dict__:
            self._pressing.forget()

    @cached_property
    def _pressing(self) -> Pressing:
        return Pressing(self._model, self._attentions, self._kv, again=self._sees == "question")

    @cached_property
    def _attentions(self) -> list[Any]:
        """The attention of every layer; the model's kind is checked before it is loaded."""
        return [layer.self_attn for layer in self._model.model.layers]


def _shared(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two texts begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))

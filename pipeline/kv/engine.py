"""The hf engine with fewer keys and values: texts are read whole, and answered from what a method keeps of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakValueDictionary

from rlc.data.errors import UnsupportedError
from rlc.data.protocols import Prompt, Weighed, Weights
from rlc.pipeline.kv.base import Press
from rlc.pipeline.kv.support.beside import Beside
from rlc.pipeline.kv.support.left import Left
from rlc.pipeline.kv.support.whole import Whole
from rlc.pipeline.llms.hf import HfLLM
from rlc.pipeline.llms.support.batching import shared_tokens
from rlc.pipeline.llms.support.causal_model import load_model
from rlc.pipeline.llms.support.folded_attention import folded
from rlc.pipeline.llms.support.llama_like import check_llama_like
from rlc.pipeline.llms.support.side_by_side import answer_side_by_side
from rlc.pipeline.llms.support.thought import ROOM
from rlc.pipeline.llms.support.weighing import option_tokens
from rlc.pipeline.llms.support.writing import Writing

if TYPE_CHECKING:
    import torch

SEES = ("document", "question")


class KvLLM(HfLLM):
    """A causal language model by transformers that answers from a part of its keys and values.

    With `sees = "document"` the prefix that questions share is read, then `kv` chooses what is kept of it, before any
    question is known, and all questions are answered from that, side by side: it is what a cache of documents would
    hold. With `sees = "question"` the whole prompt is read, then `kv` chooses, one prompt after the other. The whole stays
    beside what is kept, for the next question or method on the document: what is measured is the effect on answers, not a
    saving while reading. Engines over the same weights share them and what was read last, so the first one that reads a
    document pays for it. Kept keys keep their positions, and each usage says how many bytes the answer was read from
    (`kv_bytes`).

    Args:
        model: alias, folder or Hugging Face id.
        kv: the method; see `rlc.pipeline.kv.KEPT`.
        sees: what is known when it chooses, `document` or `question`.
        window: as for `HfLLM`, like all that follow.
        dtype: weights and arithmetic.
        prefill_step: prompt tokens computed at a time.
        side_by_side: questions on a document that are answered at a time.
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
        prefill_step: int = 4096,
        side_by_side: int = 8,
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
            side_by_side=side_by_side,
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
        self._border: int | None = (
            None  # the prompt's tokens that are the document's; None while none is kept
        )
        self._left: Left | None = None
        self._sees = sees
        self.evict_by(kv, sees)

    def evict_by(self, kv: Press, sees: str | None = None) -> None:
        """Use another method from the next prompt on; the model stays in memory, and so does a document read whole.

        Raises:
            ValueError: if `sees` is neither `document` nor `question`.
            UnsupportedError: if the method cannot be applied then, or not to this model.
        """
        sees = sees or self._sees
        if sees not in SEES:
            raise ValueError(f"sees must be {SEES[0]!r} or {SEES[1]!r}, got {sees!r}")
        if sees not in kv.sights:
            raise UnsupportedError(f"{type(kv).__name__} works with sees = {kv.sights[0]!r} only")
        kv.check(self)
        self._kv, self._sees = kv, sees
        self._let_go()
        self.__dict__.pop("_worker", None)

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

    @property
    def pace(self) -> tuple[object, ...]:
        """As of `HfLLM`: there may be dozens of it over the same weights, and choosing takes little beside reading."""
        return self._weights, self.together, type(self._kv) if self._kv.rereads else None

    @property
    def together(self) -> int:
        """How many prompts it likes to answer at once: with the question in sight each has keys and values of its own."""
        return self._side_by_side if self._sees == "document" else 1

    def _written(self, writings: list[tuple[int, Writing]]) -> Iterator[tuple[int, Writing]]:
        if self.together == 1:
            yield from self._answer_one_by_one(writings)
            return
        for text, group in groupby(writings, key=lambda one: self._document(one[1].prompt, one[1].ids)):
            asked = list(group)
            if not text or len(asked) == 1:
                yield from self._answer_one_by_one(asked)
            else:
                begin = partial(self._begin_document, text)
                strip = Beside(
                    self._model, self._step, self.window, self._whole.attentions, begin, self._forget
                )
                yield from answer_side_by_side(strip, asked, self.together)

    def _document(self, prompt: Prompt, ids: list[int]) -> list[int]:
        """The tokens of a prompt that are its document's: those that stay the same, one for one, before another question."""
        other = Prompt(prompt.prefix, f"\u2603 {prompt.question}", prompt.system)
        return ids[: shared_tokens(self._chat.encode(other), ids[:-1])]

    def _answer(self, writing: Writing) -> None:
        with self._keeping(writing.prompt):
            super()._answer(writing)

    def _weigh(self, prompt: Prompt, options: Sequence[str]) -> Weighed:
        with self._keeping(prompt):
            return super()._weigh(prompt, options)

    @contextmanager
    def _keeping(self, prompt: Prompt) -> Iterator[None]:
        """Inside, this prompt is answered from what the method keeps; outside, what is read is read as the engine hf does."""
        self._border = len(self._document(prompt, self._chat.encode(prompt)))
        try:
            yield
        finally:
            self._border = None

    def _keep_shared(self, ids: list[int]) -> int:
        if self._border is None:
            if self._left is not None:
                self._let_go()
            return super()._keep_shared(ids)
        return self._find(ids[: self._border] if self._sees == "document" else ids)

    def _find(self, text: list[int]) -> int:
        """Cut back to what is left of this text, or was read of it; return how many of its tokens that stands for."""
        if self._left is not None and self._sees == "document" and self._left.ids == text:
            self._left.cut()
            self._cache, self._held = self._left.cache, text
            return len(text)
        self._let_go()
        self._whole.hand_to(self._let_go)
        self._whole.step = self._step
        if self._kv.rereads or not text:
            return 0
        return self._whole.begin_for(text, self._kv, least=int(self._sees == "question"))

    def _begin_document(self, text: list[int]) -> tuple[Left, int]:
        """What the method leaves of a document, and how many of its tokens had been read."""
        known = self._find(text)
        if self._left is None:
            self._keep(text)
        return cast("Left", self._left), known

    def _prefill(self, ids: list[int]) -> "torch.Tensor":
        if self._sees == "question":
            logits = self._whole.read_for(ids, self._kv)
            self._left = self._whole.pressed(self._kv, self._worker)
            self._cache, self._held = self._left.cache, self._left.ids
            return logits
        if self._left is None and self._border:
            read = [] if self._kv.rereads else list(self._whole.ids)
            self._keep([*read, *ids][: self._border])
            ids = ids[self._border - len(read) :]
        with self._answering():
            return super()._prefill(ids)

    def _keep(self, text: list[int]) -> None:
        """Read what is new of a document, and keep what the method keeps."""
        if self._kv.rereads:
            self._left = self._whole.reread(text, self._kv, self._worker)
        else:
            if new := text[len(self._whole.ids) :]:
                self._whole.read_for(new, self._kv)
            self._left = self._whole.pressed(self._kv, self._worker)
        self._cache, self._held = self._left.cache, self._left.ids

    def _decode(self, logits: "torch.Tensor", writing: Writing) -> None:
        with self._answering():
            super()._decode(logits, writing)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """What is computed inside attends to what is left of the text."""
        if self._left is None:
            yield
        else:
            with folded(self._model), self._left.attended(self._whole.attentions):
                yield

    # -- what is held --------------------------------------------------------------------------------------------

    def _let_go(self) -> None:
        """Give up what the method has left: it is no text that was read, and nothing may go on from it."""
        self._left, self._cache, self._held = None, None, []

    def _kv_bytes(self) -> int:
        return super()._kv_bytes() if self._left is None else self._left.bytes + self._left.beyond

    def _forget(self) -> None:
        super()._forget()
        self._left = None
        self._whole.forget()

    @cached_property
    def _worker(self) -> Any:  # noqa: ANN401 - see `Press.begin`
        return self._kv.begin(self._model)

    @cached_property
    def _whole(self) -> Whole:
        """The text that was read last; engines over the same weights share it, and the weights."""
        found = _READ.get(self._weights)
        if found is None:
            model = load_model(
                self.name, self._place, self._revision, self._device, self._dtype, changes=self._changes
            )
            found = _READ[self._weights] = Whole(model, step=self._step)
        return found

    @property
    def _model(self) -> Any:  # noqa: ANN401 - a transformers model
        return self._whole.model


_READ: WeakValueDictionary[str, Whole] = WeakValueDictionary()

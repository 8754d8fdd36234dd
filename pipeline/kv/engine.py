"""The hf engine with fewer keys and values: each prompt is read whole and answered from what a method keeps."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rlc.data.errors import UnsupportedError
from rlc.data.protocols import Prompt, Sampling, Weights
from rlc.pipeline.kv.base import Eviction, Layer
from rlc.pipeline.llms.hf import HfLLM
from rlc.pipeline.llms.support.thought import ROOM

if TYPE_CHECKING:
    import torch


class KvLLM(HfLLM):
    """A causal language model by transformers whose cache is thinned out between prompt and answer.

    The whole prompt is computed, question included; then `kv` chooses, per layer and head, what the answer may attend
    to. Kept keys keep their positions. The full cache stays beside the thinned copy, so that the next question on the
    document reads it from there: what is measured is the effect on answers, not a saving of memory while reading.

    Args:
        model: alias, folder or Hugging Face id.
        kv: the method; see `rlc.pipeline.kv.KV`.
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
        kv: Eviction,
        *,
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
        self._attentions: Sequence[torch.Tensor] = ()
        self.evict_by(kv)

    def evict_by(self, kv: Eviction) -> None:
        """Use another method from the next prompt on; what is held of the document stays."""
        self._eviction = kv
        self._fresh = max(1, kv.window)

    def logprob(self, prompt: Prompt, answer: str) -> float:
        """The mean log-probability (natural) of the tokens of a given answer, read from what the method keeps.

        Raises:
            ValueError: if the answer has no tokens.
        """
        import torch

        ids = self._chat.encode(prompt)
        tokens = list(self._chat.codec(answer, add_special_tokens=False)["input_ids"])
        if not tokens:
            raise ValueError("the answer is empty: it has no probability to tell")
        _ = self._model
        scores = []
        with torch.inference_mode():
            logits = self._prefill(ids[self._keep_shared(ids) :])
            with self._evicted():
                for token in tokens:
                    scores.append(float(torch.log_softmax(logits, dim=-1)[token]))
                    logits = self._forward([token])
        return sum(scores) / len(scores)

    def _prefill(self, ids: list[int]) -> "torch.Tensor":
        """Compute the prompt; its last tokens apart, where the method wants to see their attention."""
        if not self._can_keep:
            raise UnsupportedError(
                f"{self.name} has layers that do not attend to everything before them: their cache cannot be thinned; use the engine hf"
            )
        seen = self._eviction.window
        if not seen or not self._eviction.ratio:
            return super()._prefill(ids)
        if ids[:-seen]:
            super()._prefill(ids[:-seen])
        kernels = self._model.config._attn_implementation
        self._model.set_attn_implementation("eager")  # the only one that shows its attention
        try:
            return self._forward(ids[-seen:], output_attentions=True)
        finally:
            self._model.set_attn_implementation(kernels)

    def _run(self, ids: list[int], **wishes: Any) -> Any:  # noqa: ANN401 - a transformers output
        output = super()._run(ids, **wishes)
        self._attentions = output.attentions or self._attentions
        return output

    def _decode(
        self, logits: "torch.Tensor", prompt_ids: list[int], limit: int, sampling: Sampling
    ) -> tuple[list[int], list[float], str, str]:
        with self._evicted():
            return super()._decode(logits, prompt_ids, limit, sampling)

    @contextmanager
    def _evicted(self) -> Iterator[None]:
        """What is computed inside attends to what the method keeps of the prompt; afterwards the whole is back."""
        if not self._eviction.ratio:
            yield
            return
        whole, held = self._cache, self._held
        self._cache = thinned(whole, self._eviction, self._attentions)
        try:
            yield
        finally:
            self._cache, self._held, self._attentions = whole, held, ()


def thinned(cache: Any, eviction: Eviction, attentions: Sequence["torch.Tensor"] = ()) -> Any:  # noqa: ANN401
    """A copy of a transformers cache of one prompt that holds only what the method keeps."""
    from rlc.pipeline.llms.support.growing_cache import growing_cache

    small = growing_cache()
    for index, old in enumerate(cache.layers):
        attention = attentions[index][0] if attentions else None
        layer = Layer(index, old.keys[0], old.values[0], attention)
        kept = eviction.kept(layer).unsqueeze(-1)
        keys, values = (
            states.gather(1, kept.expand(-1, -1, states.shape[-1])).unsqueeze(0)
            for states in (layer.keys, layer.values)
        )
        small.update(keys, values, index)
    return small

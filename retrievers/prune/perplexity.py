"""How surprised a causal language model is by each token of a text."""

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from rlc.data.errors import DataError, WeightsError
from rlc.data.protocols import Floats
from rlc.data.weights import resolve


class Losses(NamedTuple):
    """Half-open character spans of a text's tokens, tiling it, and each token's loss in nats, float32 [tokens]."""

    spans: list[tuple[int, int]]
    values: Floats


class CausalLosses:
    """A causal language model by alias, folder or Hugging Face id, loaded through transformers when first asked.

    Args:
        model: alias, folder or Hugging Face id.
        revision: the commit of a Hugging Face id.
        dtype: of the weights.
        device: `cpu`, `cuda`, ...; None takes the best there is.
    """

    def __init__(
        self, model: str, revision: str | None = None, dtype: str = "float32", device: str | None = None
    ) -> None:
        self.model, self.revision, self.dtype, self.device = model, revision, dtype, device

    def __call__(self, text: str, context: str = "") -> Losses:
        """-log p(token | context, tokens before it) of every token of the text.

        Without a context, and without a beginning-of-text token of the model's own, the first token has loss 0.

        Raises:
            DataError: if context and text are longer than the model's positions.
            WeightsError: if the model cannot be loaded.
        """
        import torch

        model, tokenizer = self._loaded
        body = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        before = tokenizer(context, add_special_tokens=False)["input_ids"]
        if not before and tokenizer.bos_token_id is not None:
            before = [tokenizer.bos_token_id]
        ids = [*before, *body["input_ids"]]
        if len(ids) > model.config.max_position_embeddings:
            raise DataError(
                f"context and passage have {len(ids)} tokens, more than the {model.config.max_position_embeddings} "
                f"positions of {self.model}: cut smaller passages"
            )
        if not body["input_ids"]:
            return Losses([], np.zeros(0, np.float32))
        with torch.inference_mode():
            logits = model(torch.tensor([ids], device=model.device)).logits[0].float()
        losses = torch.nn.functional.cross_entropy(
            logits[:-1], torch.tensor(ids[1:], device=model.device), reduction="none"
        )
        values = torch.cat([losses.new_zeros(1), losses])[len(before) :].cpu().numpy()
        starts = [0, *(int(start) for start, _ in body["offset_mapping"][1:])]
        return Losses(list(zip(starts, [*starts[1:], len(text)], strict=True)), values)

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        place = str(resolve(self.model))
        settings: dict[str, Any] = {"revision": self.revision or "main"}
        try:
            model: Any = AutoModelForCausalLM.from_pretrained(
                place, dtype=self.dtype, use_safetensors=True, **settings
            )
            tokenizer = AutoTokenizer.from_pretrained(place, **settings)
        except (OSError, ValueError) as error:
            raise WeightsError(
                f"cannot load the language model {self.model!r}: {error}; name an alias, a folder or a Hugging Face "
                "id with safetensors weights"
            ) from error
        device = self.device or ("cuda" if torch.cuda.is_available() else "cpu")
        return model.to(device).eval(), tokenizer

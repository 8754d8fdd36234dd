"""Reranking by a cross-encoder: one model reads query and passage together."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
from pydantic import Field, PrivateAttr

from rlc.data.errors import DataError, WeightsError
from rlc.data.protocols import Floats
from rlc.data.weights import resolve
from rlc.retrievers.rerank.base import Reranker
from rlc.retrievers.windows import Window, batches, cut_texts, pair_windows


class CrossEncoderReranker(Reranker):
    """Scores passages by the logit of a sequence classifier with one label, such as BAAI/bge-reranker-v2-m3.

    A passage that does not fit beside the query is read in windows of equal length and scores as the best of them
    (`long_text="pool"`; MaxP of Dai and Callan, SIGIR 2019, doi:10.1145/3331184.3331303), or is refused.

    Attributes:
        model: a folder or Hugging Face id.
        revision: the commit of a Hugging Face id; the newest where None.
        window: tokens read at once; None takes as many as tokenizer and model allow.
        long_text: `pool` or `refuse`.
        dtype: of the transformer; `bfloat16` is faster on most hardware and changes scores slightly.
        batch_tokens: tokens in one forward pass, padding included.
        device: `cpu`, `cuda`, ...; None takes the best there is.
    """

    model: str
    revision: str | None = None
    window: int | None = Field(default=None, ge=8)
    long_text: Literal["pool", "refuse"] = "pool"
    dtype: Literal["float32", "bfloat16"] = "float32"
    batch_tokens: int = Field(default=4096, ge=1)
    device: str | None = None
    _pooled: int = PrivateAttr(default=0)

    @property
    def pooled(self) -> int:
        """How many passages have been read in windows so far."""
        return self._pooled

    def scores(self, query: str, texts: Sequence[str]) -> Floats:
        """Logits, float32 [texts].

        Raises:
            DataError: if the query fills the window, or a passage does not fit and is to be refused.
            WeightsError: if the model cannot be loaded or has more than one label.
        """
        windows = pair_windows(query, texts, self._loaded[1].backend_tokenizer, self._size)
        if (long := cut_texts(windows)) and self.long_text == "refuse":
            raise DataError(
                f"{len(long)} of {len(texts)} passages do not fit into {self._size} tokens beside the query: "
                "cut smaller chunks, or let them be pooled (long_text='pool')"
            )
        self._pooled += len(long)
        best = np.full(len(texts), -np.inf, dtype=np.float32)
        for batch in batches([len(window.ids) for window in windows], self.batch_tokens):
            logits = self._forward([windows[i] for i in batch])
            np.maximum.at(best, [windows[i].text for i in batch], logits)
        return best

    def _forward(self, windows: Sequence[Window]) -> Floats:
        import torch

        model, tokenizer = self._loaded
        longest = max(len(window.ids) for window in windows)
        ids = torch.full((len(windows), longest), tokenizer.pad_token_id or 0)
        types, mask = torch.zeros_like(ids), torch.zeros_like(ids)
        for i, window in enumerate(windows):
            ids[i, : len(window.ids)] = torch.tensor(window.ids)
            types[i, : len(window.ids)] = torch.tensor(window.types)
            mask[i, : len(window.ids)] = 1
        given = {"input_ids": ids, "attention_mask": mask}
        if "token_type_ids" in tokenizer.model_input_names:
            given["token_type_ids"] = types
        with torch.inference_mode():
            logits: torch.Tensor = model(
                **{name: values.to(model.device) for name, values in given.items()}
            ).logits
        return logits[:, 0].float().cpu().numpy()

    @cached_property
    def _size(self) -> int:
        model, tokenizer = self._loaded
        positions = getattr(model.config, "max_position_embeddings", None) or tokenizer.model_max_length
        most = int(min(positions, tokenizer.model_max_length))
        if self.window is not None and self.window > most:
            raise ValueError(f"window must be at most the model's {most} tokens, got {self.window}")
        return self.window or most

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """Model and tokenizer."""
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        place = str(resolve(self.model))
        try:
            model = AutoModelForSequenceClassification.from_pretrained(
                place, revision=self.revision or "main", dtype=self.dtype
            )
            tokenizer = AutoTokenizer.from_pretrained(place, revision=self.revision or "main")
        except (OSError, ValueError) as error:
            raise WeightsError(
                f"cannot load the cross-encoder {self.model!r}: {error}; name a folder or a Hugging Face id"
            ) from error
        if model.config.num_labels != 1:
            raise WeightsError(
                f"{self.model!r} has {model.config.num_labels} labels, expected 1: this is a classifier, "
                "not a reranker"
            )
        device = self.device or ("cuda" if torch.cuda.is_available() else "cpu")
        return model.to(device).eval(), tokenizer

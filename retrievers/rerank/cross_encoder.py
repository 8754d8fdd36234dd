"""Reranking by a cross-encoder: one model reads query and passage together."""

import copy
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, PrivateAttr

from rlc.data.errors import DataError, WeightsError
from rlc.data.precision import IF_CLOSE, native_if_close, settled_if_close
from rlc.data.protocols import Floats, Weights
from rlc.data.spec import Spec
from rlc.data.weights import load_whole, resolve
from rlc.retrievers.encoders.support.forward import attention_mask, padded
from rlc.retrievers.encoders.support.probe import random_tokens
from rlc.retrievers.encoders.support.windows import batches, cut_texts, pair_windows
from rlc.retrievers.rerank.base import Reranker


class CrossEncoderReranker(Reranker):
    """Scores passages by the logit of a sequence classifier with one label, such as BAAI/bge-reranker-v2-m3.

    A passage that does not fit beside the query is read in windows of equal length and scores as the best of them
    (`long_text="pool"`; MaxP of Dai and Callan, SIGIR 2019, doi:10.1145/3331184.3331303), or is refused.

    Attributes:
        model: a folder or Hugging Face id.
        revision: the commit of a Hugging Face id; the newest where None.
        window: tokens read at once; None takes as many as tokenizer and model allow.
        long_text: `pool` or `refuse`.
        dtype: `float32`, `bfloat16`; `bfloat16-if-close` where it keeps logits (see `is_close`), else float32; or
            `auto`, which is the last where the processor or GPU has instructions for bfloat16, else float32.
        batch_tokens: tokens in one forward pass, padding included.
        device: `cpu`, `cuda`, ...; None takes the best there is.
    """

    NEEDS: ClassVar[tuple[str, ...]] = ("torch", "transformers")

    settled: ClassVar[Callable[[Spec], Spec]] = staticmethod(settled_if_close)

    model: Weights
    revision: str | None = None
    window: int | None = Field(default=None, ge=8)
    long_text: Literal["pool", "refuse"] = "pool"
    dtype: Literal["auto", "float32", "bfloat16", "bfloat16-if-close"] = "auto"
    batch_tokens: int = Field(default=4096, ge=1)
    device: str | None = None
    _pooled: int = PrivateAttr(default=0)

    @property
    def pooled(self) -> int:
        """How many passages have been read in windows so far."""
        return self._pooled

    def scores(self, query: str, texts: Sequence[str]) -> Floats:
        """Score texts by their logits, float32 [texts].

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
            chosen = [windows[i] for i in batch]
            logits = forward(*self._loaded, [w.ids for w in chosen], [w.types for w in chosen])
            np.maximum.at(best, [w.text for w in chosen], logits)
        return best

    @cached_property
    def _size(self) -> int:
        model, tokenizer = self._loaded
        positions = getattr(model.config, "max_position_embeddings", None) or tokenizer.model_max_length
        most = int(min(positions, tokenizer.model_max_length))
        if self.window is not None and self.window > most:
            raise ValueError(f"window must be at most the model's {most} tokens, got {self.window}")
        return self.window or most

    def warm(self) -> None:
        self._loaded  # noqa: B018 - a cached property

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """Load model and tokenizer, once."""
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        place = str(resolve(self.model))
        try:
            model = load_whole(
                AutoModelForSequenceClassification,
                place,
                revision=self.revision or "main",
                dtype="bfloat16" if self.dtype == "bfloat16" else "float32",
            )
            tokenizer = AutoTokenizer.from_pretrained(
                place, revision=self.revision or "main", trust_remote_code=False
            )
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
        model = model.to(device).eval()
        wanted = native_if_close(device) if self.dtype == "auto" else self.dtype
        if wanted == IF_CLOSE and is_close(model, tokenizer):
            model = model.bfloat16()
        return model, tokenizer


def forward(
    model: Any,  # noqa: ANN401 - transformers is loaded late
    tokenizer: Any,  # noqa: ANN401
    ids: Sequence[Sequence[int]],
    types: Sequence[Sequence[int]],
) -> Floats:
    """Run a batch of token ids, with their segments: the logit of each, float32 [batch]."""
    import torch

    batch = {"input_ids": padded(ids, tokenizer.pad_token_id or 0), "attention_mask": attention_mask(ids)}
    if "token_type_ids" in tokenizer.model_input_names:
        batch["token_type_ids"] = padded(types)
    with torch.inference_mode():
        logits: torch.Tensor = model(
            **{name: values.to(model.device) for name, values in batch.items()}
        ).logits
    return logits[:, 0].float().cpu().numpy()


def is_close(model: Any, tokenizer: Any) -> bool:  # noqa: ANN401 - transformers is loaded late
    """Whether a float32 model keeps its logits in bfloat16 within 0.1: a probability moves by at most 0.025."""
    half = copy.deepcopy(model).bfloat16()
    length = int(min(128, getattr(model.config, "max_position_embeddings", 128), tokenizer.model_max_length))
    batch = random_tokens(len(tokenizer), length)
    segments = [[0] * length] * len(batch)
    exact, other = (forward(one, tokenizer, batch, segments) for one in (model, half))
    return bool(np.abs(exact - other).max() <= 0.1)

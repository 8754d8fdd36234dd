"""LLMLingua-2: a token classifier, trained on what a large model leaves out, drops words."""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from rlc.data.errors import WeightsError
from rlc.data.protocols import Floats, Weights
from rlc.data.weights import load_whole, resolve
from rlc.retrievers.encoders.support.forward import attention_mask, padded
from rlc.retrievers.encoders.support.windows import Window, batches, windows_of
from rlc.retrievers.prune.base import Asked, Judged, SentencePruner, Share
from rlc.retrievers.prune.support.units import Unit

_WORD = re.compile(r"\S+\s*")


class LLMLingua2Pruner(SentencePruner):
    """Keeps the words that a token classifier would keep, whatever the question.

    worth(w) = mean over the tokens of word w of softmax(logits)[1]; 1 for forced words. The share `ratio` of a
    question's tokens is removed, over all its passages together (the authors' `rate` is 1 - ratio, and they hold every
    chunk of 512 tokens to it). White space goes with the word before it, and words of a row do not bring its header.
    Texts longer than the window are read in windows of equal length; the authors end theirs at full stops.

    Attributes:
        model: a folder or Hugging Face id, such as microsoft/llmlingua-2-bert-base-multilingual-cased-meetingbank.
        ratio: share of tokens to remove.
        force: words that are worth 1, punctuation around them aside.
        force_digits: whether words with digits are worth 1.
        window: tokens read at once, at most as many as the model has positions for.
        dtype: of the transformer.
        batch_tokens: tokens in one forward pass, padding included.
        device: `cpu`, `cuda`, ...; None takes the best there is.

    Source: Pan et al., LLMLingua-2, ACL Findings 2024, arXiv 2403.12968.
    """

    NEEDS: ClassVar[tuple[str, ...]] = ("torch", "transformers")
    made_for: ClassVar[str] = "English"  # what the weights of its authors were trained on

    model: Weights
    ratio: Share | None = 0.5
    revision: str | None = None
    force: Sequence[str] = ()
    force_digits: bool = False
    window: int = Field(default=512, ge=8)
    dtype: Literal["float32", "bfloat16"] = "float32"
    batch_tokens: int = Field(default=8192, ge=1)
    device: str | None = None

    def cut(self, text: str) -> list[Unit]:
        """Words, each with the white space behind it; the first also with that before it."""
        spans = [match.span() for match in _WORD.finditer(text)]
        starts = [0, *(start for start, _ in spans[1:])]
        return (
            [Unit(start, end) for start, (_, end) in zip(starts, spans, strict=bool(spans))] if spans else []
        )

    def judge(self, asked: Sequence[Asked], cut: Sequence[Sequence[Sequence[Unit]]]) -> list[list[Judged]]:
        """The worth of every word, all passages batched together."""
        texts = [document.page_content for one in asked for document in one.documents]
        flat = [passage for passages in cut for passage in passages]
        sums = [np.zeros(len(passage)) for passage in flat]
        counts = [np.zeros(len(passage)) for passage in flat]
        windows = self._windows(texts) if texts else []
        for batch in batches([len(window.ids) for window in windows], self.batch_tokens):
            keep = self._forward([windows[i] for i in batch])
            for row, window in zip(keep, (windows[i] for i in batch), strict=True):
                ends = [unit.end for unit in flat[window.text]]
                words = np.searchsorted(ends, window.offsets[:, 1] - 1, side="right")
                np.add.at(sums[window.text], words, row[window.body])
                np.add.at(counts[window.text], words, 1)
        worth = [total / np.maximum(count, 1) for total, count in zip(sums, counts, strict=True)]
        judged = iter(
            Judged(passage, self._forced(values.astype(np.float32), text, passage))
            for passage, values, text in zip(flat, worth, texts, strict=True)
        )
        return [[next(judged) for _ in passages] for passages in cut]

    def _windows(self, texts: Sequence[str]) -> list[Window]:
        model, tokenizer = self._loaded
        size = min(self.window, getattr(model.config, "max_position_embeddings", self.window))
        return windows_of(texts, tokenizer.backend_tokenizer, size)

    def _forced(self, worth: Floats, text: str, passage: Sequence[Unit]) -> Floats:
        words = [text[unit.start : unit.end].strip() for unit in passage]
        forced = [
            word in self.force
            or word.strip(".,;:!?\"'()[]") in self.force
            or (self.force_digits and any(map(str.isdigit, word)))
            for word in words
        ]
        return np.where(forced, np.float32(1), worth).astype(np.float32)

    def _forward(self, windows: Sequence[Window]) -> Floats:
        """Keep probabilities [windows, tokens]."""
        import torch

        model, tokenizer = self._loaded
        rows = [window.ids for window in windows]
        ids, mask = padded(rows, tokenizer.pad_token_id or 0), attention_mask(rows)
        with torch.inference_mode():
            logits = model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device)).logits
        probabilities: torch.Tensor = logits.float().softmax(-1)[..., 1]
        return probabilities.cpu().numpy()

    def warm(self) -> None:
        self._loaded  # noqa: B018 - a cached property

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """Load model and tokenizer, once."""
        import torch
        from transformers import AutoModelForTokenClassification, AutoTokenizer

        place = str(resolve(self.model))
        revision = self.revision or "main"
        try:
            model = load_whole(
                AutoModelForTokenClassification,
                place,
                dtype=self.dtype,
                use_safetensors=True,
                revision=revision,
            )
            tokenizer = AutoTokenizer.from_pretrained(place, revision=revision, trust_remote_code=False)
        except (OSError, ValueError) as error:
            raise WeightsError(
                f"cannot load the token classifier {self.model!r}: {error}; name a folder or a Hugging Face id with "
                "safetensors weights"
            ) from error
        if model.config.num_labels != 2:
            raise WeightsError(
                f"{self.model!r} has {model.config.num_labels} labels, expected 2 (drop and keep): name a model of LLMLingua-2"
            )
        device = self.device or ("cuda" if torch.cuda.is_available() else "cpu")
        return model.to(device).eval(), tokenizer

"""Learned sparse encoders: texts to weights of the terms of a language model's vocabulary."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from rlc.data.errors import DataError, WeightsError
from rlc.data.protocols import Floats, SparseVector, Weights
from rlc.data.spec import fingerprint
from rlc.data.weights import revision_read
from rlc.retrievers.encoders.support.forward import attention_mask, padded
from rlc.retrievers.encoders.support.loading import checked_window, load_model, uncut
from rlc.retrievers.encoders.support.windows import batches, cut_texts, windows_of

Task = Literal["query", "document"]
LongText = Literal["pool", "refuse"]


class SpladeEncoder:
    """Weighs terms by a learned sparse encoder of sentence-transformers, named by its folder or Hugging Face id.

    Weights are the model's own, w(t) = max over tokens i of ln(1 + ReLU(logit_i(t))) for SPLADE. A query encoder that
    only looks weights up, with no model to run, is taken as the checkpoint has it. A text longer than the window is
    read in windows of equal length, and a term has the largest of its weights (`long_text="pool"`), or it is refused
    (`"refuse"`).

    Args:
        model: a folder or Hugging Face id.
        revision: the commit of a Hugging Face id; the newest where None.
        window: tokens that the model reads at once, special tokens included; None takes as many as it has positions for.
        long_text: `pool` or `refuse`.
        batch_tokens: tokens in one forward pass, padding included. Every token has a logit a term: 2,048 tokens of
            30,522 terms take 250 MB.
        device: `cpu`, `cuda`, ...; None takes the best there is.

    Attributes:
        pooled: how many texts have been read in windows so far.

    Source: Formal et al., SPLADE v2, arXiv 2109.10086; queries without a model: Geng et al., arXiv 2411.04403.
    """

    NEEDS: ClassVar[tuple[str, ...]] = ("torch", "sentence_transformers")
    VERSION: ClassVar[int] = 1

    def __init__(
        self,
        model: Weights,
        *,
        revision: str | None = None,
        window: int | None = None,
        long_text: LongText = "pool",
        batch_tokens: int = 2048,
        device: str | None = None,
    ) -> None:
        if long_text not in get_args(LongText):
            raise ValueError(f"long_text must be one of {', '.join(get_args(LongText))}, got {long_text!r}")
        self._model = load_model("SparseEncoder", model, revision, device)
        if self._model.similarity_fn_name != "dot":
            raise WeightsError(
                f"{model!r} compares texts by {self._model.similarity_fn_name}, and an inverted index by inner products"
            )
        self._tokenizers = {task: uncut(self._module(task).tokenizer) for task in get_args(Task)}
        self.window = checked_window(self._module("document"), window)
        self.long_text, self.batch_tokens, self.pooled = long_text, batch_tokens, 0
        prompts = fingerprint([self._prompt("query"), self._prompt("document")])[:8]
        self.name = f"{model}@{revision_read(model, revision)} window={self.window} long_text={long_text} prompts={prompts}"

    @cached_property
    def dimension(self) -> int:
        """The number of terms, found by reading one token."""
        return len(self._weights([[0]], "document")[0])

    def weigh_documents(self, texts: Sequence[str]) -> list[SparseVector]:
        """The terms of each text."""
        return self._encode(texts, "document")

    def weigh_queries(self, texts: Sequence[str]) -> list[SparseVector]:
        """The terms of each text, with the query prompt and by the query encoder, where the model has them."""
        return self._encode(texts, "query")

    def _encode(self, texts: Sequence[str], task: Task) -> list[SparseVector]:
        pieces = self._pieces(texts, task)
        found: list[list[SparseVector]] = [[] for _ in texts]
        for batch in batches([len(ids) for _, ids in pieces], self.batch_tokens):
            for place, row in zip(batch, self._weights([pieces[i][1] for i in batch], task), strict=True):
                terms = np.flatnonzero(row).astype(np.int32)
                found[pieces[place][0]].append(SparseVector(terms, row[terms]))
        return [strongest(vectors) for vectors in found]

    def _pieces(self, texts: Sequence[str], task: Task) -> list[tuple[int, list[int]]]:
        """What the model reads of each text: the text's place, and token ids that fit the window.

        Raises:
            DataError: if a text is longer than the window and is to be refused.
        """
        module, prompt = self._module(task), self._prompt(task)
        tokenizer = self._tokenizers[task]
        if not hasattr(module, "model"):  # weights are looked up, so no length is too much
            read = tokenizer.encode_batch([prompt + text for text in texts], add_special_tokens=False)
            return [(i, one.ids) for i, one in enumerate(read)]
        windows = windows_of(texts, tokenizer, self.window, prompt)
        if long := cut_texts(windows):
            if self.long_text == "refuse":
                raise DataError(
                    f"{len(long)} of {len(texts)} texts are longer than the window of {self.window} tokens, the first "
                    f"at place {long[0]}: cut smaller chunks, or let the encoder pool them (long_text='pool')"
                )
            self.pooled += len(long)
        return [(window.text, window.ids) for window in windows]

    def _weights(self, ids: Sequence[Sequence[int]], task: Task) -> Floats:
        """Run a batch of token ids: float32 [batch, terms]."""
        import torch
        from sentence_transformers.util import select_max_active_dims

        filler = self._model.tokenizer.pad_token_id or 0
        batch = {"input_ids": padded(ids, filler), "attention_mask": attention_mask(ids)}
        with torch.inference_mode():
            read = self._model({key: value.to(self._model.device) for key, value in batch.items()}, task=task)
            weights: torch.Tensor = read["sentence_embedding"]
            if (most := self._model.max_active_dims) is not None:
                weights = select_max_active_dims(weights, max_active_dims=most)
        return weights.float().cpu().numpy()

    def _module(self, task: Task) -> Any:  # noqa: ANN401 - sentence-transformers is loaded late
        """What reads the tokens of queries, or of documents."""
        routes = getattr(self._model[0], "sub_modules", {})
        return routes[task][0] if task in routes else self._model[0]

    def _prompt(self, task: Task) -> str:
        return self._model.prompts.get(task) or ""


def strongest(vectors: Sequence[SparseVector]) -> SparseVector:
    """The largest weight of each term among at least one vector, terms ascending."""
    terms, places = np.unique(np.concatenate([one.terms for one in vectors]), return_inverse=True)
    weights = np.zeros(len(terms), np.float32)
    np.maximum.at(weights, places, np.concatenate([one.weights for one in vectors]))
    return SparseVector(terms, weights)

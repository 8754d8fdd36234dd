"""Encoders that were trained for late interaction: a vector a token, queries read otherwise than documents."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from rlc.data.errors import DataError
from rlc.data.protocols import Floats, Weights
from rlc.data.spec import fingerprint
from rlc.data.weights import revision_read
from rlc.retrievers.encoders.support.forward import attention_mask, padded
from rlc.retrievers.encoders.support.loading import checked_window, load_model, uncut
from rlc.retrievers.encoders.support.windows import batches, windows_of


class ColBERTEncoder:
    """Embeds every token by a ColBERT checkpoint, named by its folder or Hugging Face id.

    What sentence-transformers' `MultiVectorEncoder`, PyLate or Stanford's ColBERT saved is read by the first: its
    projection, markers before queries and documents, `[MASK]` behind short queries, and the punctuation of documents
    that is left out. A document longer than the window is read in windows of equal length, each with its marker.
    Queries are not cut at the length to which short ones are filled up, which ColBERT does.

    Args:
        model: a folder or Hugging Face id.
        revision: the commit of a Hugging Face id; the newest where None.
        window: tokens of a document read at once, marker and special tokens included; None takes the length that the
            checkpoint names for documents, else as many as the model has positions for.
        batch_tokens: tokens in one forward pass, padding included.
        device: `cpu`, `cuda`, ...; None takes the best there is.

    Source: Khattab and Zaharia, ColBERT, SIGIR 2020, doi:10.1145/3397271.3401075.
    """

    NEEDS: ClassVar[tuple[str, ...]] = ("torch", "sentence_transformers")
    VERSION: ClassVar[int] = 1

    def __init__(
        self,
        model: Weights,
        *,
        revision: str | None = None,
        window: int | None = None,
        batch_tokens: int = 4096,
        device: str | None = None,
    ) -> None:
        self._model = load_model("MultiVectorEncoder", model, revision, device)
        transformer: Any = self._model[0]
        self._longest = checked_window(transformer, None)
        own = min(transformer.document_length or self._longest, self._longest)
        self.window = checked_window(transformer, window or own)
        # Longer queries would be cut in silence.
        transformer.query_length, transformer.max_seq_length = None, self._longest
        if transformer.query_expansion is not None:
            transformer.query_expansion = {**transformer.query_expansion, "strategy": "min"}
        self._tokenizer = uncut(self._model.tokenizer)
        self._prompts = {task: self._model.prompts.get(task) or "" for task in ("query", "document")}
        self.dimension = int(self._model.get_embedding_dimension())
        self.batch_tokens = batch_tokens
        told = fingerprint([self._prompts, transformer.query_expansion])[:8]
        self.name = f"{model}@{revision_read(model, revision)} window={self.window} queries={told}"

    def encode_document_tokens(self, texts: Sequence[str]) -> list[Floats]:
        """The vectors [tokens, dimension] of each text, special tokens included and punctuation left out."""
        windows = windows_of(texts, self._tokenizer, self.window, self._prompts["document"])
        vectors: dict[int, Floats] = {}
        for batch in batches([len(window.ids) for window in windows], self.batch_tokens):
            vectors.update(zip(batch, self._read([windows[i].ids for i in batch]), strict=True))
        found: list[list[Floats]] = [[] for _ in texts]
        for i, window in enumerate(windows):
            found[window.text].append(vectors[i])
        return [np.concatenate(parts) for parts in found]

    def encode_query_tokens(self, texts: Sequence[str]) -> list[Floats]:
        """The vectors [tokens, dimension] of each text, those of its fillers included.

        Raises:
            DataError: if a text is longer than the model's positions.
        """
        for i, one in enumerate(
            self._tokenizer.encode_batch([self._prompts["query"] + text for text in texts])
        ):
            if len(one.ids) > self._longest:
                raise DataError(
                    f"query {i} has {len(one.ids)} tokens and the model {self._longest} positions: ask in fewer words"
                )
        vectors: list[Floats] = self._model.encode_query(list(texts), convert_to_numpy=True)
        return vectors

    def _read(self, ids: Sequence[Sequence[int]]) -> list[Floats]:
        """Run a batch of token ids of documents: of each the vectors that count, float32 [tokens, dimension]."""
        import torch

        filler = self._model.tokenizer.pad_token_id or 0
        batch = {"input_ids": padded(ids, filler), "attention_mask": attention_mask(ids)}
        with torch.inference_mode():
            read = self._model(
                {key: value.to(self._model.device) for key, value in batch.items()}, task="document"
            )
        rows = zip(read["token_embeddings"].float(), read["attention_mask"].bool(), strict=True)
        return [vectors[counted].cpu().numpy() for vectors, counted in rows]

"""Encoders: texts to unit vectors. A text longer than the model's window is pooled or refused, never cut."""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np

from rlc.data.errors import DataError
from rlc.data.precision import IF_CLOSE, native_if_close, settled_if_close
from rlc.data.protocols import Floats, TokenEmbeddings, Tokenizer, Weights
from rlc.data.spec import fingerprint
from rlc.data.tokens import FastTokenizer
from rlc.data.weights import revision_read
from rlc.retrievers.encoders.support.forward import attention_mask, padded
from rlc.retrievers.encoders.support.loading import checked_window, load_model
from rlc.retrievers.encoders.support.probe import random_tokens
from rlc.retrievers.encoders.support.windows import Window, batches, cut_texts, windows_of

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Dtype = Literal["auto", "float32", "bfloat16", "bfloat16-if-close"]
LongText = Literal["pool", "refuse"]


class SentenceEncoder:
    """A sentence-transformers model, by alias, folder or Hugging Face id, as an `Encoder`.

    Texts are batched by length and tokens; the transformer runs in `dtype`, pooling and normalisation always in
    float32. A text longer than the window is cut into windows of equal length, whose unit vectors are averaged,
    weighted by their tokens, and normalised again (`long_text="pool"`), or it is refused (`"refuse"`).

    Args:
        model: an alias (`minilm`), a folder, or a Hugging Face id.
        revision: the commit of a Hugging Face id; the newest where None.
        window: tokens that the model reads at once, special tokens included. None takes as many as the model has
            positions for: all-MiniLM-L6-v2 has 512 but ships cut to 256, which drops more than half of a
            600-token chunk and cost 5 points of recall@5 on LaRA.
        dtype: `float32`, `bfloat16`; `bfloat16-if-close` where it keeps cosines (see `is_close`), else float32; or
            `auto`, which is the last where the processor or GPU has instructions for bfloat16, else float32.
        long_text: `pool` or `refuse`.
        query_prompt: put before every query; None takes the model's own, if it has one.
        document_prompt: put before every document; None takes the model's own.
        batch_tokens: tokens in one forward pass, padding included; None takes 2,048 on a CPU, the fastest of 1,024
            to 16,384 on two cores with mixed lengths, and 65,536 elsewhere.
        device: `cpu`, `cuda`, ...; None takes the best there is.

    Attributes:
        pooled: how many texts have been pooled over windows so far.
    """

    NEEDS: ClassVar[tuple[str, ...]] = ("torch", "sentence_transformers")
    VERSION: ClassVar[int] = 1

    settled = staticmethod(settled_if_close)

    def __init__(
        self,
        model: Weights,
        *,
        revision: str | None = None,
        window: int | None = None,
        dtype: Dtype = "auto",
        long_text: LongText = "pool",
        query_prompt: str | None = None,
        document_prompt: str | None = None,
        batch_tokens: int | None = None,
        device: str | None = None,
    ) -> None:
        for setting, value, known in (("dtype", dtype, Dtype), ("long_text", long_text, LongText)):
            if value not in get_args(known):
                raise ValueError(f"{setting} must be one of {', '.join(get_args(known))}, got {value!r}")
        self._model = load_model("SentenceTransformer", model, revision, device)
        self._backend = self._model.tokenizer.backend_tokenizer
        self.tokenizer: Tokenizer = FastTokenizer(model, self._backend)
        self.dimension = int(self._model.get_embedding_dimension() or 0)
        self.pooling = str(getattr(self._model[1], "pooling_mode", "unknown"))
        self.window = checked_window(self._model[0], window)
        self.long_text = long_text
        own = self._model.prompts
        self.query_prompt = query_prompt if query_prompt is not None else own.get("query") or ""
        self.document_prompt = document_prompt if document_prompt is not None else own.get("document") or ""
        self.batch_tokens = batch_tokens or (2048 if self._model.device.type == "cpu" else 65536)
        self.pooled = 0
        wanted = native_if_close(self._model.device.type) if dtype == "auto" else dtype
        close = wanted != IF_CLOSE or is_close(self._model, self.window)
        self.dtype = wanted.removesuffix("-if-close") if close else "float32"
        if self.dtype == "bfloat16":
            self._model[0].bfloat16()
        prompts = fingerprint([self.query_prompt, self.document_prompt])[:8]
        self.name = (
            f"{model}@{revision_read(model, revision)} window={self.window} dtype={self.dtype} "
            f"long_text={long_text} prompts={prompts}"
        )

    def encode_documents(self, texts: Sequence[str]) -> Floats:
        """Unit vectors [texts, dimension]."""
        return self._encode(texts, self.document_prompt)

    def encode_queries(self, texts: Sequence[str]) -> Floats:
        """Unit vectors [texts, dimension], with the query prompt."""
        return self._encode(texts, self.query_prompt)

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenEmbeddings]:
        """The last hidden states of each text's own tokens, read after the document prompt.

        Raises:
            DataError: if a text is longer than the window.
        """
        windows = windows_of(texts, self._backend, self.window, self.document_prompt)
        self._refuse_long(windows, len(texts))
        found: dict[int, TokenEmbeddings] = {}
        for batch in batches([len(window.ids) for window in windows], self.batch_tokens):
            states = forward(self._model, [windows[i].ids for i in batch], "token_embeddings")
            for row, i in enumerate(batch):
                found[i] = TokenEmbeddings(states[row, windows[i].body], windows[i].offsets)
        return [found[i] for i in range(len(texts))]

    def _encode(self, texts: Sequence[str], prompt: str) -> Floats:
        windows = windows_of(texts, self._backend, self.window, prompt)
        if self.long_text == "refuse":
            self._refuse_long(windows, len(texts))
        self.pooled += len(cut_texts(windows))
        sums = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for batch in batches([len(window.ids) for window in windows], self.batch_tokens):
            vectors = unit(forward(self._model, [windows[i].ids for i in batch], "sentence_embedding"))
            weights = np.array([max(1, len(windows[i].offsets)) for i in batch], dtype=np.float32)
            np.add.at(sums, [windows[i].text for i in batch], vectors * weights[:, None])
        return unit(sums)

    def _refuse_long(self, windows: Sequence[Window], texts: int) -> None:
        if long := cut_texts(windows):
            raise DataError(
                f"{len(long)} of {texts} texts are longer than the window of {self.window} tokens, the first at "
                f"place {long[0]}: cut smaller chunks, or let the encoder pool them (long_text='pool')"
            )


def forward(model: "SentenceTransformer", ids: Sequence[Sequence[int]], wanted: str) -> Floats:
    """Run a batch of token ids: the feature `wanted` of each, as float32."""
    import torch

    batch = {
        "input_ids": padded(ids, model.tokenizer.pad_token_id or 0),
        "attention_mask": attention_mask(ids),
    }
    with torch.inference_mode():
        features: dict[str, Any] = model[0]({name: values.to(model.device) for name, values in batch.items()})
        # Pooling in bfloat16 costs agreement with float32 and leaves vectors that are not unit.
        features["token_embeddings"] = features["token_embeddings"].float()
        if wanted != "token_embeddings":
            for module in list(model)[1:]:
                features = module(features)
    states: torch.Tensor = features[wanted]
    return states.cpu().numpy()


def is_close(model: "SentenceTransformer", window: int) -> bool:
    """Whether a float32 model keeps all its vectors in bfloat16, of random tokens, at a cosine of 0.999 or above."""
    half = copy.deepcopy(model)
    half[0].bfloat16()
    batch = random_tokens(len(model.tokenizer), min(128, window))
    exact, other = (unit(forward(one, batch, "sentence_embedding")) for one in (model, half))
    return float((exact * other).sum(axis=1).min()) >= 0.999


def unit(vectors: Floats) -> Floats:
    """Each row divided by its length; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)

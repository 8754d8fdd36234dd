"""Any langchain-core `Embeddings` as an `Encoder`."""

import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, cast

import numpy as np
from langchain_core.embeddings import Embeddings

from rlc.data.errors import DataError, UnsupportedError
from rlc.data.lazy import load
from rlc.data.protocols import Encoder, Floats, TokenEmbeddings, Tokenizer, Weights
from rlc.data.spec import Spec
from rlc.data.tokens import load_tokenizer
from rlc.retrievers.encoders.sentence_transformer import unit


class LangChainEncoder:
    """Texts to unit vectors by somebody else's `Embeddings`.

    Args:
        embeddings: an `Embeddings`, or where its class is (`"langchain_openai:OpenAIEmbeddings"`), which is
            code and needs `--allow-code` or a line in your `trusted.toml`.
        window: the model's window in tokens, which langchain does not tell: longer texts are refused, since the
            service might cut them in silence.
        settings: what the class is called with, where it is named by a string.
        tokenizer: what counts tokens: a model's name, or `approximate`.
        name: identifies model and settings in tables and caches; the class's name and settings by default.
    """

    VERSION: ClassVar[int] = 1
    CODE: ClassVar[Sequence[str]] = ("embeddings",)

    pooling = "unknown"

    @classmethod
    def example(cls) -> Spec:
        """Vectors that depend on the text alone."""
        return {
            "embeddings": "langchain_core.embeddings:DeterministicFakeEmbedding",
            "settings": {"size": 16},
            "window": 100,
        }

    def __init__(
        self,
        embeddings: Embeddings | str,
        *,
        window: int,
        settings: Mapping[str, Any] | None = None,
        tokenizer: Tokenizer | Weights = "approximate",
        name: str | None = None,
    ) -> None:
        made = load(embeddings)(**(settings or {})) if isinstance(embeddings, str) else embeddings
        if not isinstance(made, Embeddings):
            raise TypeError(f"expected a langchain-core Embeddings, got {type(made).__name__}")
        self._embeddings = made
        self.window = window
        self.tokenizer = load_tokenizer(tokenizer) if isinstance(tokenizer, str) else tokenizer
        self.name = name or f"{type(made).__name__}({dict(settings or {})})"

    @cached_property
    def dimension(self) -> int:
        """The vectors' length, found by embedding one word."""
        return len(self._embeddings.embed_query("dimension"))

    def encode_documents(self, texts: Sequence[str]) -> Floats:
        """Unit vectors [texts, dimension].

        Raises:
            DataError: if a text is longer than the window.
        """
        return self._checked(self._embeddings.embed_documents(self._fitting(texts)), len(texts))

    def encode_queries(self, texts: Sequence[str]) -> Floats:
        """Unit vectors [texts, dimension]; raises as `encode_documents` does."""
        return self._checked(
            [self._embeddings.embed_query(text) for text in self._fitting(texts)], len(texts)
        )

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenEmbeddings]:  # noqa: ARG002 - the protocol's name
        """Not possible: langchain's interface gives one vector a text."""
        raise UnsupportedError(
            f"{self.name} gives one vector a text and no token embeddings: use a sentence-transformers model"
        )

    def _fitting(self, texts: Sequence[str]) -> list[str]:
        for i, text in enumerate(texts):
            # A token has at least one character, so a short text need not be counted.
            if len(text) > self.window and (count := self.tokenizer.count(text)) > self.window:
                raise DataError(
                    f"text {i} has {count} tokens ({self.tokenizer.name}), more than the window of {self.window}: "
                    "cut smaller chunks"
                )
        return list(texts)

    def _checked(self, vectors: list[list[float]], texts: int) -> Floats:
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return unit(np.asarray(vectors, dtype=np.float32))


def as_encoder(encoder: Encoder | Embeddings) -> Encoder:
    """The encoder itself, or langchain's `Embeddings` as one.

    Their window is what they say themselves (`embedding_ctx_length`), else not known and not held against any text;
    `LangChainEncoder(embeddings, window=...)` refuses what a service would cut.
    """
    if isinstance(encoder, Embeddings):
        window = getattr(encoder, "embedding_ctx_length", sys.maxsize)
        return cast(
            "Encoder", LangChainEncoder(encoder, window=window)
        )  # its dimension is found when asked for
    return encoder

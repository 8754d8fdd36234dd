"""Reranking by a model behind a server: `/rerank` as Cohere, Jina and vLLM have it, or as Text Embeddings Inference does."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from rlc.data.errors import DataError, EngineError
from rlc.data.protocols import Floats
from rlc.data.spec import Spec
from rlc.data.tokens import ApproximateTokenizer
from rlc.retrievers.rerank.base import Reranker
from rlc.retrievers.support.remote import RemoteModel


class EndpointReranker(Reranker):
    """Scores passages by `POST {base_url}/rerank`.

    Attributes:
        model: the name that the server knows the model by.
        base_url: where `/rerank` is: `https://api.cohere.com/v2`, `https://api.jina.ai/v1`, a vLLM server's `/v1`.
        form: `cohere`, or `tei` for Text Embeddings Inference.
        window: tokens that query and passage may have together, counted approximately; longer ones are refused, since a
            server may cut them in silence. None refuses none.
        api_key_env: the environment variable that holds the key.
        retries: further attempts after a fault that may pass; see `rlc.data.exchange.persistently`.
        backoff: seconds before the first of them, doubled each time.
        timeout: seconds that a reply may take.
    """

    NEEDS: ClassVar[tuple[str, ...]] = ()

    model: str
    base_url: str = "http://localhost:8000/v1"
    form: Literal["cohere", "tei"] = "cohere"
    window: int | None = Field(default=None, ge=1)
    api_key_env: str = "OPENAI_API_KEY"
    retries: int = Field(default=5, ge=0)
    backoff: float = 1.0
    timeout: float = 60.0

    @classmethod
    def example(cls) -> Spec:
        """A model called as the server calls it."""
        return {"model": "any"}

    @cached_property
    def remote(self) -> RemoteModel:
        """The server; its `tokens` are those that it has read so far."""
        return RemoteModel(
            self.model, self.base_url, self.api_key_env, self.retries, self.backoff, self.timeout
        )

    def scores(self, query: str, texts: Sequence[str]) -> Floats:
        """How well each text answers the query, by the server's score, float32 [texts].

        Raises:
            DataError: if a passage does not fit beside the query.
            EngineUnavailableError: if nothing listens there, or it wants another key, path or model.
            EngineError: if it refuses the request, or does not score every text once.
        """
        self._check_fits(query, texts)
        most = sum(len((query + text).encode("utf-8", "surrogatepass")) for text in texts)
        said = self.remote.ask("rerank", self._body(query, texts), most)
        results: Any = said.get("results") if isinstance(said, dict) else said
        try:
            found = {
                int(one["index"]): float(one.get("relevance_score", one.get("score"))) for one in results
            }
            return np.array([found[i] for i in range(len(texts))], dtype=np.float32)
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise EngineError(
                f"{self.model}: expected a score for each of {len(texts)} passages, got {str(said)[:120]!r} "
                f"({type(error).__name__}: {error}); is form = {self.form!r} the server's?"
            ) from None

    def _body(self, query: str, texts: Sequence[str]) -> dict[str, Any]:
        if self.form == "tei":
            return {"query": query, "texts": list(texts), "raw_scores": True, "truncate": False}
        return {"model": self.model, "query": query, "documents": list(texts), "top_n": len(texts)}

    def _check_fits(self, query: str, texts: Sequence[str]) -> None:
        if self.window is None:
            return
        count = ApproximateTokenizer().count
        asked = count(query)
        if long := [i for i, text in enumerate(texts) if asked + count(text) > self.window]:
            raise DataError(
                f"{len(long)} of {len(texts)} passages do not fit into {self.window} tokens beside the query, the first at "
                f"place {long[0]}: cut smaller chunks"
            )

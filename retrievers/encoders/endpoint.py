"""An embedding model behind a server: OpenAI's `/embeddings`, which vLLM, TEI, Ollama and most providers have."""

from collections.abc import Sequence
from typing import ClassVar

from langchain_core.embeddings import Embeddings

from rlc.data.errors import EngineError
from rlc.data.protocols import Tokenizer, Weights
from rlc.data.spec import Spec
from rlc.retrievers.encoders.langchain import LangChainEncoder
from rlc.retrievers.support.remote import RemoteModel


class EndpointEncoder(LangChainEncoder):
    """Texts to unit vectors by `POST {base_url}/embeddings`.

    Args:
        model: the name that the server knows the model by.
        window: the model's window in tokens: longer texts are refused, since a server may cut them in silence.
        base_url: where the protocol's paths begin, `/v1` included.
        api_key_env: the environment variable that holds the key.
        dimensions: how long the vectors are to be, of a model that has a choice; None leaves it to the server.
        batch: texts in one request.
        query_prompt: put before every query.
        document_prompt: put before every document.
        tokenizer: what counts tokens: a model's name, or `approximate`.
        retries: further attempts after a fault that may pass; see `rlc.data.exchange.persistently`.
        backoff: seconds before the first of them, doubled each time.
        timeout: seconds that a reply may take.

    Attributes:
        remote: the server; its `tokens` are those that it has read so far.

    Raises:
        ValueError: on a setting out of range.
        EngineUnavailableError: if a server elsewhere needs a key and the variable is not set.
    """

    CODE: ClassVar[Sequence[str]] = ()

    @classmethod
    def example(cls) -> Spec:
        """A model called as the server calls it."""
        return {"model": "any", "window": 100}

    def __init__(
        self,
        model: str,
        *,
        window: int,
        base_url: str = "http://localhost:8000/v1",
        api_key_env: str = "OPENAI_API_KEY",
        dimensions: int | None = None,
        batch: int = 64,
        query_prompt: str = "",
        document_prompt: str = "",
        tokenizer: Tokenizer | Weights = "approximate",
        retries: int = 5,
        backoff: float = 1.0,
        timeout: float = 60.0,
    ) -> None:
        if batch < 1 or (dimensions is not None and dimensions < 1):
            raise ValueError(f"batch and dimensions must be at least 1, got {batch} and {dimensions}")
        self.remote = RemoteModel(model, base_url, api_key_env, retries, backoff, timeout)
        server = EndpointEmbeddings(self.remote, dimensions, batch, query_prompt, document_prompt)
        prompts = [query_prompt, document_prompt] if query_prompt or document_prompt else []
        name = f"{model} at {base_url}, dimensions={dimensions}, prompts={prompts}"
        super().__init__(server, window=window, tokenizer=tokenizer, name=name)


class EndpointEmbeddings(Embeddings):
    """A server's embeddings as langchain-core has them."""

    def __init__(
        self, remote: RemoteModel, dimensions: int | None, batch: int, query_prompt: str, document_prompt: str
    ) -> None:
        self._remote = remote
        self._wish = {} if dimensions is None else {"dimensions": dimensions}
        self._batch = batch
        self._query_prompt, self._document_prompt = query_prompt, document_prompt

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed texts behind their prompt, a vector each."""
        return self._embedded([self._document_prompt + text for text in texts])

    def embed_query(self, text: str) -> list[float]:
        """Embed one query behind its prompt."""
        return self._embedded([self._query_prompt + text])[0]

    def _embedded(self, texts: Sequence[str]) -> list[list[float]]:
        vectors: list[list[float]] = []
        for start in range(0, len(texts), self._batch):
            vectors += self._asked(texts[start : start + self._batch])
        return vectors

    def _asked(self, texts: Sequence[str]) -> list[list[float]]:
        body = {"model": self._remote.model, "input": list(texts), "encoding_format": "float", **self._wish}
        most = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
        said = self._remote.ask("embeddings", body, most)
        try:
            found = {int(one["index"]): [float(value) for value in one["embedding"]] for one in said["data"]}
            return [found[i] for i in range(len(texts))]
        except (TypeError, KeyError, ValueError) as error:
            raise EngineError(
                f"{self._remote.model}: expected an embedding for each of {len(texts)} texts under data, got "
                f"{str(said)[:120]!r} ({type(error).__name__}: {error}); does base_url end where the paths begin (/v1)?"
            ) from None

"""The peers of the retrieval benchmark: hybrid retrieval as other libraries' users write it, all on MiniLM."""

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

from rlc.data.weights import resolve

Arm = Callable[[Document, Sequence[str]], None]
"""Cut and index one document, then retrieve for its questions."""


def sentence_transformer() -> Any:  # noqa: ANN401 - untyped here
    """The model as sentence-transformers runs it by default, on all its 512 positions."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(resolve("minilm")), device="cpu")
    model.max_seq_length = 512
    return model


def llama_index(size: int, overlap: int) -> Arm:
    """LaRA's own: sentence splitter, two chunks by vectors, three by BM25, BM25 first, duplicates removed."""
    from llama_index.core import Document as LlamaDocument
    from llama_index.core import VectorStoreIndex
    from llama_index.core.embeddings import BaseEmbedding
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.retrievers.bm25 import BM25Retriever

    model = sentence_transformer()

    class MiniLM(BaseEmbedding):
        """sentence-transformers behind llama-index's interface."""

        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            return model.encode(texts, normalize_embeddings=True).tolist()

        def _get_text_embedding(self, text: str) -> list[float]:
            return self._get_text_embeddings([text])[0]

        def _get_query_embedding(self, query: str) -> list[float]:
            return self._get_text_embedding(query)

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_text_embedding(query)

    splitter = SentenceSplitter(
        chunk_size=size, chunk_overlap=overlap, tokenizer=lambda text: model.tokenizer.encode(text)
    )

    def arm(document: Document, questions: Sequence[str]) -> None:
        nodes = splitter.get_nodes_from_documents([LlamaDocument(text=document.page_content)])
        dense = VectorStoreIndex(nodes, embed_model=MiniLM(embed_batch_size=32)).as_retriever(
            similarity_top_k=2
        )
        sparse = BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=3)
        for question in questions:
            found = [*sparse.retrieve(question), *dense.retrieve(question)]
            dict.fromkeys(node.text for node in found)

    return arm


def langchain(size: int, overlap: int) -> Arm:
    """LangChain's splitter, FAISS, BM25 and reciprocal rank fusion."""
    from langchain_classic.retrievers import EnsembleRetriever
    from langchain_community.retrievers import BM25Retriever
    from langchain_community.vectorstores import FAISS
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    model = sentence_transformer()

    class MiniLM(Embeddings):
        """sentence-transformers behind langchain's interface."""

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return model.encode(texts, normalize_embeddings=True).tolist()

        def embed_query(self, text: str) -> list[float]:
            return self.embed_documents([text])[0]

    splitter = RecursiveCharacterTextSplitter.from_huggingface_tokenizer(
        model.tokenizer, chunk_size=size, chunk_overlap=overlap
    )

    def arm(document: Document, questions: Sequence[str]) -> None:
        chunks = splitter.split_documents([document])
        dense = FAISS.from_documents(chunks, MiniLM()).as_retriever(search_kwargs={"k": 50})
        both = [BM25Retriever.from_documents(chunks, k=50), dense]
        hybrid = EnsembleRetriever(retrievers=both, weights=[0.5, 0.5])
        for question in questions:
            hybrid.invoke(question)

    return arm

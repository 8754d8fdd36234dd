"""Your own vector store, fused with BM25: the words help where the vectors do not, and the other way round.

The embeddings here are random, so that the example needs no model; put your own in their place, and any
langchain vector store in place of the one in memory.
"""

from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.vectorstores import InMemoryVectorStore

from rlc.retrievers.bm25 import BM25Retriever
from rlc.retrievers.hybrid import HybridRetriever

DOCUMENTS = [
    Document(id="a", page_content="The harbour light was built in 1871 by Ada Lowe."),
    Document(id="b", page_content="It cost $1,093,095, of which the town paid 3.5%."),
    Document(id="c", page_content="The lamp was sold to the museum of the next town."),
]


def main() -> list[Document]:
    """What both find together, with the rank that each gave."""
    store = InMemoryVectorStore.from_documents(DOCUMENTS, DeterministicFakeEmbedding(size=64))
    retriever = HybridRetriever(
        retrievers=[BM25Retriever.from_documents(DOCUMENTS), store.as_retriever()],
        fusion="rrf",  # by ranks: the store in memory has no relevance scores; of those that have, leave it out
        weights=[2.0, 1.0],  # the words count twice
        k=3,
    )
    return retriever.invoke("What did the light cost: $1,093,095?")


if __name__ == "__main__":
    for document in main():
        ranks = {key: value for key, value in document.metadata.items() if key.startswith("rank_")}
        print(f"{document.metadata['rank']}. {document.page_content} {ranks}")

"""Retrievers in plain Python: cut a text, index the pieces, search, keep what fits a budget.

Add dense retrieval with

    encoder = SentenceEncoder("minilm")          # after `rlc fetch model minilm`, or any Hugging Face id
    members = [BM25Retriever.from_documents, partial(DenseRetriever.from_documents, encoder=encoder)]
    retriever = HybridRetriever.from_documents(pieces, members=members, k=10)
"""

from langchain_core.documents import Document

from rlc.chunkers import RecursiveChunker
from rlc.retrievers.bm25 import BM25Retriever
from rlc.retrievers.select import TokenBudget

TEXT = """The harbour light was built in 1871 by Ada Lowe.

It cost $1,093,095, of which the town paid 3.5%.

When the cliff gave way, the light was moved inland, and its lamp was sold to the museum of the next town."""


def main() -> list[Document]:
    """What is found for two questions at once."""
    pieces = RecursiveChunker(size=20).transform_documents([Document(id="light", page_content=TEXT)])
    retriever = BM25Retriever.from_documents(pieces, k=2)
    first, second = retriever.batch(["What did it cost: $1,093,095?", "Who built the light?"])
    budget = TokenBudget(tokens=20)
    return [*budget.refine(first, "What did it cost?"), *budget.refine(second, "Who built the light?")]


if __name__ == "__main__":
    for document in main():
        print(f"{document.metadata['rank']}. {document.id}: {document.page_content.strip()}")

"""One of our chunkers in a plain LangChain pipeline: cut, embed, store, find.

The embeddings here are random, so that the example needs no model; put your own in their place, and any langchain
vector store in place of the one in memory.
"""

from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.runnables import RunnableLambda
from langchain_core.vectorstores import InMemoryVectorStore

from rlc.chunkers import SectionChunker

GUIDE = """# The harbour light

## Its building

It was built in 1871 by Ada Lowe and cost $1,093,095, of which the town paid 3.5%.

## Its end

When the cliff gave way, the light was moved inland, and its lamp was sold to the museum of the next town.
"""


def main() -> list[Document]:
    """Index the guide twice, and ask once."""
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=64))
    index = RunnableLambda(SectionChunker(size=40).transform_documents) | store.add_documents
    for _ in range(2):  # ids name the place in the source, so a second run replaces and does not repeat
        index.invoke([Document(id="guide.md", page_content=GUIDE)])
    return store.as_retriever(search_kwargs={"k": 9}).invoke("Who built the light?")


if __name__ == "__main__":
    for chunk in main():
        print(chunk.id, chunk.metadata["section"], repr(chunk.page_content[:40]))

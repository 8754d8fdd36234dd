"""A retriever in a LangChain chain: question in, answer out.

The chat model here is a stand-in that repeats its prompt; put any langchain chat model in its place.
"""

from langchain_core.documents import Document
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnablePassthrough

from rlc.retrievers.bm25 import BM25Retriever

DOCUMENTS = [
    Document(id="a", page_content="The harbour light was built in 1871 by Ada Lowe."),
    Document(id="b", page_content="It cost $1,093,095, of which the town paid 3.5%."),
    Document(id="c", page_content="The lamp was sold to the museum of the next town."),
]


def together(documents: list[Document]) -> str:
    """The passages, one a line."""
    return "\n".join(document.page_content for document in documents)


def chain() -> Runnable[str, str]:
    """Retrieve, fill in the prompt, ask the model."""
    retriever = BM25Retriever.from_documents(DOCUMENTS, k=1)
    prompt = ChatPromptTemplate.from_template("{passages}\n\nQuestion: {question}")
    model = GenericFakeChatModel(messages=iter([AIMessage("Ada Lowe")]))
    return (
        {"passages": retriever | together, "question": RunnablePassthrough()}
        | prompt
        | model
        | StrOutputParser()
    )


def main() -> str:
    """Ask one question."""
    return chain().invoke("Who built the harbour light?")


if __name__ == "__main__":
    print(main())

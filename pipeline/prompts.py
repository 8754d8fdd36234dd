"""The prompts of the arms: in the wording of a data set's authors, else in LaRA's shape.

LaRA's is: what is read, the text, the question, "Be concise.". In both the text stands before the question, so that all questions on one document share a prefix.
Source: LaRA, arXiv 2502.09977, appendix and repository.
"""

from collections.abc import Sequence

from rlc.data.protocols import Prompt
from rlc.data.records import Wording

SYSTEM = "You are a helpful assistant"
WHOLE = {"paper": "the papers", "financial": "the financial statement", "book": "the book"}
PART_OF = {
    "paper": "some papers",
    "financial": "a financial statement",
    "book": "a book",
    "collection": "some documents",
}


def long_prompt(kind: str, text: str, question: str, wording: Wording | None = None) -> Prompt:
    """The whole document, then the question."""
    if wording:
        return Prompt(wording.reading(text), wording.asked(question))
    what = WHOLE.get(kind, "the document")
    return Prompt(f"Read {what} below and answer a question.\n\n{text}\n\n", ask(question), SYSTEM)


def rag_prompt(kind: str, passages: Sequence[str], question: str, wording: Wording | None = None) -> Prompt:
    """Numbered passages, then the question; in the authors' wording the passages stand where their text does."""
    if wording:
        return Prompt(wording.reading("\n\n".join(passages)), wording.asked(question))
    source = PART_OF.get(kind, "a document")
    chunks = "".join(f"chunk {i}: {passage}\n\n" for i, passage in enumerate(passages, 1))
    lead = f"Here are some chunks retrieved from {source}. Read these chunks to answer a question."
    return Prompt(f"{lead}\n\n{chunks}", ask(question), SYSTEM)


def closed_prompt(question: str, wording: Wording | None = None) -> Prompt:
    """The question alone: what the model knows by heart. The authors' wording of it may hold the choices."""
    asked = wording.asked(question) if wording else ask(question)
    return Prompt("Answer a question from memory.\n\n", asked, SYSTEM)


def ask(question: str) -> str:
    """The question as it stands at the end of every prompt."""
    return f"Question: {question}\n\nBe concise."

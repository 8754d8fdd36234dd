"""The prompts of the arms: in the wording of a data set's authors, else in LaRA's shape.

LaRA's is: what is read, the text, the question, "Be concise.". In both the text stands before the question, so that all questions on one document share a prefix.
Source: LaRA, arXiv 2502.09977, appendix and repository.
"""

from collections.abc import Sequence

from rlc.data.protocols import Prompt
from rlc.data.records import Example, Wording
from rlc.data.spec import fingerprint

SYSTEM = "You are a helpful assistant"
NO_NOTES = "(Nothing in it bears on the question.)"
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


def part_prompt(text: str, example: Example, task: str, before: str = "") -> Prompt:
    """A part of a document, then the question, what is known before it, and what is to be done with both."""
    source = PART_OF.get(kind_of(example), "a document")
    known = f"{before}\n\n" if before else ""
    return Prompt(
        f"Here is a part of {source}.\n\n{text}\n\n", f"Question: {example.question}\n\n{known}{task}", SYSTEM
    )


def notes_prompt(notes: str, example: Example) -> Prompt:
    """Notes of a document in place of it, then the question; in the authors' wording they stand where their text does."""
    if example.wording:
        return Prompt(example.wording.reading(notes or NO_NOTES), example.wording.asked(example.question))
    source = PART_OF.get(kind_of(example), "a document")
    lead = f"These notes were taken while reading {source}."
    return Prompt(f"{lead}\n\n{notes or NO_NOTES}\n\n", ask(example.question), SYSTEM)


def kind_of(example: Example) -> str:
    """What kind of text the example's document is."""
    return str(example.document.metadata.get("kind", ""))


def prompt_hash(prompt: Prompt) -> str:
    """What identifies a prompt in answers and steps."""
    return fingerprint([prompt.system, prompt.prefix, prompt.question])


def ask(question: str) -> str:
    """The question as it stands at the end of every prompt."""
    return f"Question: {question}\n\nBe concise."

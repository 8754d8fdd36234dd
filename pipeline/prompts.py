"""The prompts of the arms: in the wording of a data set's authors, else in the arm's own, which stands in its file.

LaRA's is: what is read, the text, the question, "Be concise.". In both the text stands before the question, so that all questions on one document share a prefix.
Source: LaRA, arXiv 2502.09977, appendix and repository.
"""

from collections.abc import Sequence
from dataclasses import replace

from rlc.data.prompt_files import ENGLISH, PromptTexts
from rlc.data.protocols import Prompt
from rlc.data.records import Example, Wording
from rlc.data.spec import fingerprint


def long_prompt(
    texts: PromptTexts, kind: str, text: str, question: str, wording: Wording | None = None
) -> Prompt:
    """The whole document, then the question."""
    if wording:
        return Prompt(wording.reading(text), wording.asked(question))
    return texts.prompt("ask", source=texts.one_of("source", kind), text=text, question=question)


def rag_prompt(
    texts: PromptTexts, kind: str, passages: Sequence[str], question: str, wording: Wording | None = None
) -> Prompt:
    """Numbered passages, then the question; in the authors' wording the passages stand where their text does."""
    if wording:
        return Prompt(wording.reading("\n\n".join(passages)), wording.asked(question))
    numbered = "".join(
        texts.fill("passage.text", number=i, passage=passage) for i, passage in enumerate(passages, 1)
    )
    return texts.prompt("ask", source=texts.one_of("source", kind), passages=numbered, question=question)


def closed_prompt(texts: PromptTexts, question: str, wording: Wording | None = None) -> Prompt:
    """The question alone: what the model knows by heart. The authors' wording of it may hold the choices."""
    prompt = texts.prompt("ask", question=question)
    return replace(prompt, question=wording.asked(question)) if wording else prompt


def wording_of(example: Example, prompt: str) -> Wording | None:
    """The wording of the data set's authors, but where the user chose another prompt than the one that is asked anyway."""
    return example.wording if prompt == ENGLISH else None


def kind_of(example: Example) -> str:
    """What kind of text the example's document is."""
    return str(example.document.metadata.get("kind", ""))


def prompt_hash(prompt: Prompt) -> str:
    """What identifies a prompt in answers and steps."""
    return fingerprint(list(prompt.identity))

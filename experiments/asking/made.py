"""Made questions: records, near-duplicates, and the file that `rlc compare` reads."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rlc.data.errors import StoreError
from rlc.data.records import Document, document_name
from rlc.data.written import written

ALIKE = 85.0  # of 100: from here on two questions on one document are one


@dataclass(frozen=True)
class Passage:
    """A half-open character span of a document, to ask about."""

    document: Document
    start: int
    end: int

    @property
    def text(self) -> str:
        """The characters of the span."""
        return self.document.page_content[self.start : self.end]


@dataclass(frozen=True)
class MadeQuestion:
    """A question on a document with its gold answer and the quotes that hold it, word for word.

    `answer` is empty where the document does not tell. `dropped` says why it is not kept; empty for one that is.
    `passages` are what it was made of.
    """

    kind: str
    question: str
    answer: str
    quotes: tuple[str, ...]
    passages: tuple[Passage, ...]
    by: str
    dropped: str = field(default="", compare=False)

    @property
    def document(self) -> Document:
        """The document that it is about."""
        return self.passages[0].document


def without_duplicates(
    questions: Sequence[MadeQuestion], earlier: Sequence[MadeQuestion] = ()
) -> list[MadeQuestion]:
    """The questions, those marked as dropped that nearly repeat one that is kept, before them or `earlier`."""
    from rapidfuzz import fuzz, utils

    kept: dict[str, list[str]] = {}
    for one in earlier:
        if not one.dropped:
            kept.setdefault(document_name(one.document), []).append(utils.default_process(one.question))
    found = []
    for one in questions:
        words, others = utils.default_process(one.question), kept.setdefault(document_name(one.document), [])
        if one.dropped:
            found.append(one)
        elif any(fuzz.token_sort_ratio(other, words) >= ALIKE for other in others):
            found.append(drop(one, "nearly repeats another question"))
        else:
            others.append(words)
            found.append(one)
    return found


def drop(question: MadeQuestion, why: str) -> MadeQuestion:
    """The question, marked as dropped."""
    return replace(question, dropped=why)


def as_row(question: MadeQuestion) -> dict[str, object]:
    """A kept question as a line of `questions.jsonl` (see `rlc.data.formats.jsonl`)."""
    told: dict[str, object] = {"question": question.question, "document": document_name(question.document)}
    if question.answer:
        told |= {"answer": question.answer, "answerable": True, "quotes": list(question.quotes)}
    else:
        told["answerable"] = False
    return {**told, "task": question.kind, "meta": {"made_by": question.by}}


def write_questions(questions: Iterable[MadeQuestion], file: Path) -> int:
    """Write the kept questions, a line each; how many they are.

    Raises:
        StoreError: where the file cannot be written.
    """
    rows = [json.dumps(as_row(one), ensure_ascii=False) for one in questions if not one.dropped]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with written(file) as draft:
            draft.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot write {file}: {error}; give another place with --out") from error
    return len(rows)

"""A user's own data set in two JSON Lines files, UTF-8, one object a line.

`documents.jsonl`, one document a line:

    {"id": "handbook", "text": "Chapter 1 ...", "title": "The handbook", "kind": "manual"}

| key     | what                                                              |
|---------|-------------------------------------------------------------------|
| `id`    | text, unique                                                      |
| `text`  | the document, not blank                                           |
| `title` | text; the id where absent                                         |
| `kind`  | text, what the prompt may call it; `document` where absent        |

`questions.jsonl`, one question a line:

    {"question": "Who signs?", "document": "handbook", "answer": "The clerk.", "task": "location"}

| key          | what                                                                                          |
|--------------|-----------------------------------------------------------------------------------------------|
| `question`   | text                                                                                          |
| `document`   | a document's id; may be left out where there is only one document                             |
| `answer`     | text: the gold answer                                                                         |
| `answers`    | a list of texts in its place: each is right. Neither: answered and costed, not scored         |
|              | or SQuAD's `{"text": [...], "answer_start": [...]}`; no text there says: not answerable       |
| `answerable` | false where the document does not hold the answer, true where it does; absent: nobody knows   |
| `quotes`     | a list of texts of the document, word for word, that hold the answer: what retrieval is measured by |
| `task`       | text; `qa` where absent. Tables group by it                                                   |
| `id`         | text, unique; where absent `<document>:<digest of the question>`                              |
| `meta`       | an object with anything else that a table may group by, such as `{"length": "32k"}`           |

Where text is wanted a number does, such as `"answer": 1871`: its digits are read. An optional key that is null
counts as absent; any other key is an error.
"""

import difflib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from langchain_core.documents import Document

from rlc.data.errors import DataError, unknown
from rlc.data.formats.files import JsonRow, as_text, digest, numbered, read_rows, short_digest
from rlc.data.records import Dataset, Evidence, Example

_DOCUMENT_KEYS = ("id", "text", "title", "kind")
_QUESTION_KEYS = ("question", "document", "answer", "answers", "answerable", "quotes", "task", "id", "meta")


def load(root: Path) -> Dataset:
    """Read `documents.jsonl` and `questions.jsonl` from a folder.

    Raises:
        DataError: naming file, line and reason, on the first thing that is not as the module says.
    """
    source, asked = root / "documents.jsonl", root / "questions.jsonl"
    documents = load_documents(root)
    examples = read_questions(asked, documents)
    return Dataset(root.resolve().name, examples, documents, digest(root, [source, asked]), root=root)


def load_documents(root: Path) -> dict[str, Document]:
    """Read `documents.jsonl` alone, by id.

    Raises:
        DataError: as for `load`.
    """
    source = root / "documents.jsonl"
    lines: dict[str, int] = {}

    def made(row: JsonRow) -> Document:
        document = _document(row)
        _refuse_repeated(row, str(document.id), lines)
        return document

    documents = read_rows(source, made)
    if not documents:
        raise DataError(f'{source}: holds no documents; expected lines such as {{"id": "a", "text": "..."}}')
    return {str(document.id): document for document in documents}


def read_questions(
    path: Path, documents: Mapping[str, Document], unread: Mapping[str, str] = MappingProxyType({})
) -> tuple[Example, ...]:
    """Read a `questions.jsonl` about these documents; `unread` are such as should be among them, with why they are not.

    Raises:
        DataError: if the file is absent or empty, or on the first broken row.
    """
    lines: dict[str, int] = {}

    def made(row: JsonRow) -> Example:
        example = _example(documents, unread, row)
        if row.values.get("id") is not None:
            _refuse_repeated(row, example.id, lines)
        return example

    examples = read_rows(path, made) if path.is_file() else []
    if not examples:
        named = "" if len(documents) == 1 else f', "document": "{next(iter(documents), "id")}"'
        raise DataError(
            f"{path}: {'holds no questions' if path.is_file() else 'no such file'}; there is nothing to answer. "
            f'Write one question a line: {{"question": "..."{named}, "answer": "..."}} (the answer may be left out: '
            f"then it is answered and costed, not scored), or let `rlc ask {path.parent}` make some"
        )
    return numbered(examples)


def _document(row: JsonRow) -> Document:
    _refuse_unknown(row, _DOCUMENT_KEYS)
    name, text = row.text("id"), row.text("text")
    if "\0" in text:
        raise row.fault("holds NUL characters under 'text', so it looks binary; expected plain text")
    metadata = {"kind": row.optional("kind", str) or "document", "title": row.optional("title", str) or name}
    return Document(id=name, page_content=text, metadata=metadata)


def _example(documents: Mapping[str, Document], unread: Mapping[str, str], row: JsonRow) -> Example:
    _refuse_unknown(row, _QUESTION_KEYS)
    question, document = row.text("question"), _document_of(documents, unread, row)
    answers, answerable = _answers(row), row.optional("answerable", bool)
    unanswered = not answers and isinstance(row.values.get("answers"), dict)  # as SQuAD 2.0 says it
    return Example(
        id=row.optional("id", str) or f"{document.id}:{short_digest(str(document.id), question)}",
        question=question,
        document=document,
        answers=tuple(answers),
        task=row.optional("task", str) or "qa",
        answerable=False if unanswered and answerable is None else answerable,
        metadata=row.optional("meta", dict) or {},
        gold=(*_gold(row, document), *_starts(row, document)),
    )


def _gold(row: JsonRow, document: Document) -> tuple[Evidence, ...]:
    quotes, text = row.optional("quotes", list) or [], document.page_content
    found = []
    for quote in quotes:
        if not isinstance(quote, str) or not quote.strip():
            raise row.fault(f"has {quote!r} under 'quotes'; expected texts that stand in the document")
        if (start := text.find(quote)) < 0:
            raise row.fault(
                f"quotes what does not stand in {document.id!r} word for word: {quote[:80]!r}; copy it from the document"
            )
        found.append(Evidence(str(document.id), start, start + len(quote)))
    return tuple(found)


def _document_of(documents: Mapping[str, Document], unread: Mapping[str, str], row: JsonRow) -> Document:
    name = row.optional("document", str)
    if name is None:
        known = [*documents, *unread]
        if len(known) != 1:
            some = ", ".join(map(repr, sorted(known)[:3]))
            raise row.fault(f"names no document, and there are {len(known)}: add 'document', such as {some}")
        [name] = known
    if name in unread:
        raise row.fault(f"is about {name!r}, which could not be read: {unread[name]}")
    if name not in documents:
        alike = [document for known, document in documents.items() if _composed(known) == _composed(name)]
        if len(alike) == 1:  # a name that another system spells with its marks apart
            return alike[0]
        near = difflib.get_close_matches(name, documents, n=3, cutoff=0.3) or sorted(documents)[:3]
        raise row.fault(
            f"no document {name!r} among the {len(documents)} read; nearest: {', '.join(map(repr, near))}"
        )
    return documents[name]


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _answers(row: JsonRow) -> list[str]:
    many = row.values.get("answers")
    if row.values.get("answer") is not None and many is not None:
        raise row.fault("has 'answer' and 'answers'; keep one of them")
    if isinstance(row.values.get("answer"), list):
        raise row.fault("has a list under 'answer'; several answers, each of them right, go under 'answers'")
    if many is None:
        one = row.optional("answer", str)
        return [] if one is None else [one]
    if isinstance(many, dict):
        row = replace(row, values=many)
        _refuse_unknown(row, ("text", "answer_start"))
        many = many.get("text")
    if not isinstance(many, list):
        raise row.fault(
            f"expected a list of texts under 'answers', got {many!r}; one alone goes under 'answer'"
        )
    answers = [as_text(answer) for answer in many]
    for came, answer in zip(many, answers, strict=True):
        if answer is None:
            raise row.fault(f"expected a list of texts under 'answers', got {came!r} in it")
    return list(dict.fromkeys(filter(None, answers)))  # SQuAD repeats what several people said


def _starts(row: JsonRow, document: Document) -> Iterator[Evidence]:
    """Where SQuAD's answers stand in the document."""
    squad = row.values.get("answers")
    if not isinstance(squad, dict) or squad.get("answer_start") is None:
        return
    said, starts = [str(as_text(one)) for one in squad["text"]], squad["answer_start"]
    if not isinstance(starts, list) or len(starts) != len(said):
        raise row.fault(f"expected {len(said)} numbers under 'answer_start', one a text, got {starts!r}")
    for answer, start in dict.fromkeys(zip(said, map(_place, starts), strict=True)):
        if start < 0 or not document.page_content.startswith(answer, start):
            raise row.fault(
                f"{answer[:80]!r} does not stand at an 'answer_start' of {starts} in {document.id!r}; count "
                "characters from the document's beginning, or leave 'answer_start' out"
            )
        yield Evidence(str(document.id), start, start + len(answer))


def _place(start: object) -> int:
    return start if isinstance(start, int) else -1


def _refuse_unknown(row: JsonRow, known: Iterable[str]) -> None:
    if row.twice:
        raise row.fault(f"has {row.twice[0]!r} twice; keep one of them")
    for key in row.values:
        if key not in known:
            raise row.fault(unknown("key", key, known))


def _refuse_repeated(row: JsonRow, name: str, lines: dict[str, int]) -> None:
    """Note the line of an id, which may stand nowhere else."""
    if (first := lines.setdefault(name, row.line)) != row.line:
        raise row.fault(f"the id {name!r} stands on line {first} already; ids must be unique")

"""LongMemEval (Wu et al., ICLR 2025, arXiv:2410.10813; xiaowu0162/LongMemEval@9e0b455): 500 questions on one's own long history.

The cleaned data is read, not the older one, which has wrong answers. Rows hold `question_id`, `question_type`, `question`, `answer`,
`question_date`, `haystack_session_ids`, `haystack_dates`, `haystack_sessions` (turns of role, content and perhaps `has_answer`) and
`answer_session_ids`. A session is a passage, whose chunks have its `session` and `date` as metadata; turns that hold the answer are gold.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rlc.data.errors import UsageError
from rlc.data.formats.files import JsonRow
from rlc.data.records import Dataset, Evidence, Example, Wording
from rlc.data.sets.card import Card, Hub, Part
from rlc.data.sets.fetch import files_of
from rlc.data.sets.loading import Documents, dataset, find, joined, read_table, texts

TYPES = (
    "single-session-user", "single-session-assistant", "single-session-preference", "multi-session", "temporal-reasoning",
    "knowledge-update",
)  # fmt: skip
FILES = {
    "oracle": ("longmemeval_oracle.json",),
    "s": ("longmemeval_s_cleaned.json", "longmemeval_s.json"),
    "m": ("longmemeval_m_cleaned.json", "longmemeval_m.json"),
}
BEFORE = (
    "I will give you several history chats between you and a user. Please answer the question based on the relevant chat "
    "history.\n\n\nHistory Chats:\n\n{text}\n\n"
)
AFTER = "Current Date: %s\nQuestion: {question}\nAnswer:"

CARD = Card(
    name="longmemeval",
    title="LongMemEval",
    paper="arXiv:2410.10813",
    source=Hub("xiaowu0162/longmemeval-cleaned", files=("longmemeval_oracle.json", "longmemeval_s*.json")),
    licence="MIT",
    parts={kind: Part() for kind in TYPES},
    upstream="xiaowu0162/LongMemEval@9e0b455",
    lengths="oracle, s (about 115k), m (about 500 sessions)",
    questions=500,
    documents=500,
    judge="GPT-4o",
    bibtex="""@inproceedings{wu2025longmemeval,
  title={LongMemEval: Benchmarking Chat Assistants on Long-Term Interactive Memory},
  author={Wu, Di and Wang, Hongwei and Yu, Wenhao and Zhang, Yuwei and Chang, Kai-Wei and Yu, Dong},
  booktitle={ICLR},
  year={2025}
}""",
    note="size=oracle|s|m chooses the histories; m is fetched by hand. chunker=passages cuts at sessions.",
)


def load(size: str = "s", root: str = "") -> Dataset:
    """Read the questions; the parts are their types.

    Args:
        size: `oracle` (the sessions with the answer alone), `s` or `m`.
        root: Where the files lie, if not in the cache.

    Raises:
        UsageError: on another size.
        DataError: where the file is not here, or a row is broken.
    """
    if size not in FILES:
        raise UsageError(f"longmemeval: size must be one of {', '.join(FILES)}, got {size!r}")
    folder, variant = files_of(CARD, root)
    file = find(folder, *FILES[size])
    documents = Documents(f"longmemeval/{size}", "conversation")
    examples = read_table(file, lambda row: _example(documents, row))
    return dataset(CARD, examples, [file], folder, variant, {})


def _example(documents: Documents, row: JsonRow) -> Example:
    try:
        sessions = list(
            zip(
                row.values["haystack_session_ids"],
                row.values["haystack_dates"],
                row.values["haystack_sessions"],
                strict=True,
            )
        )
        told = [_session(str(date), turns) for _, date, turns in sessions]
    except (LookupError, TypeError, ValueError) as error:
        raise row.fault(f"expected as many ids, dates and sessions of turns: {error!r}") from error
    text, spans = joined([session for session, _ in told])
    about = [{"session": str(name), "date": str(date)} for name, date, _ in sessions]
    document = documents(text, passages=spans, passage_metadata=tuple(about))
    marks = [
        (start + a, start + b) for (start, _), (_, gold) in zip(spans, told, strict=True) for a, b in gold
    ]
    name = row.text("question_id")
    after = AFTER.replace("%s", str(row.values.get("question_date", "")))
    return Example(
        id=name,
        question=row.text("question"),
        document=document,
        answers=texts(row.values.get("answer")),  # of a question that is not answered: why it is not
        task=row.text("question_type"),
        answerable=not name.endswith("_abs"),
        metadata={"date": row.values.get("question_date"), "sessions": len(sessions)},
        gold=tuple(Evidence(str(document.id), start, end) for start, end in marks),
        wording=Wording(BEFORE, after, 500),
    )


def _session(date: str, turns: Sequence[Mapping[str, Any]]) -> tuple[str, list[tuple[int, int]]]:
    """A session as text, and the spans of its turns that hold the answer."""
    lines = [f"Session Date: {date}", *(f"{turn['role']}: {turn['content']}" for turn in turns)]
    text, spans = joined(lines, "\n")
    return text, [span for turn, span in zip(turns, spans[1:], strict=True) if turn.get("has_answer")]

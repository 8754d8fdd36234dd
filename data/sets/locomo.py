"""LoCoMo (Maharana et al., ACL 2024, arXiv:2402.17753): ten long talks of two people, 1,986 questions, gold turns.

What upstream's rows ask of a reader: an answer may be a number; category 5 has no `answer` that is right; the categories are numbered
otherwise than in the paper; evidence may name turns that are not there, or several in one text.
"""

import re
from collections.abc import Mapping
from typing import Any

from langchain_core.documents import Document

from rlc.data.errors import DataError
from rlc.data.plain import parse_json
from rlc.data.records import Dataset, Evidence, Example, Wording
from rlc.data.sets.card import Card, Files, Part
from rlc.data.sets.fetch import files_of
from rlc.data.sets.loading import dataset, find, joined, texts

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
WORDING = Wording(
    "Below is a conversation between two people. The conversation takes place over multiple days and the date of each "
    "conversation is written at the beginning of the conversation.\n\n{text}\n\n",
    "Based on the above context, write an answer in the form of a short phrase for the following question. Answer with exact "
    "words from the context whenever possible.\n\nQuestion: {question} Short answer:",
    32,
)
_TURN = re.compile(r"D(\d+):(\d+)")

CARD = Card(
    name="locomo",
    title="LoCoMo",
    paper="arXiv:2402.17753",
    source=Files(
        {"locomo10.json": "https://raw.githubusercontent.com/snap-research/locomo/main/data/locomo10.json"}
    ),
    licence="CC BY-NC-4.0",
    parts={task: Part("locomo:category", WORDING) for task in CATEGORIES.values()},
    upstream="snap-research/locomo@92286325",
    unit="words",
    lengths="9,947 to 19,732",
    questions=1986,
    documents=10,
    bibtex="""@inproceedings{maharana2024locomo,
  title={Evaluating Very Long-Term Conversational Memory of LLM Agents},
  author={Maharana, Adyasha and Lee, Dong-Ho and Tulyakov, Sergey and Bansal, Mohit and Barbieri, Francesco and Fang, Yuwei},
  booktitle={ACL},
  year={2024}
}""",
    note="199 questions a document. Users found about a hundred gold answers wrong; no reader reaches 100%.",
)


def load(root: str = "") -> Dataset:
    """Read the talks; the parts are the categories of the questions.

    Raises:
        DataError: where the file is not here or is broken.
    """
    folder, variant = files_of(CARD, root)
    file = find(folder, "locomo10.json")
    try:
        talks = parse_json(file.read_text(encoding="utf-8"))
        examples = [
            _example(i, row, *about)
            for talk in talks
            for about in [_document(str(talk["sample_id"]), talk.get("conversation", talk))]
            for i, row in enumerate(talk["qa"])
        ]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise DataError(
            f"{file}: expected LoCoMo's list of talks with their qa: {error!r}; fetch it again"
        ) from error
    return dataset(CARD, examples, [file], folder, variant, {one.task: "locomo:category" for one in examples})


def _document(name: str, talk: Mapping[str, Any]) -> tuple[Document, dict[str, tuple[int, int]]]:
    """The talk as text, a passage a session, and the span of every turn."""
    numbers = sorted(int(key[8:]) for key in talk if re.fullmatch(r"session_\d+", key))
    sessions, turns = [], []
    for number in numbers:
        lines = [f"DATE: {talk.get(f'session_{number}_date_time', '')}"]
        for turn in talk[f"session_{number}"]:
            seen = f" and shared {turn['blip_caption']}" if turn.get("blip_caption") else ""
            lines.append(f'{turn["speaker"]} said, "{turn.get("text", "")}"{seen}')
        text, spans = joined(lines, "\n")
        turns.append(
            dict(zip([str(turn["dia_id"]) for turn in talk[f"session_{number}"]], spans[1:], strict=True))
        )
        sessions.append(text)
    text, places = joined(sessions)
    found = {
        key: (place[0] + start, place[0] + end)
        for place, session in zip(places, turns, strict=True)
        for key, (start, end) in session.items()
    }
    metadata = {"kind": "conversation", "title": name, "passages": tuple(places)}
    return Document(id=f"locomo:{name}", page_content=text, metadata=metadata), found


def _example(
    i: int, row: Mapping[str, Any], document: Document, turns: Mapping[str, tuple[int, int]]
) -> Example:
    named = [f"D{int(a)}:{int(b)}" for text in row.get("evidence") or () for a, b in _TURN.findall(str(text))]
    answerable = row["category"] != 5
    return Example(
        id=f"{document.id}:{i}",
        question=str(row["question"]),
        document=document,
        answers=texts(row.get("answer")) if answerable else (),
        task=CATEGORIES[row["category"]],
        answerable=answerable,
        metadata={"category": row["category"]},
        gold=tuple(Evidence(str(document.id), *turns[key]) for key in dict.fromkeys(named) if key in turns),
        wording=WORDING,
    )

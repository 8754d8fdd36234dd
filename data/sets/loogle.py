"""LooGLE (Li et al., ACL 2024, arXiv:2311.04939; bigai-nlco/LooGLE@6734382): short against long dependency, many questions a text.

Rows hold `input`, `title`, `qa_pairs`, `output`. `qa_pairs` is a Python literal in a string, read as data and never run: pairs of `Q`, `A`, `S`
(the evidence, a text or a list of texts) and `type`; a cloze's `A` is a dictionary of masks. Evidence that stands word for word in the
text is marked as gold.
"""

import ast
import json
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.documents import Document

from rlc.data.formats.files import JsonRow, read_rows
from rlc.data.records import Dataset, Example, Wording
from rlc.data.sets.card import Card, Hub, Part
from rlc.data.sets.fetch import files_of
from rlc.data.sets.haystack import gold
from rlc.data.sets.loading import Documents, dataset, find

_ASK = "Please answer the question based on the long texts below. \n{text}\n"
QA = Wording(_ASK, "Question: {question}\nAnswer: ", 500)
SHORT = Wording(_ASK, "Question: {question}\nAnswer: ", 300)
CLOZE = Wording(
    "Please fill in the clozes based on the given long texts below. Each of the placeholder '<mask-n>' in the question could be "
    "an entity of Person, Location or Organiocation. The same masks represent the same entity. Output a json format answer, for "
    "example: {'<mask-0>': 'Bob', '<mask-1>': 'Gorrosion Magazine','<mask-2>': 'Bethel Horizon'}\n{text}\n",
    "Question: {question} What are the masked entities? \nAnswer:",
    300,
)
SUMMARY = Wording(
    "Please generate a summary of the below paper. \n{text}\n", "{question} Summarization: ", 500
)
LONGEST = 2_000_000  # characters of a literal that is read

CARD = Card(
    name="loogle",
    title="LooGLE",
    paper="arXiv:2311.04939",
    source=Hub("bigainlco/LooGLE", files=("*.jsonl",)),
    licence="MIT",
    parts={
        "shortdep_qa": Part("", SHORT),
        "shortdep_cloze": Part("loogle:cloze-exact", CLOZE),
        "longdep_qa": Part("", QA),
        "longdep_summarization": Part("loogle:rouge-recall", SUMMARY, "whole"),
    },
    upstream="bigai-nlco/LooGLE@6734382",
    unit="words",
    lengths="8.5k to 21k in the authors' samples",
    judge="GPT-4",
    bibtex="""@inproceedings{li2024loogle,
  title={LooGLE: Can Long-Context Language Models Understand Long Contexts?},
  author={Li, Jiaqi and Wang, Mengmeng and Zheng, Zilong and Zhang, Muhan},
  booktitle={ACL},
  year={2024}
}""",
    note="Clozes are scored by parsing the reply as data; upstream evaluates it.",
)


def load(part: str, root: str = "") -> Dataset:
    """Read the texts of a task, each with its questions.

    Raises:
        DataError: where the files are not here, or a row is broken.
    """
    folder, variant = files_of(CARD, root)
    file = find(folder, f"{part}.jsonl", f"{part}.jsonl.gz")
    documents = Documents(f"loogle/{part}", "text")

    def make(row: JsonRow) -> list[Example]:
        return _examples(part, documents, row)

    rows = read_rows(file, make)
    return dataset(CARD, [one for row in rows for one in row], [file], folder, variant, CARD.measures(part))


def _examples(part: str, documents: Documents, row: JsonRow) -> list[Example]:
    document = documents(row.text("input"), title=str(row.values.get("title", "")))
    if part == "longdep_summarization":
        asked: Sequence[Mapping[str, Any]] = [{"Q": "Write a summary of the paper.", "A": row.text("output")}]
    else:
        asked = _pairs(row)
    return [_example(part, document, f"{row.line}-{i}", pair) for i, pair in enumerate(asked, start=1)]


def _pairs(row: JsonRow) -> list[Mapping[str, Any]]:
    """The question-answer pairs, which stand as a Python literal in a string, or as a list."""
    pairs = row.values.get("qa_pairs")
    if isinstance(pairs, str) and len(pairs) <= LONGEST:
        try:
            pairs = ast.literal_eval(pairs)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            pairs = None
    if not isinstance(pairs, list) or not all(
        isinstance(one, dict) and {"Q", "A"} <= one.keys() for one in pairs
    ):
        raise row.fault(
            "expected a list of pairs with Q and A under 'qa_pairs', as a list or as a Python literal"
        )
    return pairs


def _example(part: str, document: Document, number: str, pair: Mapping[str, Any]) -> Example:
    answer = json.dumps(pair["A"], ensure_ascii=False) if isinstance(pair["A"], dict) else str(pair["A"])
    evidence = pair.get("S") or ()
    told = [evidence] if isinstance(evidence, str) else [str(one) for one in evidence]
    text = document.page_content
    spans = [(at, at + len(one)) for one in told if one.strip() and (at := text.find(one)) >= 0]
    return Example(
        id=f"{document.id}:{number}",
        question=str(pair["Q"]),
        document=document,
        answers=(answer,) if answer.strip() else (),
        task=part,
        answerable=None,
        metadata={"kind_of_question": str(pair.get("type", ""))},
        gold=gold(document, spans),
        wording=CARD.parts[part].wording,
    )

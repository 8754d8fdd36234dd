"""L-Eval (An et al., ACL 2024, arXiv:2307.11088; OpenLMLab/LEval@cd34b05, GPL-3.0): many questions on one long document.

A row holds `instructions` and `outputs`, as many of the one as of the other, on one `input`, and how it is scored in `evaluation`. The file's name is
the task. Some outputs are empty: those questions are answered and not scored.
"""

from pathlib import Path
from typing import Any

from rlc.data.errors import DataError
from rlc.data.formats.files import JsonRow, read_rows
from rlc.data.records import Dataset, Example, Wording
from rlc.data.sets.card import Card, Hub, Part
from rlc.data.sets.fetch import files_of
from rlc.data.sets.loading import Documents, dataset

BEFORE = "Now you are given a very long document. Please follow the instruction after this document.\n\nDocument is as follows. {text}\n\n"
EXAM = Wording(BEFORE, "Instruction: {question} Please give the answer alone.\nAnswer:", 64)
OPEN = Wording(BEFORE, "Instruction: {question}\nAnswer:", 512)
SCORERS = {
    "coursera": "leval:choice", "quality": "leval:choice", "tpo": "leval:choice", "gsm100": "leval:math",
    "topic_retrieval_longchat": "leval:topic", "sci_fi": "leval:judge", "codeU": "leval:topic",
    "financial_qa": "leval:f1", "legal_contract_qa": "leval:f1", "multidoc_qa": "leval:f1", "natural_question": "leval:f1",
    "narrative_qa": "leval:f1", "scientific_qa": "leval:f1",
}  # fmt: skip
SUMMARIES = (
    "gov_report_summ",
    "meeting_summ",
    "news_summ",
    "paper_assistant",
    "patent_summ",
    "review_summ",
    "tv_show_summ",
)

CARD = Card(
    name="leval",
    title="L-Eval",
    paper="arXiv:2307.11088",
    source=Hub("L4NLP/LEval", files=("*.jsonl",)),
    licence="GPL-3.0",
    parts={task: Part(scorer, EXAM) for task, scorer in SCORERS.items()}
    | {task: Part("", OPEN, "whole") for task in SUMMARIES},
    upstream="OpenLMLab/LEval@cd34b05",
    unit="characters",
    lengths="12k to 270k",
    bibtex="""@inproceedings{an2024leval,
  title={L-Eval: Instituting Standardized Evaluation for Long Context Language Models},
  author={An, Chenxin and Gong, Shansan and Zhong, Ming and Zhao, Xingjian and Li, Mukai and Zhang, Jun and Kong, Lingpeng and
    Qiu, Xipeng},
  booktitle={ACL},
  year={2024}
}""",
    note="About seven questions a document, so that reading it once pays. Summaries are the rule judge's (authors: ROUGE, GPT-4).",
)


def load(part: str, root: str = "") -> Dataset:
    """Read the documents of a task, each with its questions.

    Raises:
        DataError: where the files are not here, or a row is broken.
    """
    folder, variant = files_of(CARD, root)
    files: list[Path] = sorted(folder.rglob(f"{part}.jsonl"))
    if not files:
        raise DataError(f"{folder}: expected {part}.jsonl of L-Eval")
    documents = Documents(f"leval/{part}")
    examples = [
        one for row in read_rows(files[0], lambda row: _examples(part, documents, row)) for one in row
    ]
    return dataset(CARD, examples, files[:1], folder, variant, CARD.measures(part))


def _examples(part: str, documents: Documents, row: JsonRow) -> list[Example]:
    asked, gold = row.values.get("instructions"), row.values.get("outputs")
    if not isinstance(asked, list) or not isinstance(gold, list) or len(asked) != len(gold):
        raise row.fault("expected as many 'outputs' as 'instructions'")
    document = documents(row.text("input"), title=str(row.values.get("source", "")))
    told: dict[str, Any] = {"evaluation": row.values.get("evaluation")}
    return [
        Example(
            id=f"{document.id}:{row.line}-{i}",
            question=str(question),
            document=document,
            answers=(str(answer),) if str(answer).strip() else (),
            task=part,
            metadata=told,
            wording=CARD.parts[part].wording,
        )
        for i, (question, answer) in enumerate(zip(asked, gold, strict=True), start=1)
        if str(question).strip()
    ]

"""ManyICLBench (Zou et al., ACL 2025, arXiv:2411.07130): labels from many worked examples.

A task's table has a column of examples for each length (`1k` to `128k`), `Test Data` and `Test Target`. The examples are the text. Retrieval asks which of them to show.
"""

from rlc.data.formats.files import JsonRow
from rlc.data.records import Dataset, Example, Wording
from rlc.data.sets.card import Card, Hub, Part
from rlc.data.sets.loading import Documents, load_part, texts

TASKS = (
    "banking77",
    "dialogRE",
    "trec_50",
    "clinc150",
    "goEmotions",
    "symbol_math",
    "gsm8k",
    "arc_challenge",
)
WORDING = Wording("Learn from the worked examples.\n\n{text}\n\n", "{question}\n", 64)

CARD = Card(
    name="manyicl",
    title="ManyICLBench",
    paper="arXiv:2411.07130",
    source=Hub("launch/ManyICLBench", files=("*.csv", "*.parquet")),
    licence="not verified",
    parts={task: Part("manyicl:label", WORDING) for task in TASKS},
    upstream="launchnlp/ManyICLBench@e669348",
    lengths="1k to 128k",
    bibtex="""@inproceedings{zou2025manyicl,
  title={On Many-Shot In-Context Learning for Long-Context Evaluation},
  author={Zou, Kaijian and Khalifa, Muhammad and Wang, Lu},
  booktitle={ACL},
  year={2025}
}""",
    note="length=4k chooses the column. Labels are compared after normalisation; the authors' F1 of several labels is not made here.",
)


def load(part: str, length: str = "4k", root: str = "") -> Dataset:
    """Read the rows of a task with the examples of a length.

    Raises:
        DataError: where the file is not here, or lacks that length.
    """
    documents = Documents(f"manyicl/{part}/{length}", "list of examples")

    def make(row: JsonRow) -> Example:
        answers = texts(row.values.get("Test Target"))
        if not answers:
            raise row.fault("expected a label under 'Test Target'")
        text, name = row.text(length), f"{part}/{length}:{row.line}"
        return Example(
            name,
            row.text("Test Data"),
            documents(text),
            answers,
            part,
            True,
            {"length": length},
            wording=WORDING,
        )

    return load_part(CARD, part, root, (f"{part}.csv", f"{part}.parquet", f"{part}.jsonl"), make)

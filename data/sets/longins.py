"""LongIns (Gavin et al., 2024, arXiv:2406.17588; Ins-Bench/LongIns-Bench@6f20e2d): which items of a long list are wrong.

`data/<mode>/<length>.json` holds, by a task's name, `task_prompt`, `Data` and `error` (the numbers of the wrong items). The files state no licence, so the wording is our own.
"""

from rlc.data.errors import DataError
from rlc.data.formats.files import JsonRow, read_text
from rlc.data.plain import parse_json
from rlc.data.records import Dataset, Example, Wording
from rlc.data.sets.card import Card, Git, Part
from rlc.data.sets.fetch import files_of
from rlc.data.sets.loading import Documents, dataset, find, texts

WORDING = Wording(
    "Below are numbered questions with answers, some of which are wrong.\n\n{text}\n\n",
    "{question}\nWhich numbers have a wrong answer? Reply with a list of them in square brackets, such as [2, 5].\n",
    512,
)

CARD = Card(
    name="longins",
    title="LongIns",
    paper="arXiv:2406.17588",
    source=Git(
        "https://github.com/Ins-Bench/LongIns-Bench", "6f20e2dffe395290457d4842841863caa72c5e16", ("data",)
    ),
    licence="not stated",
    parts={mode: Part("longins:f1", WORDING, "whole") for mode in ("GIST", "LIST")},
    upstream="Ins-Bench/LongIns-Bench@6f20e2d",
    lengths="256 to 16k",
    bibtex="""@article{gavin2024longins,
  title={LongIns: A Challenging Long-context Instruction-based Exam for LLMs},
  author={Gavin, Shawn and Zheng, Tuney and Liu, Jiaheng and Que, Quehry and Wang, Noah and Yang, Jian and Zhang, Chenchen and others},
  journal={arXiv preprint arXiv:2406.17588},
  year={2024}
}""",
    note="length=256 chooses the length. Every item must be read: a control. Where no item is wrong the authors' rule counts any answer as wrong.",
)


def load(part: str, length: str = "256", root: str = "") -> Dataset:
    """Read the lists of a mode at a length.

    Raises:
        DataError: where the file is not here, or a list is broken.
    """
    folder, variant = files_of(CARD, root)
    file = find(folder, f"{part}/{length}.json", f"data\\{part}/{length}.json")
    try:
        tasks = parse_json(read_text(file))
        rows = [
            (str(name), JsonRow(file, i, dict(row))) for i, (name, row) in enumerate(tasks.items(), start=1)
        ]
    except (ValueError, AttributeError, TypeError) as error:
        raise DataError(f"{file}: expected an object of tasks ({error}); fetch it again") from error
    documents, examples = Documents(f"longins/{part}", "list"), []
    for name, row in rows:
        wrong = row.values.get("error")
        if not isinstance(wrong, list):
            raise row.fault("expected a list of numbers under 'error'")
        asked = (
            str(row.values.get("task_prompt") or "Each item says how it is to be answered.")
            .replace("{", "(")
            .replace("}", ")")
        )
        document = documents(row.text("Data"))
        examples.append(
            Example(
                f"{part}/{length}:{name}",
                asked,
                document,
                texts(wrong),
                part,
                True,
                {"length": length},
                wording=WORDING,
            )
        )
    return dataset(CARD, examples, [file], folder, variant, CARD.measures(part))

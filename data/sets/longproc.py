"""LongProc (Ye et al., 2025, arXiv:2501.05414; princeton-pli/LongProc@78e873a, Apache-2.0): procedures written out at length.

A task's folder holds `<task>_<length>.json` and, of tables, the pages that its rows name. Every part of the text is needed, so these are controls. The task that compiles programs is left
out, and travel plans, whose gold is made by a search. The wording is our own, in the forms that the authors' rules read.
"""

from dataclasses import replace
from pathlib import Path

from rlc.data.formats.files import JsonRow, read_text
from rlc.data.records import Dataset, Document, Example, Wording
from rlc.data.sets.card import Card, Git, Part
from rlc.data.sets.fetch import files_of
from rlc.data.sets.loading import Documents, dataset, find, read_table

TASKS = {
    "html_to_tsv": Part(
        "longproc:table",
        Wording(
            "Below is the source of a web page.\n\n{text}\n\n",
            "{question}\nWrite all rows as tab-separated values with a head, between ```tsv and ```.\n",
            8192,
        ),
        "whole",
    ),
    "path_traversal": Part(
        "longproc:path",
        Wording(
            "Below is how cities are connected.\n\n{text}\n\n",
            "{question}\nWrite the route between <Route> and </Route>, a line for each leg, such as: From A, take a bus to B.\n",
            8192,
        ),
        "whole",
    ),
    "tom_tracking": Part(
        "longproc:beliefs",
        Wording(
            "{text}\n\n",
            "{question}\nGo on step by step, a line for each, such as: - Step 0: Ann is in the pantry.\n",
            8192,
        ),
        "whole",
    ),
    "countdown": Part(
        "longproc:countdown",
        Wording(
            "{text}\n\n",
            "{question}\nWrite three sums, such as 3 + 4 = 7, between <Solution> and </Solution>.\n",
            8192,
        ),
        "whole",
    ),
}

CARD = Card(
    name="longproc",
    title="LongProc",
    paper="arXiv:2501.05414",
    source=Git(
        "https://github.com/princeton-pli/LongProc",
        "43397028130c6bdc23e34e2d8ef8a08421652932",
        ("data/", "longproc_data/", "longpro_data/"),
    ),
    licence="Apache-2.0",
    parts=TASKS,
    upstream="princeton-pli/LongProc@78e873a",
    unit="tokens of the answer",
    lengths="0.5k, 2k, 8k",
    bibtex="""@article{ye2025longproc,
  title={LongProc: Benchmarking Long-Context Language Models on Long Procedural Generation},
  author={Ye, Xi and Yin, Fangcong and He, Yinghui and Zhang, Joie and Yen, Howard and Gao, Tianyu and Durrett, Greg and Chen, Danqi},
  journal={arXiv preprint arXiv:2501.05414},
  year={2025}
}""",
    note="length=0.5k|2k|8k. The answer is long: retrieval that leaves out a part of the text must lose.",
)


def load(part: str, length: str = "0.5k", root: str = "") -> Dataset:
    """Read the rows of a task at a length of the answer.

    Raises:
        DataError: where the files are not here, or a row is broken.
    """
    folder, variant = files_of(CARD, root)
    file = find(folder, f"{part}_{length}.json", f"{part}/{length}.json")
    documents = Documents(f"longproc/{part}")
    make = {
        "html_to_tsv": _table,
        "path_traversal": _path,
        "tom_tracking": _beliefs,
        "countdown": _countdown,
    }[part]
    examples = read_table(file, lambda row: make(f"{part}/{length}:{row.line}", documents, folder, row))
    return dataset(CARD, examples, [file], folder, variant, CARD.measures(part))


def _table(name: str, documents: Documents, folder: Path, row: JsonRow) -> Example:
    page = documents(read_text(find(folder, Path(row.text("html_path")).name)))
    asked = f"{row.text('task_description')}\nHead: {row.text('tsv_header')}\n{row.values.get('filtering_instruction') or ''}"
    return _example(name, "html_to_tsv", asked.strip(), page, row.text("gt"))


def _path(name: str, documents: Documents, folder: Path, row: JsonRow) -> Example:  # noqa: ARG001 - one face for all
    ends = row.values.get("question_repr")
    if not isinstance(ends, list) or len(ends) < 2:
        raise row.fault("expected two cities under 'question_repr'")
    asked = f"Find the route from {ends[0]} to {ends[1]}."
    return _example(name, "path_traversal", asked, documents(row.text("context_nl")), row.text("answer_nl"))


def _beliefs(name: str, documents: Documents, folder: Path, row: JsonRow) -> Example:  # noqa: ARG001 - one face for all
    return _example(
        name, "tom_tracking", row.text("question"), documents(row.text("story")), row.text("solution")
    )


def _countdown(name: str, documents: Documents, folder: Path, row: JsonRow) -> Example:  # noqa: ARG001 - one face for all
    numbers, target = row.values.get("nums"), row.values.get("target")
    if not isinstance(numbers, list) or not isinstance(target, int):
        raise row.fault("expected numbers under 'nums' and one under 'target'")
    text = f"Numbers: {', '.join(map(str, numbers))}"
    asked = f"Use each number once, in three sums, to reach {target}."
    made = _example(name, "countdown", asked, documents(text), str(target))
    return replace(made, metadata={"numbers": tuple(numbers), "target": target})


def _example(name: str, part: str, asked: str, document: Document, gold: str) -> Example:
    return Example(name, asked, document, (gold,), part, True, wording=TASKS[part].wording)

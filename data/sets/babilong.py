"""BABILong (Kuratov et al., NeurIPS 2024, arXiv:2406.10149): bAbI's facts, spread through books.

Rows hold `input`, `question` and `target`, in a file for each task and length: `data/qa1/4k.json` at the pinned commit, one list
or one row a line. Where the facts stand is not marked. Wording, with two worked examples, is the authors'.
"""

import csv
import io
import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from langchain_core.documents import Document

from rlc.data.errors import DataError, UsageError, unknown
from rlc.data.formats.files import JsonRow, digest, numbered, short_digest, unpacked
from rlc.data.records import Dataset, Example, Wording
from rlc.data.sets.card import Card, Hub, Part
from rlc.data.sets.fetch import files_of
from rlc.data.sets.loading import dataset, find, read_table
from rlc.data.sets.recordings import UNSEEN, Recording, Recordings, unseen_example

ASKED = (
    "instruction_yes_examples_yes_post_prompt_yes"  # with the prompt of the card, as the authors' tables are
)
ENDS = (".csv", ".csv.gz")
TASKS = tuple(f"qa{i}" for i in range(1, 21))


def _wording(prompt: dict[str, str]) -> Wording:
    lead = "\n\n".join(prompt[key].strip() for key in ("instruction", "examples", "post_prompt"))
    return Wording(f"{lead}\n\n<context>\n{{text}}\n</context>\n\n", "Question: {question}", 20)


def _parts() -> dict[str, Part]:
    prompts = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return {task: Part("babilong:labels", _wording(prompts[task])) for task in TASKS}


CARD = Card(
    name="babilong",
    title="BABILong",
    paper="arXiv:2406.10149",
    source=Hub("RMT-team/babilong", "ee0d588794c7ac098062ee0d247c733d62e94fe2", ("data/*", "*.json")),
    licence="Apache-2.0; facts from bAbI (BSD), text from PG-19",
    parts=_parts(),
    upstream="booydar/babilong@7a6efee",
    lengths="0k to 10M",
    bibtex="""@inproceedings{kuratov2024babilong,
  title={BABILong: Testing the Limits of LLMs with Long Context Reasoning-in-a-Haystack},
  author={Kuratov, Yuri and Bulatov, Aydar and Anokhin, Petr and Rodkin, Ivan and Sorokin, Dmitry and Sorokin, Artyom and
    Burtsev, Mikhail},
  booktitle={NeurIPS Datasets and Benchmarks},
  year={2024}
}""",
    note="length=4k chooses the length; qa1 to qa5 are the tasks that have every length.",
)


def load(part: str, length: str = "4k", root: str = "", recorded: str = "") -> Dataset:
    """Read the rows of a task at a length.

    Args:
        part: The task.
        length: As the files are called: 0k, 1k, 2k, ...
        root: Where the files lie, if not in the cache.
        recorded: A model whose recorded answers are there: the questions are those that it was asked, without their texts.

    Raises:
        DataError: where the files are not here, or a row is broken.
    """
    folder, variant = files_of(CARD, root)
    if recorded:
        path = find(folder, *(f"{recorded}/{part}_{length}_{ASKED}{end}" for end in ENDS))
        unseen = [
            replace(
                unseen_example(name, part, (row["target"],), row["question"].strip()),
                metadata={"length": length},
            )
            for name, row in _answered(path).items()
        ]
        found = dataset(CARD, unseen, [path], folder, variant, CARD.measures(part))
        return replace(found, notes=(UNSEEN,))
    file = next((path for path in sorted(folder.rglob(f"{part}/{length}.json*"))), None)
    if file is None:
        there = sorted({path.stem for path in folder.rglob(f"{part}/*.json*")})
        raise DataError(
            f"{folder}: no {part}/{length}.json; lengths of {part} here: {', '.join(there) or 'none'}"
        )
    wording = CARD.parts[part].wording

    @cache
    def document(text: str) -> Document:
        name = f"{part}/{length}/{short_digest(text)}"
        return Document(id=name, page_content=text, metadata={"kind": "book", "title": name})

    def example(row: JsonRow) -> Example:
        question, target = row.text("question").strip(), str(row.values.get("target", "")).strip()
        if not target:
            raise row.fault("has no target")
        one = document(row.text("input"))
        fields: dict[str, Any] = {"task": part, "answerable": True, "metadata": {"length": length}}
        return Example(f"{part}/{length}:{row.line}", question, one, (target,), wording=wording, **fields)

    examples = numbered(read_table(file, example))
    documents = {one.document_id: one.document for one in examples}
    return Dataset(
        CARD.name, examples, documents, digest(folder, [file]), variant, folder, CARD.measures(part)
    )


def recorded_models(root: Path) -> list[str]:
    """The models whose answers lie below a folder: the folders of their tables, below it."""
    return sorted({path.parent.relative_to(root).as_posix() for path in root.rglob(f"qa*_{ASKED}.csv*")})


def recorded_arms(root: Path, model: str) -> set[str]:  # noqa: ARG001 - the same of all
    """Every model read the whole text."""
    return {"long"}


def recordings(root: Path, model: str) -> Recordings:
    """What a model answered to every task at every length, asked with the card's wording."""
    if model not in (known := recorded_models(root)):
        raise UsageError(unknown("model with recorded answers", model, known))
    said = {
        name: Recording(row["output"], answers=(row["target"],))
        for path in sorted((root / model).glob(f"qa*_{ASKED}.csv*"))
        for name, row in _answered(path).items()
    }
    return {"rag": {}, "long": said}


def _answered(path: Path) -> dict[str, dict[str, str]]:
    """The rows of a table of answers by the example's id; `path` says the task and the length."""
    part, length, *_ = path.name.split("_")
    text = unpacked(path).decode("utf-8", "replace")  # a model's answer may end within a character
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    for number, row in enumerate(rows, start=1):
        if missing := [key for key in ("target", "output", "question") if row.get(key) is None]:
            raise DataError(
                f"{path}: row {number}: expected target, output and question; {missing[0]} is missing"
            )
    return {f"{part}/{length}:{number}": row for number, row in enumerate(rows, start=1)}

"""BABILong (Kuratov et al., NeurIPS 2024, arXiv:2406.10149): bAbI's facts, spread through books.

Rows hold `input`, `question` and `target`, in a file for each task and length: `data/qa1/4k.json` at the pinned commit, one list
or one row a line. Where the facts stand is not marked. Wording, with two worked examples, is the authors'.
"""

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from langchain_core.documents import Document

from rlc.data.errors import DataError
from rlc.data.formats.files import JsonRow, digest, numbered, read_rows, short_digest
from rlc.data.records import Dataset, Example, Wording
from rlc.data.sets.card import Card, Hub, Part
from rlc.data.sets.fetch import files_of

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


def load(part: str, length: str = "4k", root: str = "") -> Dataset:
    """Read the rows of a task at a length.

    Args:
        part: The task.
        length: As the files are called: 0k, 1k, 2k, ...
        root: Where the files lie, if not in the cache.

    Raises:
        DataError: where the files are not here, or a row is broken.
    """
    folder, variant = files_of(CARD, root)
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
        return Example(
            f"{one.id}:{short_digest(question)}", question, one, (target,), wording=wording, **fields
        )

    examples = numbered(_read(file, example))
    documents = {one.document_id: one.document for one in examples}
    return Dataset(
        CARD.name, examples, documents, digest(folder, [file]), variant, folder, CARD.measures(part)
    )


def _read(file: Path, make: Any) -> list[Example]:  # noqa: ANN401 - a function of a row
    text = file.read_text(encoding="utf-8").lstrip("\ufeff \n")
    if not text.startswith("["):
        return read_rows(file, make)
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise DataError(f"{file}: not JSON ({error}); fetch it again") from error
    return [make(JsonRow(file, i, row)) for i, row in enumerate(rows, start=1)]

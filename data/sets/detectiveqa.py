"""DetectiveQA (Xu et al., 2024, arXiv:2409.02465): questions on whole detective novels, with clues.

An annotation `<novel>.json` holds `questions` of `question`, `options` (by letter), `answer` (a letter), `reasoning` and `clue_position`; its novel is `<novel>.txt`,
whose paragraphs may begin with their numbers, `[12]`. Clues are gold where they do. The novels are mostly in copyright: bring your own copies.
"""

import re
from pathlib import Path
from typing import Any

from rlc.data.errors import DataError
from rlc.data.formats.files import JsonRow, read_text
from rlc.data.plain import parse_json
from rlc.data.records import Dataset, Evidence, Example, Wording
from rlc.data.sets.card import Card, Hub, Part
from rlc.data.sets.fetch import files_of
from rlc.data.sets.loading import Documents, dataset

BEFORE = "Read the detective novel and answer the question about it.\n\n{text}\n\n"
PARAGRAPH = re.compile(r"^\[(\d+)\].*$", re.MULTILINE)

CARD = Card(
    name="detectiveqa",
    title="DetectiveQA",
    paper="arXiv:2409.02465",
    source=Hub("Phospheneser/DetectiveQA", files=("*.json", "*.txt")),
    licence="Apache-2.0 as stated; the novels are mostly in copyright",
    parts={"questions": Part("detectiveqa:option")},
    language=("en", "zh"),
    lengths="100k and more",
    bibtex="""@article{xu2024detectiveqa,
  title={DetectiveQA: Evaluating Long-Context Reasoning on Detective Novels},
  author={Xu, Zhe and Ye, Jiasheng and Liu, Xiaoran and Liu, Xiangyang and Sun, Tianxiang and Liu, Zhigeng and Guo, Qipeng and
    Li, Linlin and Liu, Qun and Huang, Xuanjing and Qiu, Xipeng},
  journal={arXiv preprint arXiv:2409.02465},
  year={2024}
}""",
    note="The option is scored; the steps of the reasoning are GPT-4's to judge for the authors, and are not scored here.",
)


def load(root: str = "") -> Dataset:
    """Read the annotations and their novels.

    Raises:
        DataError: where they are not here, an annotation lacks its novel, or a question is broken.
    """
    folder, variant = files_of(CARD, root)
    novels = {path.stem: path for path in sorted(folder.rglob("*.txt"))}
    notes = [
        path for path in sorted(folder.rglob("*.json")) if "anno" in path.parent.name or path.stem in novels
    ]
    documents, examples = Documents("detectiveqa", "novel"), []
    for path in notes:
        if path.stem not in novels:
            raise DataError(f"{path}: its novel {path.stem}.txt is not below {folder}")
        examples += _questions(path, read_text(novels[path.stem]), documents)
    files = [*notes, *(novels[path.stem] for path in notes)]
    return dataset(CARD, examples, files or [folder], folder, variant, CARD.measures("questions"))


def _questions(path: Path, novel: str, documents: Documents) -> list[Example]:
    try:
        rows = parse_json(read_text(path))["questions"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: expected an object with a list under 'questions' ({error!r})") from error
    document = documents(novel, title=path.stem)
    places = {int(match[1]): match.span() for match in PARAGRAPH.finditer(novel)}
    return [_example(JsonRow(path, i, dict(row)), document, places) for i, row in enumerate(rows, start=1)]


def _example(row: JsonRow, document: Any, places: dict[int, tuple[int, int]]) -> Example:  # noqa: ANN401 - a document
    options, answer = row.values.get("options"), row.values.get("answer")
    if not isinstance(options, dict) or answer not in options:
        raise row.fault("expected options by letter under 'options', and one of the letters under 'answer'")
    listed = "\n".join(f"{letter}. {text}" for letter, text in sorted(options.items())).replace(
        "{question}", "{ question }"
    )
    clues = [one for one in row.values.get("clue_position") or () if isinstance(one, int) and one in places]
    return Example(
        f"{row.path.stem}:{row.line}",
        row.text("question"),
        document,
        (str(answer),),
        "questions",
        True,
        {"steps": str(len(row.values.get("reasoning") or ()))},
        tuple(Evidence(str(document.id), *places[clue]) for clue in sorted(set(clues))),
        Wording(
            BEFORE,
            f"Question: {{question}}\n{listed}\nAnswer with the letter of the right option alone.\nAnswer:",
            64,
        ),
    )

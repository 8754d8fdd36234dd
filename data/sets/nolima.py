"""NoLiMa (Modarressi et al., 2025, arXiv:2502.05167): needles that share no word with their question.

Needles and shuffled books are upstream's, under a non-commercial licence that the user accepts, and are fetched, not shipped:
`needlesets/needle_set.json` and `haystack/rand_shuffle/*.txt`. The needle is put between whole sentences of a book, where
upstream puts it at the next line end; the draws of names are our own.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlc.data.errors import DataError, UsageError
from rlc.data.formats.files import digest
from rlc.data.plain import parse_json
from rlc.data.records import Dataset, Example, Wording
from rlc.data.sets.card import Card, Hub, Part
from rlc.data.sets.fetch import files_of
from rlc.data.sets.haystack import generator, hidden, load_haystack, plant
from rlc.data.spec import fingerprint

TEMPLATE = (
    "You will answer a question based on the following book snippet:\n\n{haystack}\n\nUse the information provided in the "
    "book snippet to answer the question. Your answer should be short and based on either explicitly stated facts or strong, "
    "logical inferences.\n\nQuestion: {question}\n\n Return only the final answer with no additional explanation or "
    "reasoning."
)
FIELDS = {"id", "needle", "questions", "character_set", "tests"}
_PLACE = re.compile(r"\{(\d+)\}")

CARD = Card(
    name="nolima",
    title="NoLiMa",
    paper="arXiv:2502.05167",
    source=Hub(
        "amodaresi/NoLiMa",
        "378115b1f136b6ba78f90f78682bc55f70ec3ddd",
        ("needlesets/*.json", "haystack/rand_shuffle/*.txt", "haystack/LICENSES.md"),
    ),
    licence="Adobe Research License (non-commercial research only)",
    terms="Adobe Research License",
    parts={"onehop": Part("nolima:contains"), "twohop": Part("nolima:contains")},
    upstream="adobe-research/NoLiMa@7532e4e",
    overall="relative-length",
    lengths="you say, 250 to 32k",
    bibtex="""@article{modarressi2025nolima,
  title={NoLiMa: Long-Context Evaluation Beyond Literal Matching},
  author={Modarressi, Ali and Deilamsalehy, Hanieh and Dernoncourt, Franck and Bui, Trung and Rossi, Ryan A. and Yoon,
    Seunghyun and Sch{\\"u}tze, Hinrich},
  journal={arXiv preprint arXiv:2502.05167},
  year={2025}
}""",
    note="The one needle set on which BM25 must fail: question and needle share no word.",
)


def load(
    part: str,
    length: int = 4000,
    depths: int = 5,
    seed: int = 0,
    tokenizer: str = "approximate",
    root: str = "",
) -> Dataset:
    """Hide every needle at evenly spaced depths of a book.

    Args:
        part: `onehop` or `twohop`: how many facts of the world lie between question and needle.
        length: Of the text in which it is hidden, in tokens.
        depths: How many a needle; upstream takes 26.
        seed: Of the draws of books and names.
        tokenizer: What counts: `approximate`, or a model's name.
        root: Where the files lie, if not in the cache.

    Raises:
        DataError: where the files are not here or are not NoLiMa's.
        UsageError: where there is no depth.
    """
    if depths < 1:
        raise UsageError(f"nolima: depths must be at least 1, got {depths}")
    folder, variant = files_of(CARD, root)
    needles, books = (
        folder / "needlesets" / "needle_set.json",
        sorted(folder.glob("haystack/rand_shuffle/*.txt")),
    )
    if not books or not needles.is_file():
        raise DataError(
            f"{folder}: expected needlesets/needle_set.json and haystack/rand_shuffle/*.txt of NoLiMa"
        )
    examples = [
        _example(
            row, name, test, part, (length, i / (depths - 1) if depths > 1 else 0.5, seed, tokenizer), books
        )
        for row in _rows(needles)
        for name, test in sorted(row["tests"].items())
        if part in row["questions"]
        for i in range(depths)
    ]
    files = digest(folder, [needles, *books])
    documents = {example.document_id: example.document for example in examples}
    revision = fingerprint([CARD.version, part, length, depths, seed, tokenizer, files])
    return Dataset(CARD.name, tuple(examples), documents, revision, variant, folder, CARD.measures(part))


def _rows(file: Path) -> list[dict[str, Any]]:
    try:
        rows = parse_json(file.read_text(encoding="utf-8"))
        complete = all(row.keys() >= FIELDS for row in rows)
    except (ValueError, AttributeError, TypeError):
        rows, complete = [], False
    if not complete:
        raise DataError(f"{file}: expected NoLiMa's list of needles, each with {', '.join(sorted(FIELDS))}")
    return list(rows)


def _example(
    row: Mapping[str, Any],
    name: str,
    test: Mapping[str, Any],
    part: str,
    settings: tuple[int, float, int, str],
    books: list[Path],
) -> Example:
    length, depth, seed, tokenizer = settings
    draw = generator(seed, row["id"], name)  # the same name and book at every length and depth
    character, book = draw.choice(row["character_set"]), draw.choice(books)
    needle, question = (_filled(text, test, character) for text in (row["needle"], row["questions"][part]))
    before, _, after = (row.get("task_template") or TEMPLATE).partition("{haystack}")
    wording = Wording(before + "{text}", after if "{question}" in after else after + "\n{question}", 192)
    answers = [str(one) for one in test.get("gold_answers") or [character]]
    hay = load_haystack(str(book), tokenizer)
    placed = plant(hay.lines(length - hay.tokenizer.count(needle) - 1, draw), [needle], [depth])
    id_ = f"{part}/{length}/{row['id']}_{name}/{100 * depth:.0f}"
    return hidden(id_, question, wording, placed, [0], answers, length, depth)


def _filled(text: str, test: Mapping[str, Any], character: str) -> str:
    """The text with the character's name and the test's words, counted from 1, in their places."""
    values = test["input_args"]
    return _PLACE.sub(lambda place: str(values[int(place[1]) - 1]), text.replace("{CHAR}", character))

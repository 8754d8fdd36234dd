"""The bundled sample says what its questions claim, and its figures add up.

The answer key beside this file (`sample_key.json`) names, for every question, the passages that answer it and
the sums behind its figures; for every table, the sums that must hold in it. Quotes are matched up to white space.

- `quotes` stand in the document; the first (for comp: the first two) say where the question is placed.
- `distractors` stand in the document too: they are the wrong answers that a careless reader would give.
- `derive` recomputes figures; an operand is `[text, value]`, and an empty text is a value that is not printed.
- `absent` lists words that the document must not hold, so that "not mentioned" is right.
"""

import json
import os
import re
from collections import Counter, defaultdict
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest

from rlc.data.tokens import ApproximateTokenizer

SAMPLE = Path(str(files("rlc.data"))) / "sample" / "datasets"
KEY = json.loads((Path(__file__).parent / "sample_key.json").read_text(encoding="utf-8"), parse_float=Decimal)
DOCUMENTS = {path.name: path.read_text(encoding="utf-8") for path in sorted(SAMPLE.glob("?k/*/*"))}
ROWS = [
    json.loads(line)
    for path in sorted((SAMPLE / "query").glob("*.jsonl"))
    for line in path.read_text(encoding="utf-8").splitlines()
]
KEYED = {(entry["file"], entry["question"]): entry for entry in KEY["questions"]}

TASKS = ("location", "reasoning", "comp", "hallu")
TOKENS = {"4k": (2_000, 4_000), "8k": (4_000, 7_000)}
CONSTANTS = {1, 20, 1_000}  # the pier beyond the last, shillings in a pound, crowns in a thousand
PAPER = re.compile(r"<paper (\d+)>\n# (.*?)</end of paper \1>", re.DOTALL)
TABLE_TITLE = re.compile(r"^([A-Z][A-Z0-9 ,-]+)\n\n(?= {10})", re.MULTILINE)
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")

by_row = pytest.mark.parametrize(
    "row", ROWS, ids=[f"{r['file'][:12]}-{r['level']}-{i}" for i, r in enumerate(ROWS)]
)


def places(text: str, quote: str) -> list[int]:
    """Where the quote begins, with any white space between its words."""
    return [match.start() for match in re.finditer(r"\s+".join(map(re.escape, quote.split())), text)]


def part(kind: str, text: str, start: int) -> int:
    """The paper that a place lies in, or the third of the document."""
    if kind != "paper":
        return start * 3 // len(text)
    return next(int(match[1]) for match in PAPER.finditer(text) if match.start() <= start < match.end())


def quoted_parts(row: dict, entry: dict) -> list[int]:
    text = DOCUMENTS[row["file"]]
    return [part(row["type"], text, places(text, quote)[0]) for quote in entry["quotes"]]


def numbers(text: str) -> set[Decimal]:
    return {Decimal(found.replace(",", "")) for found in NUMBER.findall(text)}


def agrees(exact: Decimal, printed: Decimal | int) -> bool:
    """Whether they differ by half of the last printed place at most."""
    printed = Decimal(printed)
    return abs(exact - printed) <= Decimal(1).scaleb(int(printed.as_tuple().exponent)) / 2


def compute(operation: str, values: list[Decimal]) -> Decimal:
    first, *rest = map(Decimal, values)
    match operation:
        case "sum":
            return first + sum(rest)
        case "difference":
            return first - sum(rest)
        case "product":
            return first * rest[0]
        case "ratio":
            return first / rest[0]
        case "share":
            return 100 * first / rest[0]
        case "percent":
            return 100 * (first / rest[0] - 1)
        case "mean":
            return (first + sum(rest)) / len(values)
        case "f1":
            return 2 * first * rest[0] / (first + rest[0])
    raise ValueError(f"no operation {operation!r}")


def check_derived(entry: dict, answer: str) -> set[Decimal]:
    """Recompute every figure of an entry; return those that it derives."""
    given = " ".join(" ".join(entry["quotes"]).split())
    steps = entry.get("derive", [])
    derived = {Decimal(step["result"][1]) for step in steps}
    for step in steps:
        text, value = step["result"]
        assert text.lower() in f"{answer} {given}".lower()
        for operand, operand_value in step["inputs"]:
            assert operand in given or operand in answer
            assert operand or operand_value in derived | CONSTANTS
            assert not (found := numbers(operand)) or Decimal(operand_value) in found
        assert not (found := numbers(text)) or abs(Decimal(value)) in found
        exact = compute(step["op"], [operand[1] for operand in step["inputs"]])
        assert agrees(exact, value), (step, exact)
    return derived


def cell(text: str) -> Decimal:
    """A figure as printed: `(1,234)` is negative, `-` is nothing."""
    bare = re.sub(r"[$(),%]", "", text)
    value = Decimal(0) if bare == "-" else Decimal(bare)
    return -value if "(" in text else value


def plain_tables(text: str) -> dict[str, dict[str, list[Decimal]]]:
    """The aligned tables of a financial document by title: label -> figures."""
    tables = {}
    for match in TABLE_TITLE.finditer(text):
        lines = text[match.end() :].split("\n\n", 1)[0].splitlines()[1:]
        rows = [re.split(r"\s{2,}", line.strip()) for line in lines]
        tables[match[1]] = {
            label: [cell(figure) for figure in figures] for label, *figures in rows if figures
        }
    return tables


def markdown_table(text: str, title: str) -> dict[str, list[Decimal | None]]:
    """The Markdown table under a caption such as `Table 2:`; an empty cell is None."""
    lines = text[text.index(f"\n{title}: ") :].split("\n\n", 2)[1].splitlines()[2:]
    rows = [[column.strip() for column in line.strip("|").split("|")] for line in lines]
    return {label: [cell(figure) if figure else None for figure in figures] for label, *figures in rows}


def table(entry: dict) -> dict[str, list[Decimal | None]]:
    text = DOCUMENTS[entry["file"]]
    if "paper" not in entry:
        return plain_tables(text)[entry["title"]]
    return markdown_table(PAPER.findall(text)[entry["paper"]][1], entry["title"])


def operands(names: list[str], take) -> list[Decimal]:
    """Look the operands up; a leading minus takes the figure away."""
    return [-take(name[1:]) if name.startswith("-") else take(name) for name in names]


def test_documents_cover_lengths_and_types():
    kinds = Counter((path.parts[-3], path.parts[-2]) for path in SAMPLE.glob("?k/*/*"))
    assert set(kinds) == {(length, kind) for length in TOKENS for kind in ("book", "financial", "paper")}
    assert sum(kinds.values()) == len(DOCUMENTS) == 10
    assert Counter(length for length, _ in kinds.elements()) == {"4k": 5, "8k": 5}


@pytest.mark.parametrize("path", sorted(SAMPLE.glob("?k/*/*")), ids=lambda path: path.stem)
def test_documents_have_the_length_of_their_label(path):
    low, high = TOKENS[path.parts[-3]]
    assert low <= ApproximateTokenizer().count(path.read_text(encoding="utf-8")) <= high


def test_paper_files_hold_numbered_papers():
    for path in SAMPLE.glob("?k/paper/*.md"):
        found = PAPER.findall(DOCUMENTS[path.name])
        assert [int(number) for number, _ in found] == list(range(len(found)))
        assert len(found) >= 2
        assert not PAPER.sub("", DOCUMENTS[path.name]).strip()


def test_questions_are_counted():
    counts = Counter(row["level"] for row in ROWS)
    assert len(ROWS) == len(KEYED) == len(KEY["questions"]) == 75
    assert counts == {"location": 29, "reasoning": 20, "comp": 14, "hallu": 12}
    assert {(row["file"], row["question"]) for row in ROWS} == set(KEYED)
    tasks = defaultdict(set)
    for row in ROWS:
        tasks[row["file"]].add(row["level"])
    assert tasks == {name: set(TASKS) for name in DOCUMENTS}


def test_location_answers_often_are_numbers():
    with_numbers = [row for row in ROWS if row["level"] == "location" and NUMBER.search(row["answer"])]
    assert len(with_numbers) >= 10


def test_rows_stand_in_the_file_that_they_name():
    for path in (SAMPLE / "query").glob("*.jsonl"):
        length, kind, task = path.stem.split("_")
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            assert (row["length"], row["type"], row["level"]) == (length, kind, task)
            assert (SAMPLE / length / kind / row["file"]).is_file()


@by_row
def test_row_has_the_fields_of_the_benchmark(row):
    place = "comp_parts" if row["level"] == "comp" else "context_order"
    assert list(row) == ["type", "level", "length", "file", place, "question", "answer"]
    assert row["question"].endswith("?")
    assert row["answer"].endswith(".")


@by_row
def test_passages_stand_where_the_row_says(row):
    entry, text = KEYED[row["file"], row["question"]], DOCUMENTS[row["file"]]
    for quote in [*entry.get("quotes", []), *entry.get("distractors", [])]:
        assert places(text, quote), quote
    if row["level"] == "hallu":
        named = re.search(r"paper (\d)", row["question"])
        assert row["context_order"] == (int(named[1]) if named else "full")
    elif row["level"] == "comp":
        assert row["comp_parts"] == sorted(set(quoted_parts(row, entry)[:2]))
        assert len(row["comp_parts"]) == 2
    else:
        parts = set(quoted_parts(row, entry))
        assert row["context_order"] == (parts.pop() if len(parts) == 1 else "full")


@by_row
def test_answer_is_supported(row):
    entry, text = KEYED[row["file"], row["question"]], DOCUMENTS[row["file"]]
    if row["level"] == "hallu":
        assert entry["absent"]
        assert "quotes" not in entry
        for word in entry["absent"]:
            assert not re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE), word
        assert re.search(r"\bnot (mention|provide|discuss)\b", row["answer"])
        return
    quotes = " ".join(entry["quotes"])
    if row["level"] == "location":
        assert row["answer"].rstrip(".").lower() in quotes.lower()
        assert all(row["answer"].rstrip(".").lower() != wrong.lower() for wrong in entry["distractors"])
    derived = check_derived(entry, row["answer"])
    assert numbers(row["answer"]) <= numbers(quotes) | numbers(row["question"]) | derived


@pytest.mark.parametrize(
    "entry", KEY["tables"], ids=lambda e: f"{e['file'][:10]}-{e.get('paper', '')}-{e['title']}"
)
def test_table_adds_up(entry):
    rows = table(entry)
    for label, operation, names in entry.get("down", []):
        for column, total in enumerate(rows[label]):
            if total is not None:
                exact = compute(operation, operands(names, lambda name, column=column: rows[name][column]))
                assert agrees(exact, total), (label, column)
    for column, operation, names in entry.get("across", []):
        for label, figures in rows.items():
            exact = compute(operation, operands(names, lambda name, figures=figures: figures[int(name)]))
            assert agrees(exact, figures[column]), label


def test_no_financial_table_goes_unchecked():
    checked = {(entry["file"], entry["title"]) for entry in KEY["tables"] if "paper" not in entry}
    for path in SAMPLE.glob("?k/financial/*.txt"):
        titles = set(plain_tables(DOCUMENTS[path.name]))
        assert len(titles) >= 8
        assert titles == {title for file, title in checked if file == path.name}


@pytest.mark.parametrize(
    "entry", KEY["equal"], ids=lambda e: f"{e['file'][:10]}-{e['cells'][0][1]}-{e['cells'][0][2]}"
)
def test_tables_agree(entry):
    tables = plain_tables(DOCUMENTS[entry["file"]])
    assert len({tables[title][label][column] for title, label, column in entry["cells"]}) == 1


@pytest.mark.parametrize("entry", KEY["claims"], ids=lambda e: f"{e['file'][:10]}-{e['quotes'][0][:30]}")
def test_prose_agrees_with_its_figures(entry):
    for quote in entry["quotes"]:
        assert places(DOCUMENTS[entry["file"]], quote), quote
    check_derived(entry, "")


def test_a_wrong_sum_is_noticed():
    entry = {
        "quotes": ["3 and 4 make 8"],
        "derive": [{"op": "sum", "inputs": [["3", 3], ["4", 4]], "result": ["8", 8]}],
    }
    with pytest.raises(AssertionError):
        check_derived(entry, "")


@pytest.mark.lara
def test_no_document_is_the_benchmarks():
    root = os.environ.get("RLC_DATA")
    if not root or not (Path(root) / "datasets" / "query").is_dir():
        pytest.skip("RLC_DATA does not name a folder with LaRA's datasets/")
    size = 10

    def shingles(text: str) -> set[str]:
        words = re.findall(r"\w+", text.lower())
        return {" ".join(words[i : i + size]) for i in range(len(words) - size + 1)}

    own = set().union(*map(shingles, DOCUMENTS.values()))
    for path in (Path(root) / "datasets").glob("*k/*/*"):
        assert not own & shingles(path.read_text(encoding="utf-8", errors="replace")), path.name

"""A docstring stands alone: its first sentence has a subject of its own and says more than the signature."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHELVES = ("api", "data", "chunkers", "retrievers", "pipeline", "experiments")
OUTSIDE = {"bench", "research"}  # not in the wheel
FEWEST_WORDS = 4
RIDDLES = {
    "all of",
    "it",
    "its",
    "many",
    "nobody",
    "none",
    "the same",
    "their",
    "them",
    "these",
    "they",
    "those",
}
Documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def faults(source: str) -> list[str]:
    """The names whose docstring begins with a riddle (a pronoun for nothing that stands before it) or with filler."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, Documented) or (text := ast.get_docstring(node)) is None:
            continue
        first = re.split(r"(?<=\.)\s|\n\n", text)[0]
        words = re.findall(r"[\w'`.\-\[\]{}()/@=+*]+", first)
        begins = {words[0].lower(), " ".join(words[:2]).lower()} if words else RIDDLES
        if len(words) < FEWEST_WORDS or begins & RIDDLES:
            found.append(f"{node.name}: {' '.join(first.split())}")
    return found


@pytest.mark.parametrize("shelf", SHELVES)
def test_a_first_sentence_stands_alone(shelf):
    wrong = [
        f"{file.relative_to(ROOT)}: {fault}"
        for file in sorted((ROOT / shelf).rglob("*.py"))
        if not OUTSIDE & set(file.parts)
        for fault in faults(file.read_text(encoding="utf-8"))
    ]
    assert not wrong, "say verb and noun, or leave a method's docstring out:\n" + "\n".join(wrong)


@pytest.mark.parametrize("text", ["All of it.", "Those of all new tokens.", "One row.", "The same for many."])
def test_riddles_and_filler_are_seen(text):
    assert faults(f'def f():\n    """{text}"""')
    assert not faults('def f():\n    """Cut a document into chunks."""')

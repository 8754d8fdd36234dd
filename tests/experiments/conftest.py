"""A tiny comparison that every test of the laboratory can run: two documents, four questions, scripted answers."""

import json
from dataclasses import replace

import pytest
from browser import page  # noqa: F401 - a fixture
from click.testing import CliRunner
from langchain_core.documents import Document

from rlc.data.records import Answer, Dataset, Example, Usage
from rlc.experiments.cli.main import main

TEXTS = {
    "a": "The lamp was lit in 1871. Ada keeps the lamp. The harbour has 12 boats.",
    "b": "Revenue was $1,200 in 2020 and $1,500 in 2021. Nothing else is told.",
}

TASKS = ("location", "reasoning", "comp", "hallu")
MODELS = ("strong", "weak", "other")
QUESTIONS = [
    (f"Which animal is number {i}?", f"A {name}.") for i, name in enumerate(("wolf", "dog", "owl", "cat"))
]


@pytest.fixture
def dataset():
    """Two documents with two questions each; one has no answer in the text, one no gold answer."""
    documents = {
        name: Document(id=name, page_content=text, metadata={"kind": "book"}) for name, text in TEXTS.items()
    }
    meta = {"length": "4k", "type": "book"}
    examples = (
        Example("a1", "Who keeps the lamp?", documents["a"], ("Ada",), "location", True, meta),
        Example("b1", "What was revenue in 2021?", documents["b"], ("$1,500",), "location", True, meta),
        Example(
            "a2", "Who built the mill?", documents["a"], ("The text does not say.",), "hallu", False, meta
        ),
        Example("b2", "What comes next?", documents["b"], (), "qa", None, meta),
    )
    return Dataset("made", examples, documents, "revision-1")


@pytest.fixture
def findable(dataset):
    """The same, but its last question shares a word with its text: retrieval finds something for every question."""
    *others, last = dataset.examples
    return replace(dataset, examples=(*others, replace(last, question="What comes after 2021?")))


class Scripted:
    """A reader that answers from a table and remembers what it was asked; a missing answer is an exception."""

    def __init__(self, answers, seconds=1.0):
        self.answers = answers
        self.seconds = seconds
        self.asked = []

    def __call__(self, examples, /):
        self.asked.append([example.id for example in examples])
        usage = Usage(prompt_tokens=100, output_tokens=5, seconds=self.seconds)
        return [
            Answer(self.answers[example.id], "", usage=usage, finish_reason="stop") for example in examples
        ]


@pytest.fixture
def right():
    """Right where there is something to be right about."""
    return Scripted({"a1": "Ada.", "a2": "The text does not mention it.", "b1": "$1,500", "b2": "Who knows."})


@pytest.fixture
def wrong():
    """Wrong throughout."""
    return Scripted({"a1": "Bob.", "a2": "Ada built it.", "b1": "$1,200", "b2": "Rain."})


@pytest.fixture
def shell(tmp_path, monkeypatch, scripted_recipe):
    """Runs `rlc ...` in an empty folder that holds a recipe and two documents with questions."""
    for name in ("RLC_DATA", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.toml").write_text(scripted_recipe)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "lamp.txt").write_text("The lamp was lit in 1871. Ada keeps the lamp.")
    (tmp_path / "mine" / "mill.md").write_text("# The mill\n\nThe mill was closed in 1902.")
    questions = [
        {"question": "Who keeps the lamp?", "document": "lamp.txt", "answer": "Ada"},
        {"question": "When was the mill closed?", "document": "mill.md", "answer": "1902"},
        {"question": "Is it nice?", "document": "mill.md"},
    ]
    (tmp_path / "mine" / "questions.jsonl").write_text("".join(json.dumps(q) + "\n" for q in questions))

    def run(*words, code=0, **environment):
        result = CliRunner().invoke(main, [str(word) for word in words], env=environment)
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result

    return run


def write_rows(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture(scope="session")
def published_lara(tmp_path_factory):
    """LaRA in small: one document, four questions a task, a model that is right, one that is half right, one more."""
    root = tmp_path_factory.mktemp("lara")
    document = root / "datasets/32k/book/b.txt"
    document.parent.mkdir(parents=True)
    document.write_text("wolf dog owl cat", encoding="utf-8")
    figures = ["length,paper_model,model,task,arm,accuracy"]
    for task in TASKS:
        place = {"comp_parts": [0, 1]} if task == "comp" else {"context_order": 0}
        golds = [(q, "The text does not say." if task == "hallu" else a) for q, a in QUESTIONS]
        base = [{"type": "book", "level": task, "file": "b.txt", "question": q, **place} for q, _ in golds]
        write_rows(
            root / f"datasets/query/32k_book_{task}.jsonl",
            [row | {"answer": gold} for row, (_, gold) in zip(base, golds, strict=True)],
        )
        for model, right in zip(MODELS, (4, 2, 3), strict=True):
            for arm, lost in (("full", 0), ("rag", 1)):
                said = [gold if i < right - lost else "It is a bear." for i, (_, gold) in enumerate(golds)]
                write_rows(
                    root / f"evaluation/prediction/{model}/{arm}_preds_{model}_32k_book_{task}.jsonl",
                    [
                        row
                        | {"prediction": text if i < 3 or model != "weak" else False, "ground_truth": gold}
                        for i, (row, text, (_, gold)) in enumerate(zip(base, said, golds, strict=True))
                    ],
                )
                name = {"full": "lc", "rag": "rag"}[arm]
                figures.append(f"32k,Paper's {model},{model},{task},{name},{100 * (right - lost) / 4}")
    figures.append("32k,Paper's other,other,overall,lc,50.0")
    (root / "published.csv").write_text("\n".join(figures) + "\n", encoding="utf-8")
    return root

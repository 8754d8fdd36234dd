"""A tiny comparison that every test of the laboratory can run: two documents, four questions, scripted answers."""

import pytest
from langchain_core.documents import Document

from rlc.data.records import Answer, Dataset, Example, Usage

TEXTS = {
    "a": "The lamp was lit in 1871. Ada keeps the lamp. The harbour has 12 boats.",
    "b": "Revenue was $1,200 in 2020 and $1,500 in 2021. Nothing else is told.",
}


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
def scripted_recipe():
    """A recipe of both arms over a scripted engine, as text: no weights, answers at once."""
    return """
[parts.llm]
use = "scripted"
answers = { "" = "Ada keeps the lamp." }

[readers.rag]
use = "rag"
chunker = { use = "recursive", size = 16 }
index = { use = "bm25", k = 2 }
llm = "@llm"

[readers.long]
use = "long"
llm = "@llm"
"""

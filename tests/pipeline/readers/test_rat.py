"""RAT by hand: a draft of two parts, a passage for each."""

import pytest

from rlc.chunkers import SentenceChunker
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.rat import Rat, parts_of
from rlc.pipeline.readers.support.searching import Searcher
from rlc.retrievers import BM25Retriever

TEXT = "The lighthouse was lit in 1790. The keeper was Ann Smith. Bread was dear that year."


def script(prompt):
    """The draft errs in both parts; a query names the last part's noun, a revision what its passage tells."""
    if "step by step" in prompt.question:
        return "It was lit in 1800.\n\nThe keeper was Bob."
    if "search that would check" in prompt.question:
        return "the keeper" if "keeper" in prompt.question else "lighthouse lit"
    if "Revise it" in prompt.question:
        return (
            "Lit in 1790.\n\nThe keeper was Ann."
            if "keeper was Ann Smith" in prompt.prefix
            else "Lit in 1790."
        )
    return "Ann, in 1790" if "Ann" in prompt.prefix and "1790" in prompt.prefix else "?"


@pytest.fixture
def reader():
    search = Searcher(SentenceChunker(size=8), BM25Retriever.from_documents)
    return Rat(search, ScriptedLLM(script), passages=1)


def test_every_part_is_searched_for_and_revised(reader, make_example):
    [answer] = reader([make_example("1", "Who lit it, and when?", TEXT)])
    assert (answer.error, answer.text) == (None, "Ann, in 1790")
    names = [step.name for step in answer.steps]
    assert names == ["draft", "query", "search", "revise", "query", "search", "revise", "answer"]
    assert [step.text for step in answer.steps if step.kind == "search"] == ["lighthouse lit", "the keeper"]
    assert (answer.usage.calls, answer.usage.rounds) == (6, 6)
    assert [TEXT[one.start : one.end].strip() for one in answer.evidence] == [
        "The lighthouse was lit in",
        "The keeper was Ann Smith.",
    ]


def test_the_second_part_is_revised_with_the_first(reader, make_example):
    reader([make_example("1", "Who lit it, and when?", TEXT)])
    revising = [call.prompts[0] for call in reader.llm.calls if "Revise it" in call.prompts[0].question]
    assert "Lit in 1790.\n\nThe keeper was Bob." in revising[1].question
    assert revising[1].prefix.count("Ann Smith") == 1


def test_a_draft_for_which_nothing_is_found_fails(make_example):
    search = Searcher(SentenceChunker(size=8), BM25Retriever.from_documents)
    [answer] = Rat(search, ScriptedLLM({"": "zzz"}))([make_example("1", "Who?", TEXT)])
    assert answer.error.startswith("NothingRetrieved")
    assert answer.usage.calls == 2


@pytest.mark.parametrize(
    ("draft", "parts"),
    [("A.\n\nB.\n\nC.\n\nD.\n\nE.", ["A.\n\nB.", "C.\n\nD.", "E."]), ("A.\nB.", ["A.", "B."]), (" ", [])],
)
def test_a_draft_is_cut_at_blank_lines_else_at_lines(draft, parts):
    assert parts_of(draft, 4) == parts


def test_settings_that_make_no_sense(reader):
    with pytest.raises(ValueError, match="parts=0"):
        Rat(reader.search, reader.llm, parts=0)

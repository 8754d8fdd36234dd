"""Corpus in context by hand."""

import pytest

from rlc.data.records import Document, Evidence
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.corpus_in_context import CorpusInContext

PARTS = [f"{name} saw a cat.\n\n" for name in ("Ann", "Bob", "Cyd", "Dee")]
TEXT = "".join(PARTS)


def test_the_answer_cites_its_units(make_example):
    llm = ScriptedLLM({"": "IDS: [3], [9]\nANSWER: Cyd."})
    [answer] = CorpusInContext(llm, unit=6)([make_example("1", "Who saw it?", TEXT)])
    start = len(PARTS[0] + PARTS[1])
    assert (answer.text, answer.usage.calls) == ("Cyd.", 1)
    assert answer.evidence == (Evidence("d", start, start + len(PARTS[2])),)
    [prompt] = llm.calls[0].prompts
    assert "ID: 3 | TITLE:  | CONTENT: Cyd saw a cat. | END ID: 3" in prompt.prefix
    assert prompt.question.startswith("Question: Who saw it?")


def test_a_collection_is_one_corpus_for_all_its_questions(make_example):
    documents = [
        Document(id=name, page_content=f"{name} lit it.", metadata={"title": f"On {name}"})
        for name in ("Ann", "Bob")
    ]
    llm = ScriptedLLM({"": "IDS: 2 ANSWER: Bob."})
    examples = [make_example(str(i), f"Who{i}?", doc.page_content, doc.id) for i, doc in enumerate(documents)]
    first, second = CorpusInContext(llm, collection=documents)(examples)
    one, two = llm.calls[0].prompts
    assert one.prefix == two.prefix
    assert "TITLE: On Bob | CONTENT: Bob lit it." in one.prefix
    assert first.evidence == second.evidence == (Evidence("Bob", 0, len("Bob lit it.")),)


def test_what_does_not_fit_is_cut_from_the_middle_and_counted(make_example):
    llm = ScriptedLLM({"": "ANSWER: Cyd."}, window=480)
    [answer] = CorpusInContext(llm, unit=6)([make_example("1", "Who saw it?", TEXT * 4)])
    shown = llm.calls[0].prompts[0].prefix
    assert answer.usage.cut_tokens > 0
    assert "ID: 1 |" in shown
    assert "ID: 16 |" in shown
    assert "ID: 8 |" not in shown


def test_a_collection_of_two_with_one_name_is_refused():
    twice = [Document(id="d", page_content="Ann."), Document(id="d", page_content="Bob.")]
    with pytest.raises(ValueError, match="called 'd'"):
        CorpusInContext(ScriptedLLM({}), collection=twice)

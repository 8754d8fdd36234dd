"""Evidence first by hand: quotes, their check, and what happens where none holds."""

import pytest

from rlc.chunkers import SentenceChunker
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.evidence_first import EvidenceFirst
from rlc.pipeline.readers.support.quotes import places_of, quotes_in
from rlc.pipeline.readers.support.searching import Searcher
from rlc.retrievers import BM25Retriever
from rlc.retrievers.prune.lexical import LexicalPruner

TEXT = "Ann saw a cat\nin the harbour. Bob saw a dog in the hall. Cyd saw it rain."


def says(quotes):
    """Those quotes, then the text that was read for the answer."""
    return ScriptedLLM(lambda p: quotes if "Copy from the text" in p.question else p.prefix)


@pytest.fixture
def example(make_example):
    return make_example("1", "Who saw a dog?", TEXT)


def test_quotes_that_stand_in_the_text_are_what_is_answered_from(example):
    llm = says('"Bob saw a dog in the hall."\n- "Ann saw a cat in the harbour."\n"Dan saw a bird fly."')
    [answer] = EvidenceFirst(llm)([example])
    assert "Ann saw a cat\nin the harbour.\nBob saw a dog in the hall." in answer.text
    assert "Dan" not in answer.text
    assert "rain" not in answer.text, "only the quotes are read"
    assert [TEXT[one.start : one.end] for one in answer.evidence] == [
        "Ann saw a cat\nin the harbour.", "Bob saw a dog in the hall.",
    ]  # fmt: skip
    assert answer.details == {"quotes": 3, "kept": 2}
    assert [(step.name, step.round) for step in answer.steps] == [("quote", 0), ("answer", 1)]


def test_where_no_quote_stands_the_text_itself_is_read(example):
    llm = says('"Dan saw a bird fly."')
    [answer] = EvidenceFirst(llm)([example])
    assert TEXT in answer.text
    assert answer.details == {"quotes": 1, "kept": 0}
    assert answer.evidence == ()
    assert answer.steps[1].usage.cached_tokens > 0, "the text stands at the same place in both prompts"


def test_without_the_check_whatever_was_written_counts(example):
    [answer] = EvidenceFirst(says('"Dan saw a bird fly."'), check=False)([example])
    assert "Dan saw a bird" in answer.text


def test_passages_are_quoted_with_their_places_in_the_document(example):
    searcher = Searcher(SentenceChunker(size=10), BM25Retriever.from_documents)
    [answer] = EvidenceFirst(says("Bob saw a dog in the hall."), searcher)([example])
    assert [TEXT[one.start : one.end] for one in answer.evidence] == ["Bob saw a dog in the hall."]
    assert [step.kind for step in answer.steps] == ["search", "ask", "ask"]


def test_of_a_pruned_passage_what_was_kept_is_the_evidence(example):
    pruning = Searcher(SentenceChunker(size=100), BM25Retriever.from_documents, [LexicalPruner(ratio=0.5)])
    [answer] = EvidenceFirst(says("Bob saw a dog in the hall."), pruning)([example])
    assert answer.details["kept"] >= 1
    assert all(one.passage == (0, len(TEXT)) for one in answer.evidence)


def test_a_question_that_finds_nothing_says_so(make_example):
    searcher = Searcher(SentenceChunker(), BM25Retriever.from_documents)
    [answer] = EvidenceFirst(says(""), searcher)([make_example("1", "Xylophone?", TEXT)])
    assert answer.error.startswith("NothingRetrieved")


def test_a_text_that_does_not_fit_is_cut_and_counted(make_example):
    llm = ScriptedLLM({"": '"Ann saw a cat"'}, window=1000)
    [answer] = EvidenceFirst(llm, quote_tokens=64)([make_example("1", "Who?", TEXT * 100)])
    assert answer.usage.cut_tokens > 1000
    assert (answer.evidence[0].start, answer.evidence[0].end) == (0, 13)


def test_what_counts_as_a_quote():
    said = '1. "Ann saw a cat" and "Bob saw a dog"\n* Cyd saw it rain.\nNOTHING\n„Dan sah einen Hund“'
    assert quotes_in("1、“灯塔建于1871年。”\n“灯塔”\n- 守塔人是安娜·史密斯。") == [
        "灯塔建于1871年。",
        "守塔人是安娜·史密斯。",
    ]
    assert quotes_in(said) == ["Ann saw a cat", "Bob saw a dog", "Cyd saw it rain.", "Dan sah einen Hund"]
    assert places_of(["b  c", "a b", "b c", "C"], "a b\nc") == [(0, 3), (2, 5)]

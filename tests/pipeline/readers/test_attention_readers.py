"""Readers that go by what the model looks at, by hand."""

from dataclasses import replace

import numpy as np
import pytest
from showing import ShowingLLM

from rlc.chunkers import SentenceChunker
from rlc.data.errors import UnsupportedError
from rlc.data.protocols import Prompt
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers import AttentionSorting, Attrieval, CalibratedAttention
from rlc.pipeline.readers.attrieval import facts_looked_at
from rlc.pipeline.readers.support.arranged import spans_of
from rlc.pipeline.readers.support.searching import Searcher
from rlc.retrievers import BM25Retriever

TEXT = "Cats sat on mats. Dogs and cats ran. The key of cats is blue. Birds flew by."
SEARCH = Searcher(SentenceChunker(size=7), BM25Retriever.from_documents)
QUESTION = "What of cats?"


def read(prompt):
    """The passages in the order in which they stand in a prompt."""
    return [line for line in map(str.strip, prompt.prefix.splitlines()) if line][1:]


def likes(**words):
    """An engine that looks so much at these words, and little at others, in both layers."""
    return ShowingLLM({"": "blue"}, lambda _, row, word: words.get(word.strip("."), 0.1), depth=2, heads=2)


def test_what_is_looked_at_most_is_read_last(make_example):
    llm = likes(key=90, ran=20)
    [answer] = AttentionSorting(SEARCH, llm)([make_example("1", QUESTION, TEXT)])
    assert sorted(read(llm.watched[0])) == [
        "Cats sat on mats.",
        "Dogs and cats ran.",
        "The key of cats is blue.",
    ]
    assert read(llm.watched[-1]) == ["Cats sat on mats.", "Dogs and cats ran.", "The key of cats is blue."]
    assert llm.calls[-1].prompts[0] == llm.watched[-1], "the answer is read in the order that stayed"
    assert [TEXT[one.start : one.end].strip() for one in answer.evidence] == read(llm.watched[-1])
    assert [step.name for step in answer.steps][1:] == [
        *(f"sort {number + 1}" for number in range(len(llm.watched))),
        "answer",
    ]
    assert answer.usage.calls == answer.usage.rounds == len(llm.watched) + 1


def test_sorting_goes_on_as_long_as_the_order_changes(make_example):
    class Fickle(ShowingLLM):
        """It looks most at whatever stands first."""

        def watch(self, prompt, see, **wishes):
            first = read(prompt)[0].split()
            self.shows = lambda _, row, word: 9 if word in first else 0.1
            return super().watch(prompt, see, **wishes)

    llm = Fickle({"": "blue"})
    [answer] = AttentionSorting(SEARCH, llm, sorts=3)([make_example("1", QUESTION, TEXT)])
    assert len(llm.watched) == 3
    assert answer.usage.calls == 4


def test_what_is_looked_at_for_its_place_is_taken_off(make_example):
    class First(ShowingLLM):
        """Ten times as much of it goes to what stands first."""

        def watch(self, prompt, see, **wishes):
            start = prompt.prefix.index(read(prompt)[0])
            end = start + len(read(prompt)[0])

            def biased(seen):
                attention = seen.attention.copy()
                attention[..., seen.within(start, end)] *= 10
                return see(replace(seen, attention=attention / attention.sum(-1, keepdims=True)))

            return super().watch(prompt, biased, **wishes)

    [example] = [make_example("1", "Dogs, cats, mats?", TEXT)]
    llm = First({"": "blue"}, lambda _, row, word: 1 + 3 * (word == "key"))
    [answer] = CalibratedAttention(SEARCH, llm)([example])
    assert read(llm.watched[0])[-1] == "The key of cats is blue.", "last, where nobody looks"
    paid = [float(number) for number in answer.steps[1].text.split()]
    assert paid[0] == max(paid), "what is looked at most stands first"
    assert len(llm.watched) == 1 + 3
    assert [read(prompt).count("This passage says nothing.") for prompt in llm.watched] == [0, 1, 1, 1]
    assert read(llm.calls[-1].prompts[0])[-1] == "The key of cats is blue."
    [one] = CalibratedAttention(SEARCH, llm, top=1)([example])
    assert [TEXT[piece.start : piece.end].strip() for piece in one.evidence] == ["The key of cats is blue."]
    assert answer.usage.calls == 5


def test_one_passage_is_only_read(make_example):
    for reader in (AttentionSorting(SEARCH, likes()), CalibratedAttention(SEARCH, likes())):
        [answer] = reader([make_example("1", "Who flew?", TEXT)])
        assert (answer.text, answer.usage.calls) == ("blue", 1)


def test_facts_that_the_reasoning_looks_at_are_read_again(make_example):
    def shows(_, row, word):
        """One word of the reasoning looks at the key, all look at birds."""
        return {"Birds": 9, "key": 5 * (row == "colour")}.get(word, 0.01)

    llm = ShowingLLM({"step by step": "which colour", "": "blue"}, shows, depth=8)
    [answer] = Attrieval(llm, tokens=2, facts=1)([make_example("1", QUESTION, TEXT)])
    assert answer.text == "blue"
    assert [TEXT[one.start : one.end].strip() for one in answer.evidence] == ["The key of cats is blue."]
    assert llm.watched[0].reply == "which colour"
    last = llm.calls[-1].prompts[0]
    assert last.prefix == llm.watched[0].prefix, "the document is read once"
    assert "- The key of cats is blue.\n\nQuestion: What of cats?" in last.question
    assert [(step.name, step.text) for step in answer.steps] == [
        ("reason", "which colour"),
        ("look", "2"),
        ("answer", "blue"),
    ]


def test_who_reasons_nothing_looks_at_nothing(make_example):
    llm = ShowingLLM({"step by step": " ", "": "blue"})
    [answer] = Attrieval(llm)([make_example("1", QUESTION, TEXT)])
    assert (answer.text, answer.evidence, llm.watched) == ("blue", (), [])


def test_facts_by_hand():
    attention = np.array([[0.5, 0.1, 0.3, 0.05], [0.5, 0.3, 0.1, 0.05], [0.5, 0.0, 0.2, 0.3]], np.float32)
    owners = np.array([0, 1, 1, 2])
    # Of each row two tokens count: fact 0 always (a sink), fact 1 in two rows, fact 2 in the last.
    assert facts_looked_at(attention, owners, 2, 0.99, 10) == [1, 2]
    assert facts_looked_at(attention, owners, 2, 0.99, 1) == [1], "0.167 a token against 0.133"
    assert facts_looked_at(attention, owners, 2, 0.6, 10) == [2], "two of three rows are a sink, too"
    assert facts_looked_at(attention, np.array([0, -1, -1, 2]), 2, 0.99, 10) == [2], "tokens of no fact"


def test_texts_are_found_wherever_they_stand():
    def show(texts):
        return Prompt("Read a.\n" + "".join(f"{i}: {text}\n" for i, text in enumerate(texts)), "?")

    texts = ["a", "a", "Read a."]
    prefix = show(texts).prefix
    assert [prefix[start:end] for start, end in spans_of(show, texts)] == texts
    assert spans_of(show, texts)[0] == (11, 12)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: AttentionSorting(SEARCH, ScriptedLLM({})), UnsupportedError, "take the engine hf"),
        (lambda: Attrieval(ScriptedLLM({})), UnsupportedError, "take the engine hf"),
        (lambda: AttentionSorting(SEARCH, likes(), sorts=0), ValueError, "sorts=0"),
        (lambda: CalibratedAttention(SEARCH, likes(), top=0), ValueError, "top=0"),
        (lambda: CalibratedAttention(SEARCH, likes(), overflow="no"), ValueError, "overflow must be"),
        (lambda: Attrieval(likes(), sink=0), ValueError, "sink=0"),
    ],
)
def test_settings_that_make_no_sense(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_nothing_retrieved_is_told(make_example):
    [answer] = AttentionSorting(SEARCH, likes())([make_example("1", "Zebra?", TEXT)])
    assert answer.error.startswith("NothingRetrieved")

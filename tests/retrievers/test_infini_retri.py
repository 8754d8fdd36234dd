import numpy as np
import pytest
from langchain_core.documents import Document
from showing import ShowingLLM

from rlc.data.errors import DataError, UnsupportedError
from rlc.data.neighbours import neighbours
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.retrievers import InfiniRetri
from rlc.retrievers.infini_retri import best_that_fit, holding_top, phrases

TEXTS = ["hay hay hay", "the needle here", "more hay hay", "a pin here", "last hay hay"]
LIKED = {"needle": 9, "pin": 5}


def documents(texts=TEXTS):
    return [
        Document(id=f"d{i}", page_content=text, metadata={"source": "d", "start_index": 20 * i})
        for i, text in enumerate(texts)
    ]


def shows(layer, row, word):
    """The last layer looks at what is sharp, the first one at hay."""
    return LIKED.get(word, 1) if layer else 10 * (word == "hay")


def make(given=None, **settings):
    llm = ShowingLLM({"": ""}, shows, depth=2, heads=3)
    settings = {"top": 2, "phrase": 1, "stretch": 6, **settings}
    return llm, InfiniRetri.from_documents(given or documents(), llm=llm, **settings)


def test_what_is_looked_at_is_carried_on():
    llm, retriever = make()
    [found] = retriever.search(["What is sharp?"])
    assert [one.page_content for one in found] == ["the needle here", "a pin here"]
    read = [list(filter(None, prompt.prefix.splitlines()))[1:] for prompt in llm.watched]
    assert read == [TEXTS[:2], TEXTS[:4], [TEXTS[1], TEXTS[3], TEXTS[4]]], (
        "hay is carried as long as it is next best"
    )


def test_a_tokens_score_by_hand():
    """Two rows, each with half of its attention on itself and its like; one head's numbers, three heads summed."""
    llm = ShowingLLM({"": ""}, lambda _, row, word: {"x": 2}.get(word, 1), heads=3)
    retriever = InfiniRetri.from_documents([Document(id="d", page_content="x y")], llm=llm, phrase=1)
    [[found]] = retriever.search(["q"])
    # "Read the book ... answer." is 14 words; then "x y", "Question:", and the rows "q" and "Answer:".
    tokens = len(llm.watched[0].text.split())
    first, second = tokens + 1 - 1, tokens + 1  # what the weights of both rows sum up to, "x" counting double
    own = [3 * 1 / first, 3 * 2 / second]
    paid = [3 * 2 / first, 3 * 2 / second]
    assert found.metadata["relevance_score"] == pytest.approx(
        sum(w**2 * p for w, p in zip(own, paid, strict=True)), rel=1e-5
    )


def test_weights_of_the_rows_are_those_of_the_first_stretch():
    class Changing(ShowingLLM):
        """From the second stretch on the last row looks at itself alone, which must not count."""

        def watch(self, prompt, see, **wishes):
            self.shows = lambda _, row, word: (
                1 if "pin" not in prompt.text else 1 + 99 * (row == word == "Answer:")
            )
            return super().watch(prompt, see, **wishes)

    llm = Changing({"": ""})
    retriever = InfiniRetri.from_documents(documents(), llm=llm, phrase=1, stretch=6)
    plain = InfiniRetri.from_documents(
        documents(), llm=ShowingLLM({"": ""}, lambda *_: 1), phrase=1, stretch=6
    )
    [changed], [wanted] = retriever.search(["q"]), plain.search(["q"])
    assert changed[0].metadata["relevance_score"] < wanted[0].metadata["relevance_score"]


def test_phrases_by_hand():
    assert phrases(np.array([1, 0, 0, 2], np.float32), 2).tolist() == [1, 1, 0, 2]
    assert phrases(np.array([1, 0, 0, 2], np.float32), 3).tolist() == [1, 1, 2, 2]
    assert phrases(np.array([1, 2], np.float32), 8).tolist() == [3, 3]
    assert phrases(np.zeros(0, np.float32), 1).tolist() == []


def test_the_parts_by_hand():
    assert neighbours([2, 2, 9, 1], 4) == [[0, 1], [2], [3]]
    assert best_that_fit([0, 1, 2], {0: 1.0, 1: 5.0, 2: 3.0}, {0: 1, 1: 4, 2: 3}, 5) == [1, 0]
    units = [np.array([1, 5], np.float32), np.zeros(0, np.float32), np.array([5, 2], np.float32)]
    assert holding_top(units, 1) == [0]
    assert holding_top(units, 2) == [0, 2]


def test_what_is_carried_fills_the_window_and_no_more():
    llm, retriever = make(top=100, stretch=3)
    llm.window = llm.count(retriever._prompt("", "q")) + 16 + 6
    [found] = retriever.search(["q"])
    assert [one.page_content for one in found] == ["the needle here", "last hay hay"]


def test_bad_input():
    llm, retriever = make()
    llm.window = 30
    with pytest.raises(DataError, match="does not fit the window of scripted beside the question"):
        retriever.search(["q"])
    with pytest.raises(UnsupportedError, match="take the engine hf"):
        InfiniRetri.from_documents(documents(), llm=ScriptedLLM({}))

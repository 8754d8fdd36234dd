import numpy as np
import pytest
from langchain_core.documents import Document
from showing import ShowingLLM

from rlc.data.errors import ContextOverflowError, DataError, UnsupportedError
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.retrievers.rerank import AttentionReranker
from rlc.retrievers.rerank.attention import calibrated


def shows(_, row, word):
    """Looks at words like its own, and always at the first passage's."""
    return 4 * (row.strip("?") == word) + 8 * (word == "loud")


def test_the_bias_of_no_query_is_taken_away():
    texts = ["loud loud words", "a cat sat", "a dog sat"]
    llm = ShowingLLM({"": ""}, shows, depth=2, heads=2)
    found = AttentionReranker(llm=llm).refine(
        [Document(page_content=text) for text in texts], "where is a cat"
    )
    assert [one.page_content for one in found] == ["a cat sat", "a dog sat", "loud loud words"]
    assert [prompt.question.rpartition(" ")[2] for prompt in llm.watched] == ["N/A", "cat"]
    assert len({prompt.prefix for prompt in llm.watched}) == 1, "the passages are read once"


def test_a_score_by_hand():
    """One row more than the instruction's: its attention to the passage over all rows, less that of "N/A"."""
    llm = ShowingLLM({"": ""}, lambda _, row, word: 1 + (row == word == "cat"), heads=3)
    [score] = AttentionReranker(llm=llm).scores("cat", ["cat"])
    texts = [prompt.text.split() for prompt in llm.watched]
    rows = range(6, len(texts[0]))  # behind "Here are some paragraphs: [1] cat"
    nothing = np.mean([2 / (row + 1) for row in rows])  # "[1] cat", each token alike
    last = rows[-1] + 1
    query = np.mean([2 / (row + 1) for row in rows[:-1]] + [(1 + 2) / (last + 2)])
    assert score == pytest.approx(3 * (query - nothing), rel=1e-4)


def test_outliers_below_are_left_out():
    paid, nothing = np.ones(10, np.float32), np.zeros(10, np.float32)
    nothing[3] = 50  # a token that "N/A" looks at and the query does not
    assert calibrated(paid, nothing) == 9
    assert calibrated(paid[:1], nothing[:1]) == 1
    assert calibrated(paid[:0], nothing[:0]) == 0


def test_bad_input():
    class Small(ShowingLLM):
        def watch(self, prompt, see, **wishes):
            raise ContextOverflowError("a prompt of 600 tokens")

    with pytest.raises(
        DataError, match="2 passages do not fit the window of scripted together: a prompt of 600"
    ):
        AttentionReranker(llm=Small({})).scores("q", ["a", "b"])
    with pytest.raises(UnsupportedError, match="take the engine hf"):
        AttentionReranker(llm=ScriptedLLM({}))

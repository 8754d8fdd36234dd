import re

import numpy as np
import pytest

from rlc.data.errors import DataError, EngineError
from rlc.data.protocols import Generation
from rlc.data.tokens import ApproximateTokenizer
from rlc.retrievers.rerank.listwise import ListwiseReranker, parse_ranking


class Sorter:
    """Sorts passages by the number in them, the largest first, and keeps what it was shown."""

    name, window, tokenizer = "sorter", 2000, ApproximateTokenizer()

    def __init__(self, answer=None, error=None):
        self.answer, self.error, self.shown = answer, error, []

    def count(self, prompt):
        return self.tokenizer.count(prompt.prefix + prompt.question)

    def generate(self, prompts, *, max_tokens, **wishes):
        numbers = [int(number) for number in re.findall(r"\[\d+\] value (\d+)", prompts[0].prefix)]
        self.shown.append(numbers)
        order = sorted(range(len(numbers)), key=lambda i: -numbers[i])
        text = " > ".join(f"[{i + 1}]" for i in order) if self.answer is None else self.answer
        return [Generation(text, error=self.error)]


def texts(*numbers):
    return [f"value {number}" for number in numbers]


def order(scores):
    return np.argsort(-scores, kind="stable").tolist()


def test_one_window_by_hand():
    scores = ListwiseReranker(llm=Sorter()).scores("q", texts(3, 9, 5))
    assert order(scores) == [1, 2, 0]
    np.testing.assert_allclose(sorted(scores), [1 / 3, 1 / 2, 1])


def test_windows_slide_up_from_the_worst():
    """With windows of 4 and steps of 2, the last passage rises through three windows to the top."""
    llm = Sorter()
    scores = ListwiseReranker(llm=llm, size=4, step=2).scores("q", texts(1, 2, 3, 4, 5, 6, 7, 9))
    assert llm.shown == [[5, 6, 7, 9], [3, 4, 9, 7], [1, 2, 9, 7]]
    assert order(scores)[:2] == [7, 6]
    assert sorted(order(scores)) == list(range(8))


@pytest.mark.parametrize(
    ("answer", "expected"), [("[2]", [1, 0, 2]), ("[9] > [3] > [3]", [2, 0, 1]), ("the first", [0, 1, 2])]
)
def test_what_is_not_named_stays_behind(answer, expected):
    reranker = ListwiseReranker(llm=Sorter(answer))
    assert order(reranker.scores("q", texts(1, 2, 3))) == expected
    assert reranker.unsorted == (answer == "the first")


def test_parse():
    assert parse_ranking("[2] > [1] > [2] > [7]", 3) == [1, 0]


def test_bad_input():
    with pytest.raises(EngineError, match="sorted no passages: out of memory"):
        ListwiseReranker(llm=Sorter(error="out of memory")).scores("q", texts(1, 2))
    with pytest.raises(DataError, match="set a smaller size or passage_tokens"):
        ListwiseReranker(llm=Sorter()).scores("q", ["word " * 400] * 20)

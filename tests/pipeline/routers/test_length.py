import pytest

from rlc.data.records import Answer, Usage
from rlc.data.store import Store
from rlc.data.tokens import ApproximateTokenizer
from rlc.pipeline.readers.support.stored import StoredReader
from rlc.pipeline.routers.length import LengthRouter
from rlc.pipeline.routers.support.split import answer_split


class Arm:
    def __init__(self, name, cost):
        self.name, self.cost, self.asked = name, Usage(prompt_tokens=cost), []

    def __call__(self, examples, /):
        self.asked.append([example.id for example in examples])
        return [
            Answer(f"{self.name} {e.id}", self.name, usage=self.cost, details={"of": self.name})
            for e in examples
        ]


@pytest.fixture
def arms():
    return Arm("rag", 10), Arm("long", 100)


def words(make_example, *lengths):
    return [make_example(f"q{i}", text="w " * n, document_id=f"d{n}") for i, n in enumerate(lengths)]


def test_by_hand_with_the_border_read_whole(arms, make_example):
    rag, long = arms
    answers = LengthRouter(rag, long, threshold=5)(words(make_example, 6, 5, 4, 9))
    assert [answer.text for answer in answers] == ["rag q0", "long q1", "long q2", "rag q3"]
    assert [answer.route for answer in answers] == ["rag", "long", "long", "rag"]
    assert [answer.usage.prompt_tokens for answer in answers] == [10, 100, 100, 10]
    assert answers[0].details == {"of": "rag", "document_tokens": 6, "threshold": 5}
    assert (rag.asked, long.asked) == ([["q0", "q3"]], [["q1", "q2"]])


def test_an_arm_that_gets_no_question_is_not_asked(arms, make_example):
    rag, long = arms
    LengthRouter(rag, long, threshold=0)(words(make_example, 1, 2))
    assert long.asked == []
    assert LengthRouter(rag, long)([]) == []


def test_it_is_served_and_charged_what_the_arms_have_stored(arms, make_example, tmp_path):
    store = Store(tmp_path)
    rag, long = (StoredReader(lambda arm=arm: arm, store, arm.name, arm.name) for arm in arms)
    router = StoredReader(lambda: LengthRouter(rag, long, threshold=5), store, "router", "auto")
    examples = words(make_example, 6, 5)
    by_arm = [rag(examples), long(examples)]
    answers = router(examples)
    assert [a.usage for a in answers] == [by_arm[0][0].usage, by_arm[1][1].usage]
    assert [a.route for a in answers] == ["rag", "long"]
    assert (len(arms[0].asked), len(arms[1].asked)) == (1, 1)
    assert router(examples) == answers


def test_a_document_is_counted_once(arms, make_example):
    class Slow(ApproximateTokenizer):
        counted = 0

        def count(self, text):
            Slow.counted += 1
            return super().count(text)

    LengthRouter(*arms, threshold=5, tokenizer=Slow())(words(make_example, 3, 3, 3, 9))
    assert Slow.counted == 2


def test_routers_nest(arms, make_example):
    inner = LengthRouter(*arms, threshold=5)
    outer = LengthRouter(arms[0], inner, threshold=8)
    assert [a.route for a in outer(words(make_example, 4, 7, 9))] == ["long", "rag", "rag"]


def test_a_negative_threshold(arms):
    with pytest.raises(ValueError, match="threshold must not be negative, got -1"):
        LengthRouter(*arms, threshold=-1)


def test_splitting_keeps_the_order(arms, make_example):
    examples = words(make_example, 1, 2, 3, 4)
    answers = answer_split(examples, [True, False, False, True], *arms)
    assert [answer.text for answer in answers] == ["long q0", "rag q1", "rag q2", "long q3"]


def test_a_choice_may_be_a_numpy_bool(arms, make_example):
    import numpy as np

    examples = words(make_example, 1, 2)
    assert [a.route for a in answer_split(examples, np.array([True, False]), *arms)] == ["long", "rag"]


def test_a_split_of_another_length(arms, make_example):
    with pytest.raises(ValueError, match="1 choices for 2 examples"):
        answer_split(words(make_example, 1, 2), [True], *arms)

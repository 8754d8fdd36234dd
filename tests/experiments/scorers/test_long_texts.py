"""The rules of L-Eval, LooGLE, LoCoMo and Lost in the Middle, by hand."""

import pytest

from rlc.experiments.scorers import leval, locomo, loogle
from rlc.experiments.scorers import lost_in_the_middle as litm


def scored(scorer, make_example, prediction, *answers, **fields):
    measured = scorer(prediction, make_example("q", answers=answers, **fields))
    return round(measured.value, 4), measured.note


def test_leval_keeps_its_quirks(make_example):
    assert scored(leval.choice, make_example, "Answer: C", "C") == (0.0, "")  # the A of Answer
    assert scored(leval.choice, make_example, "AB", "ABD") == (0.25, "")
    assert scored(leval.math, make_example, "The answer is $1,005.0", "1005") == (1.0, "")
    assert scored(leval.math, make_example, "\n\n12", "12") == (0.0, "unparsed")
    assert scored(leval.topic, make_example, "It was Music.", "music") == (1.0, "")
    assert scored(leval.judge, make_example, "True. [fact: True]", "False [fact: True]") == (0.5, "")
    assert scored(leval.judge, make_example, "True", "False [fact: True]") == (0.0, "unparsed")
    assert scored(leval.f1, make_example, "red lamp", "The lamp") == (0.6667, "")


def test_a_cloze_is_read_and_never_run(make_example):
    gold = '{"<mask-0>": "Bob Stone", "<mask-1>": "Acme"}'
    assert scored(loogle.cloze_exact, make_example, "{'<mask-0>': 'Bob Stone'}", gold) == (0.5, "")
    assert scored(loogle.cloze_partial, make_example, '{"<mask-0>": "Bob"}', gold) == (0.5, "")
    for reply in ("exit()", "{'<mask-0>': exit()}", "Bob Stone", "{" * 3000):
        assert scored(loogle.cloze_exact, make_example, reply, gold) == (0.0, "unparsed")
    assert loogle.bleu("the river floods", make_example("q", answers=("the river",))).value == pytest.approx(
        2 / 3
    )


@pytest.mark.parametrize(
    ("category", "said", "gold", "value"),
    [
        (1, "pottery", "pottery, camping", 0.5),
        (2, "2022", "2022", 1.0),
        (3, "yes", "yes; she said so", 1.0),
        (4, "She paints a picture", "painting pictures", 0.8),
        (5, "It is not mentioned.", "", 1.0),
        (5, "Home", "", 0.0),
    ],
)
def test_locomo_by_category(make_example, category, said, gold, value):
    answers = (gold,) if gold else ()
    assert scored(locomo.category, make_example, said, *answers, metadata={"category": category})[0] == value


def test_the_first_line_counts_in_lost_in_the_middle(make_example):
    assert scored(litm.subspan_em, make_example, "In 1972.\n1980", "1980") == (0.0, "")
    assert scored(litm.subspan_em, make_example, "a party", "art") == (1.0, "")  # a part of a word
    assert scored(litm.key_value, make_example, '"9B1C"', "9b1c") == (1.0, "")

"""A router at another price."""

import math
from dataclasses import replace

import numpy as np
import pytest

from rlc.experiments.study.router_scores import Scored
from rlc.experiments.view.whatif import what_if

GAINS = np.array([0.05, 0.02, -0.01, -0.03])
SCORED = Scored(
    name="auto",
    gains=GAINS,
    rag=np.array([0.0, 1.0, 1.0, 1.0]),
    long=np.array([1.0, 1.0, 0.0, 0.0]),
    rag_tokens=np.full(4, 100.0),
    long_tokens=np.full(4, 1100.0),
    documents=["a", "b", "c", "d"],
    pays_both=False,
    worth=GAINS,
    kept=np.array([1.0, 1.0, 0.0, 0.0]),
)


def test_by_hand():
    free = what_if(SCORED)
    assert (free.found.whole, free.found.tokens, free.found.accuracy.value) == (0.5, 600.0, 1.0)
    assert free.share == pytest.approx(600 / 1100)
    assert (free.long.tokens, free.long.accuracy.value, free.rag.tokens, free.rag.accuracy.value) == (
        1100,
        0.5,
        100,
        0.75,
    )
    assert free.oracle.value == 1.0
    assert what_if(SCORED, price=0.03).found.whole == 0.25  # 0.03 a thousand, and a thousand more


def test_a_budget_takes_the_lowest_price_that_keeps_to_it():
    half = what_if(SCORED, budget=0.5)
    assert half.within
    assert half.found.whole == 0.25
    assert half.found.price > 0
    assert what_if(SCORED, price=math.inf, budget=0.5).found.whole == 0.0
    none = what_if(SCORED, budget=0.05)  # retrieval alone reads a eleventh
    assert not none.within
    assert none.found.whole == 0.0


def test_below_the_price_that_it_ran_at_nothing_is_known():
    assert what_if(replace(SCORED, least=0.03)).found.price == 0.03


@pytest.mark.parametrize("price", [0.0, 0.005, 0.025, 0.1])
def test_a_tighter_budget_never_reads_more(price):
    tokens = [what_if(SCORED, price, budget / 10).found.tokens for budget in range(11)]
    assert tokens == sorted(tokens)

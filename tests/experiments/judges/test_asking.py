"""Judging in batches: what is left of a purse, and what is asked again."""

import pytest

from rlc.data.errors import SpentError
from rlc.data.lanes import Lanes
from rlc.experiments.judges.support.asking import BATCH, AtHand, judged
from rlc.experiments.scorers.rule import Verdict


class Paid:
    """A judge that is paid all or none, with room for so many cases."""

    def __init__(self, room):
        self.room, self.sizes = room, []

    def __call__(self, cases):
        if len(cases) > self.room:
            raise SpentError("no more")
        self.room -= len(cases)
        self.sizes.append(len(cases))
        return [Verdict(True, 1.0, "yes") for _ in cases]


def asked(judge, count, given):
    for batch, verdicts in judged([(str(i), i) for i in range(count)], AtHand(judge), Lanes()):
        assert len(verdicts) == len(batch)
        given += [key for key, _ in batch]


def test_the_last_of_a_purse_goes_for_one_answer_after_the_other():
    judge, given = Paid(room=BATCH + 3), []
    with pytest.raises(SpentError):
        asked(judge, 3 * BATCH, given)
    assert given == [str(i) for i in range(BATCH + 3)]
    assert judge.sizes == [BATCH, 1, 1, 1]


def test_with_room_for_all_they_are_judged_in_batches():
    judge, given = Paid(room=10 * BATCH), []
    asked(judge, BATCH + 2, given)
    asked(judge, 0, given)
    assert len(given) == BATCH + 2
    assert judge.sizes == [BATCH, 2]

"""A short look at every input: it reads its whole example, and damage is taken or told."""

import random
import sys
import warnings
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from inputs import INPUTS, Input, damaged, trial


@pytest.mark.parametrize("one", INPUTS, ids=lambda one: one.name)
def test_damage_is_taken_or_told(one, tmp_path):
    one.read(_written(tmp_path / one.name, one.whole))
    draw = random.Random(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = [trial(one, damaged(draw, one.whole), tmp_path) for _ in range(40)]
    assert [one for one in said if one] == []


def test_the_trial_notices_what_it_is_for(tmp_path):
    def crash(file):
        raise KeyError(file.name)

    assert trial(Input("x", b"", crash), b"", tmp_path) == "x: KeyError: 'x'"


def _written(file, whole):
    file.write_bytes(whole)
    return file

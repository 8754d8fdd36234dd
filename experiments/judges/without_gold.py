"""Correctness where nobody knows the right answer."""

from dataclasses import dataclass

from rlc.experiments.judges.rubric import Rubric


@dataclass(frozen=True)
class WithoutGold(Rubric):
    """Whether an answer is right going by what was read: for questions without a gold answer."""

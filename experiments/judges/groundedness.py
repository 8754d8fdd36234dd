"""Groundedness: does what was read bear out the answer?"""

from dataclasses import dataclass

from rlc.experiments.judges.rubric import Rubric


@dataclass(frozen=True)
class Groundedness(Rubric):
    """Whether what the reader was given bears out everything that the answer says, right or wrong."""

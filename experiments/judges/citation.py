"""Citation: does an answer say where it stands, and does it stand there?"""

from dataclasses import dataclass

from rlc.experiments.judges.rubric import Rubric


@dataclass(frozen=True)
class Citation(Rubric):
    """How much of an answer names the passage that it is from, and is borne out by it: from 0 to 10, as a share."""

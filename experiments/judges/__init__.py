"""Judges: who says what an answer is worth. A file of prompts beside each holds its criteria, one a language."""

from collections.abc import Mapping

RULES = "rules"  # the rules judge every answer, whoever else does

# Name -> judge.
JUDGES: Mapping[str, str] = {
    "citation": "rlc.experiments.judges.citation:Citation",
    "correctness": "rlc.experiments.judges.correctness:Correctness",
    "function": "rlc.experiments.judges.function:FunctionJudge",
    "groundedness": "rlc.experiments.judges.groundedness:Groundedness",
    "nuggets": "rlc.experiments.judges.nuggets:Nuggets",
    "pairwise": "rlc.experiments.judges.pairwise:Pairwise",
    "rubric": "rlc.experiments.judges.rubric:Rubric",
    "without-gold": "rlc.experiments.judges.without_gold:WithoutGold",
}

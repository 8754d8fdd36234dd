"""HaystackCraft's rule (Graph-COM/HaystackCraft@a8d8eb6, eval.py), which is MuSiQue's."""

from rlc.data.records import Example
from rlc.experiments.metrics.answer import normalise
from rlc.experiments.scorers.longbench import bag_f1
from rlc.experiments.scorers.measured import Measured


def f1(prediction: str, example: Example) -> Measured:
    """F1 of the bags of words after SQuAD's normalisation, the best over the gold answers; two empty ones agree."""
    said = normalise(prediction).split()

    def score(gold: str) -> float:
        words = normalise(gold).split()
        return bag_f1(said, words) if said and words else float(said == words)

    return Measured(max(map(score, example.answers), default=0.0))

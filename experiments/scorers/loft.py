"""LOFT's rules (google-deepmind/loft@219f68e, evaluation/): lists of values or of passage ids."""

import unicodedata

from scipy.optimize import linear_sum_assignment

from rlc.data.records import Example
from rlc.experiments.metrics.answer import normalise
from rlc.experiments.scorers.longbench import bag_f1
from rlc.experiments.scorers.measured import Measured
from rlc.experiments.scorers.rankings import listed


def rag(prediction: str, example: Example) -> Measured:
    """Whether a gold answer stands in the first value that is given; `em` and `f1` beside it."""
    said, gold = _normalised(listed(prediction)), _normalised(example.answers)
    if not said or not gold:
        return Measured(0.0, {"em": 0.0, "f1": 0.0})
    first = said[0]
    return Measured(
        float(any(one in first for one in gold)),
        {"em": float(first in gold), "f1": max(bag_f1(first.split(), one.split()) for one in gold)},
    )


def multi_value(prediction: str, example: Example) -> Measured:
    """Whether every gold value has a given value of its own that holds it or stands in it; `em` and `coverage` beside it."""
    said, gold = _normalised(listed(prediction)), _normalised(example.answers)
    if not said or not gold:
        return Measured(0.0, {"em": 0.0, "coverage": 0.0})
    alike = [[float(a in b or b in a) for b in said] for a in gold]
    rows, columns = linear_sum_assignment(alike, maximize=True)
    matched = sum(alike[row][column] for row, column in zip(rows, columns, strict=True))
    coverage = len(set(said) & set(gold)) / len(gold)
    return Measured(
        float(matched == len(gold)), {"em": float(set(said) == set(gold)), "coverage": min(1.0, coverage)}
    )


def retrieval(prediction: str, example: Example) -> Measured:
    """Recall of the gold ids among the first; `recall@k` and `mrecall@k`, which asks for all of them, beside it."""
    ids = [one.strip() for one in listed(prediction)]
    gold = set(example.answers)
    parts = {}
    for k in (1, 2, 3, 5):
        found = len(gold & set(ids[:k]))
        parts[f"recall@{k}"] = found / len(gold) if gold else 0.0
        parts[f"mrecall@{k}"] = float(bool(gold) and found == min(k, len(gold)))
    return Measured(parts["recall@1"], parts)


def _normalised(values: "list[str] | tuple[str, ...]") -> list[str]:
    return [normalise(unicodedata.normalize("NFD", value)) for value in values]

"""Answers that are rankings or lists: ids or values, best first."""

import ast
import json
import re
from collections.abc import Sequence

from rlc.data.records import Example
from rlc.experiments.metrics.retrieval import evaluate
from rlc.experiments.scorers.measured import Measured

LONGEST = 20_000  # characters of an answer that is read as a list
_LIST = re.compile(r"\[[^\[\]]*\]")
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")


def listed(prediction: str) -> list[str]:
    r"""What an answer lists, in its order: its last list in square brackets, else its lines without bullets.

    >>> listed("Final Answer: ['a', 3]"), listed("1. a\n2. b"), listed("")
    (['a', '3'], ['a', 'b'], [])
    """
    said = prediction[-LONGEST:]
    for found in reversed(_LIST.findall(said)):
        try:
            values = json.loads(found)
        except ValueError:
            try:
                values = ast.literal_eval(found)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                continue
        return [str(value) for value in values]
    return [line for line in (_BULLET.sub("", line).strip() for line in said.splitlines()) if line]


def ndcg10(prediction: str, example: Example) -> Measured:
    """NDCG@10 of the ids that an answer lists, by ir-measures; `recall@10` beside it.

    The relevant ids and their grades stand in the example's metadata under `qrels`.
    """
    return ranking_measures(listed(prediction), dict(example.metadata.get("qrels", {})))


def ranking_measures(ranked: Sequence[str], qrels: dict[str, int]) -> Measured:
    """NDCG@10 and recall@10 of a ranking; an id that is named twice counts where it stands first."""
    order = list(dict.fromkeys(ranked))
    if not order or not any(grade > 0 for grade in qrels.values()):
        return Measured(0.0, {"recall@10": 0.0})
    scores = {name: float(len(order) - rank) for rank, name in enumerate(order)}
    found = evaluate({"q": scores}, {"q": qrels}, ("nDCG@10", "R@10"))["q"]
    return Measured(min(1.0, found["nDCG@10"]), {"recall@10": found["R@10"]})

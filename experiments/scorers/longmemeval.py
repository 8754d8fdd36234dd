"""LongMemEval's rules of retrieval (xiaowu0162/LongMemEval@9e0b455, src/retrieval/eval_utils.py).

Its discount of the second place is log2(2) = 1, so that two places weigh the same: not the NDCG of trec_eval.
"""

import math
from collections.abc import Sequence

from rlc.data.records import Example
from rlc.experiments.scorers.measured import Measured
from rlc.experiments.scorers.rankings import listed


def sessions(prediction: str, example: Example) -> Measured:
    """NDCG@k of the session ids that an answer lists; `recall_any` and `recall_all` beside it.

    The ids that hold the answer and k (10) stand in the example's metadata under `correct` and `k`.
    """
    return retrieval(
        listed(prediction), example.metadata.get("correct", ()), int(example.metadata.get("k", 10))
    )


def retrieval(ranked: Sequence[str], correct: Sequence[str], k: int) -> Measured:
    """Upstream's three figures of a ranking of ids, best first."""
    first, wanted = ranked[:k], set(correct)
    if not wanted:
        return Measured(0.0, {"recall_any": 0.0, "recall_all": 1.0})
    gain = sum(_discount(place) for place, name in enumerate(dict.fromkeys(first), start=1) if name in wanted)
    ideal = sum(_discount(place) for place in range(1, min(k, len(wanted)) + 1))
    any_, all_ = bool(wanted & set(first)), wanted <= set(first)
    return Measured(min(1.0, gain / ideal), {"recall_any": float(any_), "recall_all": float(all_)})


def _discount(place: int) -> float:
    return 1.0 if place == 1 else 1 / math.log2(place)

"""Retrieval measures (nDCG, recall, reciprocal rank), computed by ir-measures."""

import math
from collections.abc import Mapping, Sequence

from rlc.data.errors import UsageError

Run = Mapping[str, Mapping[str, float]]
"""Scores by question id and chunk id."""
Qrels = Mapping[str, Mapping[str, int]]
"""Relevance by question id and chunk id."""

MEASURES = ("nDCG@10", "R@1", "R@5", "R@10", "RR", "AP")


def ranking(scores: Mapping[str, float]) -> list[str]:
    """Ids, best first, ties broken by id."""
    return sorted(scores, key=lambda name: (-scores[name], name))


def evaluate(run: Run, qrels: Qrels, measures: Sequence[str] = MEASURES) -> dict[str, dict[str, float]]:
    """Values of ir-measures by question and measure, for every question of the qrels.

    A question that the run lacks gets each measure's worst value. Ties are ranked by id here, since trec_eval
    would rank them by id backwards.

    Args:
        run: What was retrieved.
        qrels: What is relevant. Where it was found by rule, call the figures silver.
        measures: Names such as `nDCG@10`, `R@5`, `RR`, `AP`.

    Raises:
        UsageError: on a measure that ir-measures does not know.
        ValueError: on a score that is not finite.
    """
    import ir_measures

    wanted = []
    for name in measures:
        try:
            wanted.append(ir_measures.parse_measure(name))
        except (NameError, ValueError, SyntaxError) as error:
            raise UsageError(
                f"no measure {name!r}; names look like nDCG@10, R@5, RR, AP ({error})"
            ) from error
    for question, scores in run.items():
        if not all(map(math.isfinite, scores.values())):
            raise ValueError(f"{question}: expected finite scores, got {dict(scores)}")
    scored = [
        ir_measures.ScoredDoc(question, name, float(-rank))
        for question, scores in run.items()
        for rank, name in enumerate(ranking(scores))
    ]
    judged = [
        ir_measures.Qrel(q, name, rel) for q, relevant in qrels.items() for name, rel in relevant.items()
    ]
    values: dict[str, dict[str, float]] = {question: {} for question in qrels}
    for metric in ir_measures.iter_calc(wanted, judged, scored):
        values[metric.query_id][str(metric.measure)] = metric.value
    return values

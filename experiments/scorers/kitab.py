"""KITAB's measures (Abdin et al., ICLR 2024, arXiv:2310.15511): books of an author that meet a condition.

Titles are compared after SQuAD's normalisation, where the authors also let an embedding model decide on likeness.
"""

from rlc.data.records import Example
from rlc.experiments.metrics.answer import normalise
from rlc.experiments.scorers.measured import Measured
from rlc.experiments.scorers.rankings import listed


def books(prediction: str, example: Example) -> Measured:
    """Whether the answer names all gold books and no others; beside it the shares that the authors give.

    `satisfied` and `unsatisfied` are of the named books those that meet the condition, and the author's others;
    `irrelevant` is the rest, which no book list holds; `complete` is the share of gold books that are named.
    """
    said = {title for one in listed(prediction) if (title := normalise(one.partition(" (")[0]))}
    gold = {normalise(answer) for answer in example.answers}
    others = {normalise(str(title)) for title in example.metadata.get("books", ())} - gold
    n = len(said) or 1
    satisfied, unsatisfied = len(said & gold) / n, len(said & others) / n
    return Measured(
        float(said == gold),
        {
            "satisfied": satisfied,
            "unsatisfied": unsatisfied,
            "irrelevant": len(said - gold - others) / n,
            "complete": len(said & gold) / len(gold) if gold else float(not said),
        },
    )

"""How many labelled questions a router needs: its gain on documents apart, from a few labels to all."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rlc.data.errors import DataError
from rlc.experiments.router_lab.fit import fit_model, strengths
from rlc.experiments.router_lab.lab import Bools, Floats, Lab
from rlc.experiments.router_lab.replay import predict
from rlc.pipeline.routers.support.gain_model import OUTCOMES, GainModel

SIZES = (20, 40, 60, 100, 200, 500, 1000)
DRAWS = 20


@dataclass(frozen=True)
class Labels:
    """What so many labelled questions are worth, over several draws of documents and labels.

    Gains are in accuracy over the arm that is better on the questions decided; `ahead` is the share of draws in which
    the router is better than that arm. `own` is a fit on these labels alone, `measured` the shipped fit with the
    reader's strength measured on them; None where that fit has seen the questions.
    """

    labels: int
    own: float
    own_ahead: float
    measured: float | None
    measured_ahead: float | None


def learning_curve(
    lab: Lab, shipped: GainModel | None, *, sizes: tuple[int, ...] = SIZES, draws: int = DRAWS, seed: int = 0
) -> list[Labels]:
    """Fit on ever more labelled questions about half of the documents, and decide the questions about the other half.

    Args:
        lab: Outcomes and features of the user's own models.
        shipped: The fit whose readers' strength is measured instead; None to leave it out.
        sizes: Numbers of labels; those for which there are too few questions are left out.
        draws: How often documents and labels are drawn for each.
        seed: Of the draws.
    """
    curve = []
    for size in sizes:
        halves = list(_draws(lab, size, draws, seed))
        if not halves:
            break
        own = np.array([_gain(lab, _own(lab, labelled, decided), decided) for labelled, decided in halves])
        measured = (
            np.array(
                [
                    _gain(lab, _measured(lab, shipped, labelled, decided), decided)
                    for labelled, decided in halves
                ]
            )
            if shipped
            else None
        )
        curve.append(
            Labels(
                size,
                float(own.mean()),
                float((own > 0).mean()),
                None if measured is None else float(measured.mean()),
                None if measured is None else float((measured > 0).mean()),
            )
        )
    return curve


def _draws(lab: Lab, size: int, draws: int, seed: int) -> Iterator[tuple[Bools, Bools]]:
    """Which questions are labelled and which are decided, about different documents; nothing where there are too few."""
    rng = np.random.default_rng(seed)
    names = np.unique(lab.documents)
    for _ in range(draws):
        decided = np.isin(lab.documents, rng.permutation(names)[: len(names) // 2])
        others = np.flatnonzero(~decided)
        if len(others) < size or not decided.any():
            return
        labelled = np.zeros(len(lab.examples), dtype=bool)
        labelled[rng.choice(others, size, replace=False)] = True
        yield labelled, decided


def _own(lab: Lab, labelled: Bools, decided: Bools) -> Bools:
    """The choices of a fit on the labels; the arm that is better on them where they show one outcome alone."""
    everyone = np.ones(len(lab.models), dtype=bool)
    try:
        model = fit_model(lab, everyone, labelled)
    except DataError:
        ahead = ((lab.long - lab.rag) * lab.seen)[:, labelled].sum() > 0
        return np.full((len(lab.models), int(decided.sum())), ahead)
    return _to_long(predict(model, lab.features("before")[:, decided], strengths(lab, labelled)))


def _measured(lab: Lab, shipped: GainModel, labelled: Bools, decided: Bools) -> Bools:
    """The choices of the shipped fit for readers of the strength that the labels show."""
    known = strengths(lab, labelled, shipped.strength_centre)
    return _to_long(predict(shipped, lab.features("before")[:, decided], known))


def _to_long(chances: Floats) -> Bools:
    return np.asarray(chances[..., OUTCOMES.index("long")] > chances[..., OUTCOMES.index("rag")])


def _gain(lab: Lab, to_long: Bools, decided: Bools) -> float:
    """Accuracy on the questions decided, beyond the arm that is better there."""
    seen, rag, long = lab.seen[:, decided], lab.rag[:, decided], lab.long[:, decided]
    return float(np.where(to_long, long, rag)[seen].mean() - max(rag[seen].mean(), long[seen].mean()))

"""Fitting the learned routers to which arm alone is right."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlc.data.errors import DataError
from rlc.data.spec import fingerprint
from rlc.experiments.router_lab.grow import grow_trees
from rlc.experiments.router_lab.lab import Bools, Floats, Lab, Stage
from rlc.pipeline.routers.support.fitted import seen_questions
from rlc.pipeline.routers.support.gain_model import OUTCOMES, CurvePoint, GainModel
from rlc.pipeline.routers.support.softmax_model import LIMIT, SoftmaxModel, softmax, standardised
from rlc.pipeline.routers.support.tree_model import TreeModel

PENALTY = (
    200.0  # what a squared weight costs, in log-loss of single answers; 100 to 1,000 hardly differ on LaRA
)
PRIOR = 20.0  # labelled questions that the average reader's lead is worth beside a reader's own
ITERATIONS = 200


def fit_model(lab: Lab, models: Bools, questions: Bools, stage: Stage = "before") -> GainModel:
    """Fit on some models' answers to some questions: a softmax before any answer, boosted trees after one.

    The penalised log-loss is convex and the trees are grown with a fixed seed, so the fit depends on the data alone.
    Strengths are measured on the same questions. Trees are better only where an answer was seen; before, they are not.

    Args:
        lab: Outcomes and features.
        models: Which models to use. [m]
        questions: Which questions to use. [q]
        stage: When the router decides.

    Raises:
        DataError: if the answers hold one outcome only, so that there is nothing to tell apart.
    """
    block = np.ix_(models, questions)
    seen = lab.seen[block]
    outcome = (lab.long - lab.rag)[block].astype(int) + 1
    present = [OUTCOMES[i] for i in np.unique(outcome[seen])]
    if not {"rag", "long"} <= set(present):
        raise DataError(
            "there is nothing to learn a choice from: expected questions that only RAG got right and questions that "
            f"only long context got right, got the outcomes {', '.join(present) or 'none'} on {int(seen.sum())} "
            "answered questions; compare more questions, or take an arm for all"
        )
    features, known = lab.features(stage)[block], strengths(lab, questions)[models]
    if stage != "before":
        readers = np.broadcast_to(known[:, None], (*seen.shape, known.shape[1]))
        rows = np.concatenate([features, readers], axis=2)[seen]
        return TreeModel(
            features=lab.feature_names(stage),
            strength_centre=known.mean(axis=0),
            trees=grow_trees(rows, outcome[seen]),
        )
    centre, scale = _moments(features[seen])
    strength_centre, strength_scale = _moments(known)
    design = np.stack([standardised(rows, centre, scale, LIMIT) for rows in features])
    targets = np.eye(len(OUTCOMES))[outcome] * seen[..., None]
    return SoftmaxModel(
        features=lab.feature_names(stage),
        centre=centre,
        scale=scale,
        strength_centre=strength_centre,
        strength_scale=strength_scale,
        weights=fit_softmax(
            design, standardised(known, strength_centre, strength_scale, LIMIT), targets, PENALTY
        ),
    )


def fit_softmax(design: Floats, readers: Floats, targets: Floats, penalty: float) -> Floats:
    """The weights that minimise log-loss + penalty / 2 * sum of squared weights; the intercept goes free.

    logits[m, q] = design[m, q] @ (readers[m] . weights)

    Args:
        design: Standardised features behind a column of ones. [m, q, features]
        readers: Standardised strengths behind a column of ones. [m, strengths]
        targets: One-hot outcomes, all 0 where nothing was observed. [m, q, outcomes]
        penalty: See above.

    Returns:
        [strengths, features, outcomes]
    """
    from scipy.optimize import minimize

    shape = readers.shape[1], design.shape[2], targets.shape[2]
    observed = targets.sum(axis=2, keepdims=True)
    number = observed.sum()
    charged = np.full(shape, penalty)
    charged[0, 0] = 0.0

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(shape)
        chances = softmax(design @ np.tensordot(readers, weights, axes=1))
        fit = -np.sum(targets * np.log(np.maximum(chances, 1e-12)))
        slope = np.swapaxes(design, 1, 2) @ (chances * observed - targets)
        gradient = np.tensordot(readers, slope, axes=(0, 0)) + charged * weights
        value = (fit + 0.5 * np.sum(charged * weights**2)) / number
        return float(value), gradient.ravel() / number

    start = np.zeros(int(np.prod(shape)))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS})
    return np.asarray(found.x, dtype=np.float64).reshape(shape)


def strengths(lab: Lab, questions: Bools, centre: Sequence[float] | Floats | None = None) -> Floats:
    """Each model's `STRENGTHS` on some questions, drawn towards the average model's; [m, strengths].

    (sum of long - rag + PRIOR * average) / (number of questions + PRIOR): a few labelled questions move it little.

    Args:
        lab: Outcomes.
        questions: The labelled ones. [q]
        centre: The averages to draw towards; else those of the models at hand (0 where there is no question).
    """
    columns = []
    for i, questions_of in enumerate((~lab.unanswerable, lab.unanswerable)):
        used = lab.seen & questions & questions_of
        lead, count = ((lab.long - lab.rag) * used).sum(axis=1), used.sum(axis=1)
        average = centre[i] if centre is not None else lead.sum() / max(1, count.sum())
        columns.append((lead + PRIOR * average) / (count + PRIOR))
    return np.stack(columns, axis=1)


def finished(
    model: GainModel, lab: Lab, curve: Sequence[CurvePoint], provenance: dict[str, Any]
) -> GainModel:
    """A fit on all of the laboratory, with its readers, its curve and where it comes from."""
    everything = np.ones(len(lab.examples), dtype=bool)
    measured = strengths(lab, everything)
    return replace(
        model,
        readers={
            name: tuple(float(f"{value:.4f}") for value in row)
            for name, row in zip(lab.models, measured, strict=True)
        },
        curve=tuple(curve),
        provenance={
            "data": lab.source,
            "data_revision": lab.revision,
            "questions": len(lab.examples),
            "documents": len(set(lab.documents.tolist())),
            "models": list(lab.models),
            "seen_questions": seen_questions(lab.examples),
            "answers": int(lab.seen.sum()),
            "weights": fingerprint(model.to_data())[:12],
            **provenance,
        },
    )


def _moments(rows: NDArray[np.float64]) -> tuple[Floats, Floats]:
    """Means and standard deviations; 1 for a column that does not vary."""
    spread = rows.std(axis=0)
    return rows.mean(axis=0), np.where(spread > 1e-9, spread, 1.0)

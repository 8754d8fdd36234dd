"""What the best of several systems is worth: the highest of many figures is also the luckiest."""

from collections.abc import Hashable, Sequence

import numpy as np

from rlc.experiments.statistics.resample import Floats

FOLDS = 10


def chosen_elsewhere(
    outcomes: Floats, clusters: Sequence[Hashable], folds: int = FOLDS, seed: int = 0
) -> Floats:
    """By question, the outcome of the system that was best on the other documents.

    Documents are dealt into folds; for each, the system with the highest mean on the others is the one that answers. The
    mean of what comes out is what choosing so is worth: no question has a part in the choice that it is counted for.
    A choice made on all documents stands on more of them than each of these, so the figure is a little low, never high.

    Args:
        outcomes: float64 [systems, questions], NaN where there is none; of equals the first is chosen.
        clusters: the document of each question.
        folds: how many; with fewer documents, each is one.
        seed: of the deal.

    Returns:
        float64 [questions]; NaN all over where there is but one document, or the chosen system has no outcome.

    Source: Stone, Cross-validatory choice and assessment of statistical predictions, JRSS B 1974.
    """
    names = sorted(set(clusters), key=repr)
    dealt = np.random.default_rng(seed).permutation(len(names)) % min(folds, max(1, len(names)))
    fold_of = dict(zip(names, dealt.tolist(), strict=True))
    fold = np.array([fold_of[name] for name in clusters], dtype=np.intp)
    there = ~np.isnan(outcomes)
    values = np.where(there, outcomes, 0.0)
    found = np.full(outcomes.shape[1], np.nan)
    for one in np.unique(fold):
        others = fold != one
        counts = there[:, others].sum(1)
        if counts.any():
            means = np.divide(
                values[:, others].sum(1), counts, out=np.full(len(counts), -np.inf), where=counts > 0
            )
            found[~others] = outcomes[int(np.argmax(means)), ~others]
    return found

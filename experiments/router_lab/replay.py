"""Replaying routers over recorded outcomes under four protocols: what a router may have seen when it decides."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from rlc.experiments.router_lab.fit import fit_model, strengths
from rlc.experiments.router_lab.lab import Bools, Floats, Lab
from rlc.pipeline.routers.support.gain_model import OUTCOMES, CurvePoint, GainModel
from rlc.pipeline.routers.support.price import estimated_tokens
from rlc.pipeline.routers.table import TableModel, fit_table

FOLDS = 10
LABELLED = 60

UNSEEN = "unseen documents"
PROTOCOLS = {
    UNSEEN: "ten folds of documents; every model's strength is measured on the other nine",
    "unseen model": "one model family held out at a time; its strength is unknown",
    "both unseen": "documents and family held out together; the strength is unknown",
    "calibrated": f"both unseen, the strength measured on {LABELLED} labelled questions about other documents",
}


class Fold(NamedTuple):
    """What is fitted on and what is decided: masks over models and questions, and which answers are labelled.

    `labelled` [m, q] marks the answers that the strength of the decided models is measured on; none: unknown.
    """

    train_models: Bools
    train_questions: Bools
    models: Bools
    questions: Bools
    labelled: Bools | None


@dataclass(frozen=True)
class Play:
    """A router's choices; [m, q].

    `gains` is the expected gain of long context where the router states one, `chance` its probability that long
    context alone is right; `pays_both` is set where the RAG answer is bought before the choice.
    """

    router: str
    long: Bools
    gains: Floats | None = None
    chance: Floats | None = None
    pays_both: bool = False
    price: float = 0.0
    models: tuple[GainModel, ...] = ()


def folds(lab: Lab, protocol: str, seed: int = 0) -> Iterator[Fold]:
    """The folds of a protocol; together they decide every answer exactly once."""
    everyone, everything = np.ones(len(lab.models), dtype=bool), np.ones(len(lab.examples), dtype=bool)
    rng = np.random.default_rng(seed)
    names = np.unique(lab.documents)
    fold_of = dict(zip(rng.permutation(names), np.arange(len(names)) % min(FOLDS, len(names)), strict=True))
    numbers = np.array([fold_of[name] for name in lab.documents])
    parts = [numbers == k for k in range(numbers.max() + 1)]
    out = [lab.families == name for name in np.unique(lab.families)]
    if protocol == UNSEEN:
        for part in parts:
            known = np.broadcast_to(~part, (len(lab.models), len(part)))
            yield Fold(everyone, ~part, everyone, part, known)
    elif protocol == "unseen model":
        for models in out:
            yield Fold(~models, everything, models, everything, None)
    else:
        for models in out:
            for part in parts:
                labelled = _draw(lab, ~part, rng) if protocol == "calibrated" else None
                yield Fold(~models, ~part, models, part, labelled)


def _draw(lab: Lab, questions: Bools, rng: np.random.Generator) -> Bools:
    """Some labelled questions of each model; [m, q]."""
    labelled = np.zeros(lab.seen.shape, dtype=bool)
    for m, seen in enumerate(lab.seen):
        places = np.flatnonzero(seen & questions)
        labelled[m, rng.choice(places, min(LABELLED, len(places)), replace=False)] = True
    return labelled


def replay(lab: Lab, protocol: str, seed: int = 0) -> list[Play]:
    """The routers that are fitted, each decided fold by fold."""
    shape = lab.seen.shape
    table = np.zeros(shape, dtype=bool)
    chances = {after: np.zeros((*shape, len(OUTCOMES))) for after in (False, True)}
    models: dict[bool, list[GainModel]] = {False: [], True: []}
    for fold in folds(lab, protocol, seed):
        block = np.ix_(fold.models, fold.questions)
        rules = fit_table(
            lab.short, *_trained(lab, fold), strengths(lab, fold.train_questions)[fold.train_models]
        )
        known = None
        for after in (False, True):
            model = fit_model(lab, fold.train_models, fold.train_questions, after=after)
            if fold.labelled is not None:
                known = strengths(lab, fold.labelled, model.strength_centre)[fold.models]
                measured = zip(np.array(lab.models)[fold.models].tolist(), known.tolist(), strict=True)
                model = replace(model, readers={name: tuple(values) for name, values in measured})
            models[after].append(model)
            chances[after][block] = predict(model, lab.features(after)[block], known)
        table[block] = decide_by_table(rules, lab.short[fold.questions], known, int(fold.models.sum()))
    return [
        Play("table", table),
        *(
            replace(learned_play(chances[after], after), models=tuple(models[after]))
            for after in (False, True)
        ),
    ]


def fixed(lab: Lab) -> list[Play]:
    """The arms and the rules that are fitted on nothing."""
    whole = np.ones(lab.seen.shape, dtype=bool)
    return [
        Play("always rag", ~whole),
        Play("always long", whole),
        Play("length", whole & lab.short),
        Play("self-route", lab.silent, pays_both=True),
    ]


def learned_play(chances: Floats, after: bool) -> Play:
    """The choices that probabilities lead to at price 0."""
    long, rag = (chances[..., OUTCOMES.index(arm)] for arm in ("long", "rag"))
    name = "learned-after-rag" if after else "learned"
    return Play(name, long > rag, long - rag, long, pays_both=after)


def predict(model: GainModel, features: Floats, known: Floats | None) -> Floats:
    """Probabilities for models by their strengths, or as for the average one; [m, q, outcomes]."""
    return np.stack(
        [model.probabilities(rows, None if known is None else known[m]) for m, rows in enumerate(features)]
    )


def decide_by_table(rules: TableModel, short: Bools, known: Floats | None, models: int) -> Bools:
    """The table's choices; [m, q]."""
    rows = [rules.choose(short, None if known is None else known[m]) for m in range(models)]
    return np.stack(rows)


def priced(lab: Lab, play: Play, price: float) -> Play:
    """The same router at a price per 1,000 extra tokens, every token counted in full, as LaRA's own runs paid."""
    if play.gains is None:
        return play
    extra = np.array([estimated_tokens(len(e.document.page_content)) for e in lab.examples]) - lab.rag_tokens
    cost = price * np.maximum(extra, 1.0) / 1000  # at least a token's, so that an infinite price stays one
    worth = play.gains > (cost if price else 0.0)
    return replace(play, long=worth, price=price)


def tokens(lab: Lab, play: Play) -> Floats:
    """Prompt tokens of each decision; [m, q]."""
    if play.pays_both:
        return lab.rag_tokens + np.where(play.long, lab.long_tokens, 0.0)
    return np.where(play.long, lab.long_tokens, lab.rag_tokens)


def outcomes(lab: Lab, play: Play) -> Floats:
    """1 where the chosen arm was right; [m, q]."""
    return np.where(play.long, lab.long, lab.rag)


def curve(lab: Lab, play: Play, points: int = 40) -> list[CurvePoint]:
    """What rising prices lead to, from 0 to the price at which nothing is read whole."""
    prices = [0.0, *np.geomspace(1e-5, 0.1, points - 1).tolist()]
    found = []
    for price in prices:
        dear = priced(lab, play, price)
        spent, right = tokens(lab, dear)[lab.seen].mean(), outcomes(lab, dear)[lab.seen].mean()
        found.append(CurvePoint(float(f"{price:.4g}"), round(float(spent), 1), round(float(right), 5)))
        if not dear.long[lab.seen].any():
            break
    return found


def within(lab: Lab, play: Play, share: float, models: Bools | None = None) -> Play:
    """The cheapest price that keeps within a share of always-long's tokens (on some models), found on the curve."""
    used = lab.seen if models is None else lab.seen & models[:, None]
    full = lab.long_tokens[used].sum()
    for price in (0.0, *np.geomspace(1e-5, 0.1, 400).tolist()):
        dear = priced(lab, play, price)
        if tokens(lab, dear)[used].sum() <= share * full:
            return dear
    return priced(lab, play, float("inf"))


def _trained(lab: Lab, fold: Fold) -> tuple[Floats, Bools, Bools]:
    """Gains of long context and where they count, on the questions and models of the fit."""
    used = fold.train_models
    return (lab.long - lab.rag)[used], lab.seen[used], fold.train_questions

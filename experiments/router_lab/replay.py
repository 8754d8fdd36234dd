"""Replaying routers over recorded outcomes under several protocols: what a router may have seen when it decides."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from rlc.experiments.router_lab.fit import fit_model, strengths
from rlc.experiments.router_lab.lab import Bools, Floats, Lab, Stage
from rlc.pipeline.routers.support.answer_features import PHRASES
from rlc.pipeline.routers.support.gain_model import OUTCOMES, CurvePoint, GainModel
from rlc.pipeline.routers.support.price import estimated_tokens, worth_it
from rlc.pipeline.routers.table import TableModel, fit_table

FOLDS = 10
CROSSED_FOLDS = 5  # where families are held out beside documents: six times as many fits
LABELLED = 60
PRICES = np.geomspace(1e-5, 0.1, 400).tolist()

UNSEEN = "unseen documents"
NO_PHRASES = "without abstention cues"
PROTOCOLS = {
    UNSEEN: "ten folds of documents; every model's strength is measured on the other nine",
    NO_PHRASES: "the same, without the features that the rule judge's own phrases of abstention decide",
    "unseen model": "one model family held out at a time; its strength is unknown",
    "both unseen": "documents, in five folds, and family held out together; the strength is unknown",
    "calibrated": f"both unseen, the strength measured on {LABELLED} labelled questions about other documents",
    "unseen type": "one type of document held out at a time; every model's strength is measured on the others",
    "type and model unseen": "type and family held out together; the strength is unknown",
}


Fits = dict[tuple[tuple[str, ...], bytes, bytes], GainModel]


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
    """A router's choices; all arrays [m, q].

    Attributes:
        router: Its name.
        long: Where the long arm's answer is kept.
        bought: Where that answer is paid beside the RAG answer; None where only the chosen arm is asked.
        worth: What a price is held against; None where a price changes nothing.
        keeps: Where the long answer is kept once it is bought; None: wherever it is.
        chance: The probability that long context alone is right.
        models: The fits of the folds.
        price: Gain demanded of 1,000 more tokens; None where every fold has its own.
    """

    router: str
    long: Bools
    bought: Bools | None = None
    worth: Floats | None = None
    keeps: Bools | None = None
    chance: Floats | None = None
    models: tuple[GainModel, ...] = ()
    price: float | None = 0.0


def possible(lab: Lab) -> tuple[str, ...]:
    """The protocols under which something is left to fit on: one type, or one family, cannot be held out of itself."""
    one_type, one_family = (len(np.unique(kinds)) < 2 for kinds in (lab.types, lab.families))
    return tuple(
        name
        for name in PROTOCOLS
        if not (one_type and "type" in name)
        and not (one_family and ("model" in name or name in ("both unseen", "calibrated")))
    )


def folds(lab: Lab, protocol: str, seed: int = 0) -> Iterator[Fold]:
    """The folds of a protocol; together they decide every answer exactly once."""
    everyone, everything = np.ones(len(lab.models), dtype=bool), np.ones(len(lab.examples), dtype=bool)
    rng = np.random.default_rng(seed)
    families = [lab.families == name for name in np.unique(lab.families)]
    types = [lab.types == name for name in np.unique(lab.types)]
    if protocol in (UNSEEN, NO_PHRASES, "unseen type"):
        for part in types if protocol == "unseen type" else _parts(lab, FOLDS, rng):
            known = np.broadcast_to(~part, (len(lab.models), len(part)))
            yield Fold(everyone, ~part, everyone, part, known)
    elif protocol == "unseen model":
        for models in families:
            yield Fold(~models, everything, models, everything, None)
    else:
        parts = types if protocol == "type and model unseen" else _parts(lab, CROSSED_FOLDS, rng)
        for models in families:
            for part in parts:
                labelled = _draw(lab, ~part, rng) if protocol == "calibrated" else None
                yield Fold(~models, ~part, models, part, labelled)


def _parts(lab: Lab, number: int, rng: np.random.Generator) -> list[Bools]:
    """The questions of documents drawn into so many parts, or fewer where there are fewer documents."""
    names = np.unique(lab.documents)
    number = min(number, len(names))
    part_of = dict(zip(rng.permutation(names), np.arange(len(names)) % number, strict=True))
    numbers = np.array([part_of[name] for name in lab.documents])
    return [numbers == k for k in range(number)]


def _draw(lab: Lab, questions: Bools, rng: np.random.Generator) -> Bools:
    """Some labelled questions of each model; [m, q]."""
    labelled = np.zeros(lab.seen.shape, dtype=bool)
    for m, seen in enumerate(lab.seen):
        places = np.flatnonzero(seen & questions)
        labelled[m, rng.choice(places, min(LABELLED, len(places)), replace=False)] = True
    return labelled


def replay(lab: Lab, protocol: str, seed: int = 0, fits: Fits | None = None) -> list[Play]:
    """The routers that are fitted, each decided fold by fold.

    Protocols that hold out the same things share their fits, where `fits` is handed from one to the next.
    """
    fits = {} if fits is None else fits
    if protocol == NO_PHRASES:
        lab = lab.without(PHRASES)
    table = np.zeros(lab.seen.shape, dtype=bool)
    chances = {stage: np.zeros((*lab.seen.shape, len(OUTCOMES))) for stage in lab.stages}
    models: dict[Stage, list[GainModel]] = {stage: [] for stage in lab.stages}
    for fold in folds(lab, protocol, seed):
        block = np.ix_(fold.models, fold.questions)
        rules = fit_table(
            lab.short, *_trained(lab, fold), strengths(lab, fold.train_questions)[fold.train_models]
        )
        known = None
        for stage in lab.stages:
            key = lab.feature_names(stage), fold.train_models.tobytes(), fold.train_questions.tobytes()
            if key not in fits:
                fits[key] = fit_model(lab, fold.train_models, fold.train_questions, stage)
            model = fits[key]
            if fold.labelled is not None:
                known = strengths(lab, fold.labelled, model.strength_centre)[fold.models]
                measured = zip(np.array(lab.models)[fold.models].tolist(), known.tolist(), strict=True)
                model = replace(model, readers={name: tuple(values) for name, values in measured})
            models[stage].append(model)
            chances[stage][block] = predict(model, lab.features(stage)[block], known)
        table[block] = decide_by_table(rules, lab.short[fold.questions], known, int(fold.models.sum()))
    fitted = {stage: tuple(made) for stage, made in models.items()}
    return [Play("table", table), *learned_plays(chances, fitted)]


def learned_plays(
    chances: Mapping[Stage, Floats], models: Mapping[Stage, tuple[GainModel, ...]]
) -> list[Play]:
    """The choices that probabilities lead to at price 0, of the routers whose stages are there."""
    rag, long = (
        {stage: each[..., OUTCOMES.index(arm)] for stage, each in chances.items()} for arm in ("rag", "long")
    )
    gains = {stage: long[stage] - rag[stage] for stage in chances}
    wins = {stage: gain > 0 for stage, gain in gains.items()}
    everything = {stage: np.ones_like(won) for stage, won in wins.items()}
    settings: dict[str, tuple[Stage, dict[str, Any]]] = {}
    if "before" in chances:
        settings["learned"] = "before", {"worth": gains["before"]}
    if "after rag" in chances:
        settings["learned-after-rag"] = (
            "after rag",
            {"worth": gains["after rag"], "bought": wins["after rag"]},
        )
    if "after both" in chances:
        both: dict[str, Any] = {"bought": everything["after both"]}
        settings["learned-after-both"] = "after both", both
        if "after rag" in chances:
            buys = {"worth": long["after rag"], "keeps": wins["after both"]}
            settings["buy-then-choose"] = "after both", both | buys
    if "with panel" in chances:
        settings["learned-after-both-panel"] = "with panel", {"bought": everything["with panel"]}
    return [
        Play(router, wins[stage], chance=long[stage], models=models.get(stage, ()), **fields)
        for router, (stage, fields) in settings.items()
    ]


def fixed(lab: Lab) -> list[Play]:
    """The arms and the rules that are fitted on nothing."""
    whole = np.ones(lab.seen.shape, dtype=bool)
    return [
        Play("always rag", ~whole),
        Play("always long", whole),
        Play("length", whole & lab.short),
        Play("self-route", lab.silent, bought=lab.silent),
        Play("believe-refusal", ~lab.silent, bought=~lab.silent),
    ]


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
    """Play a router at a price per 1,000 extra tokens, every token counted in full, as LaRA's own runs paid."""
    if play.worth is None:
        return play
    extra = np.array([estimated_tokens(len(e.document.page_content)) for e in lab.examples]) - lab.rag_tokens
    pays = worth_it(play.worth, extra, price)
    long = pays if play.keeps is None else pays & play.keeps
    return replace(play, long=long, bought=None if play.bought is None else pays, price=price)


def tokens(lab: Lab, play: Play) -> Floats:
    """Prompt tokens of each decision; [m, q]."""
    if play.bought is not None:
        return lab.rag_tokens + np.where(play.bought, lab.long_tokens, 0.0)
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
        if not (dear.long if dear.bought is None else dear.bought)[lab.seen].any():
            break
    return found


def within(lab: Lab, play: Play, share: float, used: Bools) -> Play:
    """The router at the lowest price that keeps within a share of always-long's tokens on the answers in use. [m, q]."""
    full = lab.long_tokens[used].sum()

    def keeps(price: float) -> bool:
        return bool(tokens(lab, priced(lab, play, price))[used].sum() <= share * full)

    if keeps(0.0):
        return priced(lab, play, 0.0)
    place = bisect_left(PRICES, True, key=keeps)  # what is spent falls as the price rises
    return priced(lab, play, PRICES[place] if place < len(PRICES) else float("inf"))


def budgeted(lab: Lab, play: Play, share: float, protocol: str, seed: int = 0) -> Play:
    """The router within a share of always-long's tokens, the price of each fold set on what the fold is fitted on.

    What is spent in the end is therefore near that share, and not chosen with hindsight.
    """
    long, bought = np.zeros_like(lab.seen), np.zeros_like(lab.seen)
    for fold in folds(lab, protocol, seed):
        others = lab.seen & np.outer(fold.train_models, fold.train_questions)
        dear, block = within(lab, play, share, others), np.ix_(fold.models, fold.questions)
        long[block] = dear.long[block]
        bought[block] = dear.long[block] if dear.bought is None else dear.bought[block]
    return replace(play, long=long, bought=None if play.bought is None else bought, price=None)


def _trained(lab: Lab, fold: Fold) -> tuple[Floats, Bools, Bools]:
    """Gains of long context and where they count, on the questions and models of the fit."""
    used = fold.train_models
    return (lab.long - lab.rag)[used], lab.seen[used], fold.train_questions

"""What routers are worth on recorded answers: accuracy, cost, and the share of the gap that they close."""

from dataclasses import replace
from typing import Any

import numpy as np

from rlc.data.errors import DataError, UsageError, unknown
from rlc.experiments.router_lab.lab import Bools, Floats, Lab, Stage
from rlc.experiments.router_lab.replay import (
    PROTOCOLS,
    Fits,
    Play,
    budgeted,
    decide_by_table,
    fixed,
    learned_plays,
    outcomes,
    possible,
    predict,
    priced,
    replay,
    tokens,
    within,
)
from rlc.experiments.statistics.ceiling import better_arm, noise_floor, score_router
from rlc.experiments.statistics.intervals import Estimate, difference, estimate
from rlc.pipeline.routers.learned import SHIPPED
from rlc.pipeline.routers.learned_after_both import SHIPPED as SHIPPED_AFTER_BOTH
from rlc.pipeline.routers.learned_after_rag import SHIPPED as SHIPPED_AFTER_RAG
from rlc.pipeline.routers.support.fitted import FittedOn
from rlc.pipeline.routers.support.gain_model import load_model
from rlc.pipeline.routers.table import SHIPPED as SHIPPED_TABLE
from rlc.pipeline.routers.table import load_table

AS_SHIPPED = "as shipped"
SHIPPED_FITS: dict[Stage, str] = {
    "before": SHIPPED,
    "after rag": SHIPPED_AFTER_RAG,
    "after both": SHIPPED_AFTER_BOTH,
}
LAST_STAGE: dict[str, Stage] = {
    "learned": "before",
    "learned-after-rag": "after rag",
    "learned-after-both": "after both",
    "buy-then-choose": "after both",
}
SHARES = (0.45, 0.25)  # of always-long's tokens: where the routers that weigh a price are also shown
STRONG = 3  # models with the best long arm, shown apart
# Builds of one model: choosing between their answers with hindsight is luck.
NEIGHBOURS = (("gpt-4o", "gpt-4o-0806"), ("llama-3.3-70b", "llama-3.3-70b-turbo"))
BINS = 10  # of predicted probability, for the calibration error


def evaluate(lab: Lab, *, protocols: tuple[str, ...] = (), seed: int = 0) -> list[dict[str, Any]]:
    """Every router under every protocol, one row each; those that weigh a price also at `SHARES` of long's tokens.

    The price that keeps to a share is set, fold by fold, on what the fold is fitted on. Without `protocols` all that
    are possible are played.

    Raises:
        UsageError: on a protocol that is none, or that the answers at hand do not allow.
    """
    allowed = possible(lab)
    for protocol in protocols:
        if protocol not in PROTOCOLS:
            raise UsageError(unknown("protocol", protocol, PROTOCOLS))
        if protocol not in allowed:
            raise UsageError(
                f"{protocol!r} holds out a model family or a type of document, and there is one of it: take "
                f"{', '.join(map(repr, allowed))}"
            )
    settled = [score(lab, play, "", seed) for play in fixed(lab)]
    rows = []
    fits: Fits = {}
    for protocol in protocols or allowed:
        rows += [{**row, "protocol": protocol} for row in settled]
        for play in replay(lab, protocol, seed, fits):
            rows += [score(lab, one, protocol, seed) for one in (play, *_cheaper(lab, play, protocol, seed))]
    return rows


def evaluate_shipped(
    lab: Lab,
    routers: tuple[str, ...],
    *,
    fit: str | None = None,
    price: float = 0.0,
    budget: int | None = None,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """The routers as they are shipped, or one learned router with a fit from a file.

    A model that the fit does not know is taken for the average one.
    """
    plays = {play.router: play for play in fixed(lab)}
    rows = []
    for name in routers:
        play = plays.get(name) or shipped_play(lab, name, fit)
        cost = price if budget is None else load_model(_fits(name, fit)[LAST_STAGE[name]]).price_of(budget)
        rows.append(score(lab, priced(lab, play, cost), AS_SHIPPED, seed))
    return rows


def shipped_play(lab: Lab, router: str, fit: str | None = None) -> Play:
    """A fitted router's choices over the laboratory.

    Raises:
        UsageError: if the router is none that can be replayed.
        DataError: if its file cannot be read.
    """
    if router == "table":
        table = load_table(fit or SHIPPED_TABLE)
        readers = table.readers or {}
        rows = [decide_by_table(table, lab.short, _known(readers, model), 1)[0] for model in lab.models]
        return Play(router, np.stack(rows))
    chances: dict[Stage, Floats] = {}
    for stage, name in _fits(router, fit).items():
        model, features = load_model(name), lab.features(stage)
        if model.features != lab.feature_names(stage):
            missing = sorted(set(model.features) ^ set(lab.feature_names(stage)))
            raise DataError(f"the fit and the features at hand differ in {', '.join(missing)}: fit again")
        chances[stage] = np.stack(
            [
                predict(model, features[m : m + 1], _known(model.readers, name))[0]
                for m, name in enumerate(lab.models)
            ]
        )
    return next(play for play in learned_plays(chances, {}) if play.router == router)


def fitted_on(router: str, fit: str | None = None) -> FittedOn:
    """What a router was fitted on; nothing for one that is fitted on nothing."""
    if router == "table":
        return FittedOn.of(load_table(fit or SHIPPED_TABLE).provenance or {})
    if router not in LAST_STAGE:
        return FittedOn.of({})
    return FittedOn.of(load_model(_fits(router, fit)[LAST_STAGE[router]]).provenance)


def _fits(router: str, fit: str | None) -> dict[Stage, str]:
    """The fits of a learned router's stages; `fit` stands for that of the last one."""
    if router not in LAST_STAGE:
        known = [*LAST_STAGE, "table", "length", "self-route", "believe-refusal", "always rag", "always long"]
        raise UsageError(unknown("router to replay", router, known))
    last = LAST_STAGE[router]
    fits: dict[Stage, str] = {last: fit or SHIPPED_FITS[last]}
    if router == "buy-then-choose":
        fits["after rag"] = SHIPPED_FITS["after rag"]
    return fits


def _known(readers: Any, model: str) -> Floats | None:  # noqa: ANN401
    return np.array([readers[model]]) if model in readers else None


def _cheaper(lab: Lab, play: Play, protocol: str, seed: int) -> list[Play]:
    if play.worth is None:
        return []
    return [
        replace(budgeted(lab, play, share, protocol, seed), router=f"{play.router} at {100 * share:.0f}%")
        for share in SHARES
        if tokens(lab, play)[lab.seen].sum() > share * lab.long_tokens[lab.seen].sum()
    ]


def score(lab: Lab, play: Play, protocol: str, seed: int = 0) -> dict[str, Any]:
    """One row: accuracy, tokens, gain over the better arm and over each model's better arm in hindsight, and parts.

    Shares and accuracies are between 0 and 1, tokens are prompt tokens a question, and intervals are clustered by
    document.
    """
    right = outcomes(lab, play)
    whole = _scores(lab, right, lab.seen, seed)
    spent = tokens(lab, play)[lab.seen]
    books = np.array([e.task == "comp" and e.metadata.get("type") == "book" for e in lab.examples])
    parts = {
        "answerable": ~lab.unanswerable,
        "unanswerable": lab.unanswerable,
        "book_comparisons": books,
        "without_book_comparisons": ~books,
    }
    return {
        "router": play.router,
        "protocol": protocol,
        "price": play.price if play.price is not None and np.isfinite(play.price) else None,
        "n": int(lab.seen.sum()),
        "documents": len(np.unique(lab.documents)),
        **whole,
        "share_long": float(play.long[lab.seen].mean()),
        "tokens": float(spent.mean()),
        "tokens_share": float(spent.sum() / lab.long_tokens[lab.seen].sum()),
        **{name: _part(lab, play, right, lab.seen & used, seed) for name, used in parts.items()},
        "strong_models": _strong(lab, play, seed),
        "models": _by_model(lab, play, right),
        "calibration_error": None if play.chance is None else _calibration(lab, play.chance),
    }


def _scores(lab: Lab, right: Floats, used: Bools, seed: int) -> dict[str, Any]:
    rag, long, mine = lab.rag[used], lab.long[used], right[used]
    documents = np.broadcast_to(lab.documents, used.shape)[used].tolist()
    models = np.broadcast_to(np.array(lab.models)[:, None], used.shape)[used].tolist()
    plain = score_router(mine, rag, long, documents, seed=seed)
    hindsight = score_router(mine, rag, long, documents, models, seed=seed)
    better = "long" if long.mean() > rag.mean() else "rag"
    own = better_arm(rag, long, models)
    return {
        "accuracy": plain.accuracy.value,
        "accuracy_ci": _ci(plain.accuracy),
        "better_arm": better,
        "better_arm_accuracy": float(max(rag.mean(), long.mean())),
        "own_arm_accuracy": float(own.mean()),
        "gain": plain.gain.value,
        "gain_ci": _ci(plain.gain),
        "closed": plain.closed.value,
        "closed_ci": _ci(plain.closed),
        "hindsight_gain": hindsight.gain.value,
        "hindsight_gain_ci": _ci(hindsight.gain),
        "hindsight_closed": hindsight.closed.value,
        "hindsight_closed_ci": _ci(hindsight.closed),
        "oracle": float(np.maximum(rag, long).mean()),
        "regret": plain.regret.value,
        "regret_ci": _ci(plain.regret),
    }


def _part(lab: Lab, play: Play, right: Floats, used: Bools, seed: int) -> dict[str, Any] | None:
    """A part of the questions; None where there is none of it. The arms stand beside it."""
    if not used.any():
        return None
    documents = np.broadcast_to(lab.documents, used.shape)[used].tolist()
    accuracy = estimate(right[used], documents, seed=seed)
    return {
        "n": int(used.sum()),
        "accuracy": accuracy.value,
        "accuracy_ci": _ci(accuracy),
        "rag": float(lab.rag[used].mean()),
        "long": float(lab.long[used].mean()),
        "oracle": float(np.maximum(lab.rag, lab.long)[used].mean()),
        "share_long": float(play.long[used].mean()),
    }


def _strong(lab: Lab, play: Play, seed: int) -> dict[str, Any]:
    """The router against always-long on the models with the best long arm, within half of its tokens."""
    order = np.argsort(-np.where(lab.seen, lab.long, 0).sum(axis=1) / lab.seen.sum(axis=1), kind="stable")[
        :STRONG
    ]
    chosen = np.isin(np.arange(len(lab.models)), order)
    used = lab.seen & chosen[:, None]
    dear = within(lab, play, 0.5, used) if play.worth is not None and play.price is not None else play
    documents = np.broadcast_to(lab.documents, used.shape)[used].tolist()
    against = difference(outcomes(lab, dear)[used], lab.long[used], documents, seed=seed)
    return {
        "models": [lab.models[i] for i in order],
        "gain_over_long": against.value,
        "gain_over_long_ci": _ci(against),
        "tokens_share": float(tokens(lab, dear)[used].sum() / lab.long_tokens[used].sum()),
        "price": dear.price if dear.price is not None and np.isfinite(dear.price) else None,
    }


def _by_model(lab: Lab, play: Play, right: Floats) -> list[dict[str, Any]]:
    spent = tokens(lab, play)
    return [
        {
            "model": model,
            "rag": float(lab.rag[m][seen].mean()),
            "long": float(lab.long[m][seen].mean()),
            "accuracy": float(right[m][seen].mean()),
            "share_long": float(play.long[m][seen].mean()),
            "tokens_share": float(spent[m][seen].sum() / lab.long_tokens[m][seen].sum()),
        }
        for m, (model, seen) in enumerate(zip(lab.models, lab.seen, strict=True))
        if seen.any()
    ]


def _calibration(lab: Lab, chance: Floats) -> float:
    """Expected calibration error of P(long alone is right): bins of equal width, weighted by size."""
    predicted, happened = chance[lab.seen], ((lab.long > lab.rag)[lab.seen]).astype(float)
    bins = np.minimum((predicted * BINS).astype(int), BINS - 1)
    gaps = [abs(predicted[bins == b].sum() - happened[bins == b].sum()) for b in range(BINS)]
    return float(sum(gaps) / len(predicted))


def noise_floors(lab: Lab, *, seed: int = 0) -> list[dict[str, Any]]:
    """The headroom of an "oracle" over two builds of one model in one arm."""
    rows = []
    for pair in NEIGHBOURS:
        if not set(pair) <= set(lab.models):
            continue
        once, again = (lab.models.index(model) for model in pair)
        used = lab.seen[once] & lab.seen[again]
        for arm, right in (("rag", lab.rag), ("long", lab.long)):
            if used.any():
                floor = noise_floor(
                    right[once][used], right[again][used], lab.documents[used].tolist(), seed=seed
                )
                rows.append(
                    {"models": list(pair), "arm": arm, "headroom": floor.value, "headroom_ci": _ci(floor)}
                )
    return rows


def _ci(found: Estimate) -> list[float | None]:
    return [found.low, found.high]

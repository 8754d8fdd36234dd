"""What routers expected of long context for every question, as they kept it beside their answers."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rlc.experiments.statistics.resample import Floats
from rlc.experiments.study.study import Study
from rlc.pipeline.families import pays

GAIN = "expected_gain"
BOUGHT = "bought"  # whether a router of two stages asked the long arm, and
WORTH = "worth"  # what it held against the price before; its expected gain is then that of choosing between both answers


@dataclass(frozen=True)
class Scored:
    """A router's expected gains beside both arms' outcomes and prompt tokens, a row per question (and model).

    Only rows count where the gain is known and both arms have a verdict. `pays_both` is set where the RAG answer is
    paid for whatever is chosen.

    A price is held against `worth`, and `kept` is the outcome where the long answer is asked for: a router of two stages may
    still keep the RAG answer. `least` is the price that it ran at, below which nobody knows what it would have kept.
    `has_price` is False where a price changes nothing, or what it is held against was not kept.
    """

    name: str
    gains: Floats
    rag: Floats
    long: Floats
    rag_tokens: Floats
    long_tokens: Floats
    documents: Sequence[str]
    pays_both: bool
    worth: Floats
    kept: Floats
    least: float = 0.0
    has_price: bool = True


def scores(study: Study) -> tuple[list[Scored], list[str]]:
    """The routers that score their questions, those of several models together; and the names of those that do not."""
    parts: dict[str, list[Scored]] = {}
    silent: list[str] = []
    for routing in study.routings:
        found = _scored(study, routing.router.name)
        label = routing.router.label.removeprefix(f"{routing.router.group}/")
        if len(found.gains):
            parts.setdefault(label, []).append(found)
        elif label not in silent:
            silent.append(label)
    return [_joined(label, found) for label, found in parts.items()], silent


def _scored(study: Study, router: str) -> Scored:
    reader, spec = study.reader(router), study.run.specs.get(router, {})
    rag, long = map(study.reader, reader.arms)
    texts = dict(study.rows(reader, "example_id", "details").iter_rows())
    details = [json.loads(texts.get(id_) or "{}") for id_ in study.examples["example_id"]]
    expected = _numbers(one.get(GAIN) for one in details)
    bought = np.array([one.get(BOUGHT) is True for one in details])
    in_stages = any(BOUGHT in one for one in details)
    worth = _numbers(one.get(WORTH) for one in details) if in_stages else expected
    outcomes = study.outcomes[rag.name], study.outcomes[long.name]
    tokens = study.values(rag, "prompt_tokens"), study.values(long, "prompt_tokens")
    there = ~np.isnan(np.stack([expected, *outcomes, *tokens])).any(0)
    prices = [one.get("price") or 0.0 for one in details]
    pays_both = pays(spec) == "all"
    return Scored(
        name=reader.label,
        gains=expected[there],
        rag=outcomes[0][there],
        long=outcomes[1][there],
        rag_tokens=tokens[0][there],
        long_tokens=tokens[1][there],
        documents=study.documents[there].tolist(),
        pays_both=pays_both,
        worth=worth[there],
        kept=np.where(bought, study.outcomes[router], outcomes[1])[there],
        least=max(prices) if in_stages else 0.0,
        has_price=("price" in spec or not pays_both) and not np.isnan(worth[there]).any(),
    )


def _numbers(values: Iterable[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _joined(label: str, found: Sequence[Scored]) -> Scored:
    return Scored(
        name=label,
        gains=np.concatenate([one.gains for one in found]),
        rag=np.concatenate([one.rag for one in found]),
        long=np.concatenate([one.long for one in found]),
        rag_tokens=np.concatenate([one.rag_tokens for one in found]),
        long_tokens=np.concatenate([one.long_tokens for one in found]),
        documents=[document for one in found for document in one.documents],
        pays_both=found[0].pays_both,
        worth=np.concatenate([one.worth for one in found]),
        kept=np.concatenate([one.kept for one in found]),
        least=max(one.least for one in found),
        has_price=all(one.has_price for one in found),
    )

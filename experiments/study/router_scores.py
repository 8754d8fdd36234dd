"""What routers expected of long context for every question, as they kept it beside their answers."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rlc.experiments.statistics.resample import Floats
from rlc.experiments.study.study import Study
from rlc.pipeline.families import pays

GAIN = "expected_gain"


@dataclass(frozen=True)
class Scored:
    """A router's expected gains beside both arms' outcomes and prompt tokens, a row per question (and model).

    Only rows count where the gain is known and both arms have a verdict. `pays_both` is set where the RAG answer is
    paid for whatever is chosen.
    """

    name: str
    gains: Floats
    rag: Floats
    long: Floats
    rag_tokens: Floats
    long_tokens: Floats
    documents: Sequence[str]
    pays_both: bool


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
    reader = study.reader(router)
    rag, long = map(study.reader, reader.arms)
    gains = dict(study.rows[router].select("example_id", "details").iter_rows())
    expected = np.array([_gain(gains.get(id_)) for id_ in study.examples["example_id"]], dtype=np.float64)
    outcomes = study.outcomes[rag.name], study.outcomes[long.name]
    tokens = study.values(rag, "prompt_tokens"), study.values(long, "prompt_tokens")
    there = ~np.isnan(np.stack([expected, *outcomes, *tokens])).any(0)
    return Scored(
        name=reader.label,
        gains=expected[there],
        rag=outcomes[0][there],
        long=outcomes[1][there],
        rag_tokens=tokens[0][there],
        long_tokens=tokens[1][there],
        documents=study.documents[there].tolist(),
        pays_both=pays(study.run.specs.get(router, {})) == "all",
    )


def _gain(details: str | None) -> float:
    value = json.loads(details or "{}").get(GAIN)
    return float(value) if value is not None else float("nan")


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
    )

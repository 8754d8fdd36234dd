"""A sweep: the settings of a reader on a tuning split, cheapest first, and the chosen one on a test split."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from rlc.data.errors import UsageError
from rlc.data.records import Dataset, Example
from rlc.data.spec import Spec, fingerprint
from rlc.experiments.runs.forecast import forecasts, weightless
from rlc.experiments.runs.loop import batches
from rlc.experiments.runs.run import Run
from rlc.experiments.runs.selection import split
from rlc.experiments.study.ranking import RankedSetting, SweepResult
from rlc.experiments.sweep.recipe import Sweep
from rlc.pipeline.families import role_of

WIDE = 10**9  # a window that cuts nothing: the order of the work needs no model


@dataclass(frozen=True)
class SweepPlan:
    """The two halves of a sweep: all settings on the tuning split; who meets on the test split is known after it.

    `test` is empty where the sweep has no test split.
    """

    sweep: Sweep
    tuning: Run
    test: Dataset

    def test_run(self, chosen: str, all_settings: bool = False) -> Run:
        """The chosen setting, or all, and what it is compared with, on the test split."""
        settings = self.tuning.specs if all_settings else {chosen: self.tuning.specs[chosen]}
        return Run(self.test, {**self.sweep.baselines(), **settings}, {}, self.tuning.out)

    @property
    def folder(self) -> Path:
        """Where the sweep's own files go: beside the runs, named by what was asked."""
        asked = [self.tuning.id, sorted(example.id for example in self.test.examples), self.sweep.baselines()]
        return self.tuning.out / f"sweep-{self.tuning.id.rpartition('-')[0]}-{fingerprint(asked)[:10]}"


def plan_sweep(sweep: Sweep, dataset: Dataset, seed: int, out: Path) -> SweepPlan:
    """Split the questions by document and complete every setting.

    Raises:
        UsageError: if no question can be judged, or there are too few documents to split.
        SpecError: if a setting or baseline cannot be completed.
    """
    if not any(example.answers or example.answerable is False for example in dataset.examples):
        raise UsageError(
            f"no question of {dataset.name!r} has a gold answer, so no setting can win: add answers to the questions"
        )
    taken = set(sweep.against) & set(sweep.settings())
    if taken:
        raise UsageError(
            f"sweep.against: {min(taken)!r} is also the name of a setting; name the reader otherwise"
        )
    tuning, test = split(dataset, sweep.tuning, seed)
    sweep.baselines()
    return SweepPlan(sweep, Run(tuning, sweep.specs(), {}, out), test)


def cheapest_first(
    specs: Mapping[str, Spec], dataset: Dataset, costs: Mapping[str, float]
) -> Iterator[tuple[str, Sequence[Example]]]:
    """The order of the work, for `compare`: groups of readers, cheapest first, each document by document.

    A group is those that ask one engine and cut and index alike: within it a document is prepared once for all. What a
    reader costs is the number of tokens that it makes the engine read and write; routers, which pay for their arms,
    come last. Engines keep the order in which they are named, so that one is done with before the next is loaded.
    """
    engines: dict[str, int] = {}
    groups: dict[tuple[int, str], list[str]] = {}
    for name, spec in specs.items():
        engine = engines.setdefault(fingerprint(spec.get("llm")), len(engines))
        parts = spec.get("search") or spec
        alike = [parts.get("chunker"), parts.get("retriever"), None if "chunker" in parts else name]
        groups.setdefault((engine, fingerprint(alike)), []).append(name)

    def price(group: tuple[int, str]) -> tuple[bool, int, float]:
        cheapest = min(costs[name] for name in groups[group])
        return (cheapest == float("inf"), group[0], cheapest)

    for group in sorted(groups, key=price):
        names = sorted(groups[group], key=lambda name: costs[name])
        for batch in batches(dataset.examples):
            yield from ((name, batch) for name in names)


def cost(name: str, spec: Spec, dataset: Dataset) -> float:
    """Tokens that an engine computes and writes for a reader, at most; infinite for a router, and where nobody can say."""
    found = forecasts({name: spec}, dataset, weightless(WIDE))
    if not found or found[0].loads is None or role_of(spec) == "router":
        return float("inf")
    return found[0].computed_tokens + found[0].output_tokens


def record(plan: SweepPlan, result: SweepResult) -> dict[str, Any]:
    """Write a sweep's outcome as plain data: what `sweep.json` holds."""
    return {
        "tuning": _part(plan.tuning.dataset, plan.tuning.id),
        "test": _part(plan.test, plan.test_run(result.best.reader.name).id if result.test else None),
        "axes": {axis: list(values) for axis, values in plan.sweep.axes.items()},
        "chosen": result.best.reader.name,
        "chosen_elsewhere": asdict(result.elsewhere),
        "winners": [setting.reader.name for setting in result.winners],
        "ranking": [
            {
                **_plain(setting),
                "setting": setting.reader.name,
                "values": result.settings[setting.reader.name],
                "winner": setting.winner,
            }
            for setting in result.ranking
        ],
        "effects": [asdict(one) for one in result.effects],
        "against": [
            {
                "reader": one.second.name,
                "chosen": asdict(one.first_mean),
                "accuracy": asdict(one.second_mean),
                "difference": asdict(one.difference),
            }
            for one in result.test
        ],
        "stages": {name: asdict(stage) for name, stage in result.stages.items()},
        "seconds": result.seconds,
    }


def ranking_frame(result: SweepResult) -> pl.DataFrame:
    """The ranking as a table: a row per setting, best first, a column per axis."""
    rows = [
        {
            "setting": setting.reader.name,
            **result.settings[setting.reader.name],
            "first_place": setting.first,
            "last_place": setting.last,
            "winner": setting.winner,
            "accuracy": setting.accuracy.value,
            "low": setting.accuracy.low,
            "high": setting.accuracy.high,
            "questions": setting.accuracy.n,
            "failures": setting.failures,
            "prompt_tokens": setting.tokens.value,
            "seconds": setting.seconds,
            "behind": None if setting.behind is None else setting.behind.value,
            "p_holm": None if setting.behind is None else setting.behind.p_holm,
        }
        for setting in result.ranking
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def _plain(setting: RankedSetting) -> dict[str, Any]:
    return {key: value for key, value in asdict(setting).items() if key != "reader"}


def _part(dataset: Dataset, run: str | None) -> dict[str, Any]:
    return {"run": run, "questions": len(dataset.examples), "documents": len(dataset.asked)}

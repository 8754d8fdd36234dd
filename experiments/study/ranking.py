"""Which setting is best, as far as that can be known: places with room, the choice, and what each axis does.

A failed answer counts as wrong here, or a setting could win by failing where others are wrong.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from rlc.experiments.runs.summary import mean_seconds
from rlc.experiments.statistics.intervals import FLIPS, LEVEL, Difference, Estimate, correct, difference
from rlc.experiments.statistics.resample import Floats, pairwise_p, tabulate
from rlc.experiments.statistics.selection import chosen_elsewhere
from rlc.experiments.study.readers import ReaderInfo
from rlc.experiments.study.study import Comparison, Study, corrected


@dataclass(frozen=True)
class RankedSetting:
    """A setting in the ranking.

    `first` and `last` are the places, counted from 1, that the called differences leave it: one more than the number
    of settings called better, and the number of settings less those called worse. `behind` is the best one's accuracy
    less its own (None for the best itself). A `winner` is one that no setting is called better than.
    """

    reader: ReaderInfo
    accuracy: Estimate
    tokens: Estimate
    seconds: float | None
    failures: int
    first: int
    last: int
    behind: Difference | None

    @property
    def winner(self) -> bool:
        """Whether it may be the best."""
        return self.first == 1


@dataclass(frozen=True)
class Effect:
    """One value of an axis, averaged over all other axes, and its difference to the axis's first value."""

    axis: str
    value: str
    accuracy: Estimate
    change: Difference | None


@dataclass
class Stage:
    """How often a stage was wanted, and how often it was there already; `seconds` are those that this saved."""

    wanted: int = 0
    served: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class SweepResult:
    """What a sweep found: on the tuning split the study and what follows from it, on the test split comparisons.

    `settings` are the names of the values by axis, by setting, `short` the names of the axes in tables. `elsewhere` is what
    the choice is worth on documents that have no part in it (`rlc.experiments.statistics.selection`).
    """

    study: Study
    settings: Mapping[str, Mapping[str, str]]
    short: Mapping[str, str]
    ranking: Sequence[RankedSetting]
    elsewhere: Estimate
    effects: Sequence[Effect]
    test: Sequence[Comparison]
    test_documents: int
    stages: Mapping[str, Stage]
    seconds: float

    @property
    def best(self) -> RankedSetting:
        return self.ranking[0]

    @property
    def winners(self) -> list[RankedSetting]:
        """The settings that no other is called better than."""
        return [setting for setting in self.ranking if setting.winner]


def failures_are_wrong(study: Study) -> Study:
    """Judge failed answers wrong in all that a study says."""
    return replace(study, outcomes=study.wrong_if_failed)


def rank(study: Study) -> list[RankedSetting]:
    """The settings by accuracy, then fewer prompt tokens, then name.

    Every pair is tested and corrected together, since any setting could have come out best: testing the one that did
    against the others alone would find differences where there are none. The correction is that of
    `rlc.experiments.statistics.resample.pairwise_p`; a difference is called if its p is at most 5% and its own interval leaves 0
    out.

    Source: places from pairwise tests as in Mogstad, Romano, Shaikh and Wilhelm, Review of Economic Studies 2024,
    doi:10.1093/restud/rdad006.
    """
    study = failures_are_wrong(study)
    order = sorted(
        study.readers,
        key=lambda e: (-(study.overall[e.name].value or 0.0), study.tokens[e.name].value or 0.0, e.name),
    )
    pairs = _tested(study, order)
    better = {
        reader.name: [other.name for other in order if other is not reader and _ahead(pairs, other, reader)]
        for reader in order
    }
    worse = {name: sum(name in ahead for ahead in better.values()) for name in better}
    return [
        RankedSetting(
            reader=reader,
            accuracy=study.overall[reader.name],
            tokens=study.tokens[reader.name],
            seconds=mean_seconds(study.answered(reader, "seconds")["seconds"]),
            failures=study.failed(reader),
            first=1 + len(better[reader.name]),
            last=len(order) - worse[reader.name],
            behind=pairs.get((order[0].name, reader.name)),
        )
        for reader in order
    ]


def elsewhere(study: Study, ranking: Sequence[RankedSetting]) -> Estimate:
    """The accuracy of the best setting, chosen by the other documents in turn: its own figure is the luckiest of many."""
    study = failures_are_wrong(study)
    by_cost = sorted(
        ranking, key=lambda one: (one.tokens.value or 0.0, one.reader.name)
    )  # as `rank` settles equals
    outcomes = np.stack([study.outcomes[one.reader.name] for one in by_cost])
    return study.mean(chosen_elsewhere(outcomes, study.documents.tolist()))


def _tested(study: Study, order: Sequence[ReaderInfo]) -> dict[tuple[str, str], Difference]:
    """The better minus the worse, by both names: of the best and every other, and of every pair that may be called."""
    outcomes = np.array([study.outcomes[reader.name] for reader in order])
    judged = ~np.isnan(outcomes).any(axis=0)
    documents = study.documents[judged].tolist()
    testable = len(set(documents)) > 1
    sums = [tabulate(row, documents).sums[:, 0] / len(row) for row in outcomes[:, judged]] if testable else []
    p = pairwise_p(np.array(sums).T, FLIPS, seed=0) if testable else None
    found = {}
    for i, j in combinations(range(len(order)), 2):
        if i == 0 or (p is not None and p[i, j] <= 1 - LEVEL):
            one = study.compare(order[i], order[j]).difference
            found[order[i].name, order[j].name] = _called(one, None if p is None else float(p[i, j]))
    return found


def _called(found: Difference, p: float | None) -> Difference:
    apart = found.low is not None and found.high is not None and not found.low <= 0 <= found.high
    return replace(found, p_holm=p, called=p is not None and p <= 1 - LEVEL and apart)


def _ahead(pairs: Mapping[tuple[str, str], Difference], first: ReaderInfo, second: ReaderInfo) -> bool:
    found = pairs.get((first.name, second.name))
    return found is not None and found.called and (found.value or 0.0) > 0


def effects(study: Study, settings: Mapping[str, Mapping[str, str]]) -> list[Effect]:
    """What each axis does on average: `settings` holds the name of the value by axis, by setting.

    A question's outcome under a value is its mean over the settings that have it. Differences are paired, clustered by
    document, and corrected together.
    """
    study = failures_are_wrong(study)
    axes: dict[str, dict[str, list[Floats]]] = {}
    for setting, values in settings.items():
        for axis, value in values.items():
            axes.setdefault(axis, {}).setdefault(value, []).append(study.outcomes[setting])
    means = {
        axis: {value: np.mean(outcomes, axis=0) for value, outcomes in values.items()}
        for axis, values in axes.items()
        if len(values) > 1
    }
    changes = [
        (axis, value, _paired(study, mean, next(iter(values.values()))))
        for axis, values in means.items()
        for value, mean in list(values.items())[1:]
    ]
    called = correct([change for _, _, change in changes])
    by_value = {(axis, value): found for (axis, value, _), found in zip(changes, called, strict=True)}
    return [
        Effect(axis, value, study.mean(mean), by_value.get((axis, value)))
        for axis, values in means.items()
        for value, mean in values.items()
    ]


def _paired(study: Study, first: Floats, second: Floats) -> Difference:
    both = ~np.isnan(first) & ~np.isnan(second)
    return difference(first[both], second[both], study.documents[both].tolist())


def against(study: Study, chosen: str, baselines: Sequence[str]) -> list[Comparison]:
    """The chosen setting minus each baseline, corrected together."""
    study = failures_are_wrong(study)
    return corrected([study.compare(study.reader(chosen), study.reader(name)) for name in baselines])

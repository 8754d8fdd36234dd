"""What a run may spend, and what it has spent already."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlc.data.purse import FilePurse
from rlc.data.spec import Spec, fingerprint
from rlc.data.store import Store
from rlc.experiments.judges.support.naming import JUDGE
from rlc.experiments.metrics.pricing import Sheet, check_priced, engines_of, price_of
from rlc.experiments.runs.judged import RunJudge
from rlc.experiments.runs.run import Run
from rlc.pipeline.families import BUILDER, READER, role_of
from rlc.pipeline.identity import identity
from rlc.pipeline.readers.support.stored import keys_of

FILE = "spent.txt"


@dataclass(frozen=True)
class Spending:
    """How many dollars a run may cost in all, and the prices by which they are counted."""

    limit: float
    sheet: Sheet

    def purse(self, run: Run, store: Store) -> FilePurse:
        """The run's purse, which knows what the run has cost before.

        That is what its file says; where there is none yet, what the answers in the store have cost: those of every reader
        that is no router, each once, for a router's answers hold what its arms' have cost; and the verdicts on all of them.

        Raises:
            UsageError: if something that costs has no price.
        """
        engines = engines_of(run.specs) | engines_of({"judge": run.judge} if run.judge else {}, JUDGE)
        check_priced(engines, self.sheet)
        file = run.folder / FILE
        before = 0.0 if file.is_file() else self._stored(run, store)
        return FilePurse(self.limit, file, before)

    def _stored(self, run: Run, store: Store) -> float:
        total = 0.0
        for spec in _readers(run.specs).values():
            price = price_of(spec["llm"], self.sheet) if isinstance(spec.get("llm"), Mapping) else None
            if price is not None:
                keys = keys_of(identity(spec), run.dataset.examples)
                total += sum(price.of(answer.usage) for answer in store.get(keys).values())
        if run.judge and "llm" in run.judge and (price := price_of(run.judge["llm"], self.sheet)):
            total += price.of(RunJudge(run.judge, run.dataset, run.specs).spent(store))
        return total


def _readers(specs: Mapping[str, Spec]) -> dict[str, dict[str, Any]]:
    """The readers in completed specs that are no routers, arms of routers among them, each once."""
    return {
        fingerprint(inner): inner
        for name, spec in specs.items()
        for family, _, inner in BUILDER.walk(spec, READER, name)
        if family is READER and role_of(inner) != "router"
    }

"""Executing a run: its store, its estimate, its workers, and how far it is."""

import contextlib
from collections.abc import Mapping
from typing import Protocol

from rlc.data.lazy import load
from rlc.data.spec import Finish, Spec
from rlc.data.store import Store
from rlc.experiments.runs.compare import Schedule, batches, by_document
from rlc.experiments.runs.forecast import Engines, expect, observe
from rlc.experiments.runs.processes import Pool
from rlc.experiments.runs.progress import Progress
from rlc.experiments.runs.run import Outcome, Run
from rlc.pipeline.llms import LLMS
from rlc.pipeline.recipe import BUILDER


class Watcher(Protocol):
    """What is told when a run begins to ask, such as the process that keeps its MLflow run."""

    def start(self) -> None:
        """Something will be asked now."""
        ...


def execute(
    run: Run,
    resume: bool,
    finish: Finish = BUILDER.finish,
    schedule: Schedule | None = None,
    keeper: Watcher | None = None,
    work: Mapping[str, float] | None = None,
    workers: int = 1,
    together: int = 1,
) -> tuple[Outcome, int]:
    """Run it, with progress on stderr: what it found, and how many of its answers were in the store.

    `work` says how much of it an answer of each reader is, for the time left. The keeper, if any, opens its MLflow run
    where there is something to ask. `workers` are processes that share the documents, `together` is how many documents
    a batch holds; both belong to the default schedule, which is also the one that an estimate is written for.
    """
    store = Store(run.out)
    engines = Engines(finish)
    try:
        readers = run.readers(store, engines.finish)
        if not resume:
            run.renew(readers, store)
        missing = run.missing(readers)
        if keeper and any(missing.values()):
            keeper.start()
        if schedule is None:
            expect(run, engines, missing, together)
        total = len(run.dataset.examples) * len(readers)
        with Progress(missing, total, work=work) as progress, contextlib.ExitStack() as ends:
            if workers > 1:
                pool = Pool(run.specs, readers, store, run.out, workers)
                arriving = pool.schedule(list(batches(run.dataset.examples, together)), missing)
                schedule = ends.enter_context(contextlib.closing(arriving))
                readers = pool.readers
            elif schedule is None:
                schedule = by_document(readers, run.dataset.examples, together)
            outcome = run.execute(readers, progress.on_batch, schedule)
        if workers == 1:
            observe(run, engines, progress.pace)
        return outcome, total - sum(map(len, missing.values()))
    finally:
        store.close()


def documents_together(specs: Mapping[str, Spec]) -> int:
    """How many documents a batch holds where nobody says: what an engine asks for, else one for each of its servers."""
    engines = [spec["llm"] for spec in specs.values() if isinstance(spec.get("llm"), Mapping)]
    return max(map(_wanted, engines), default=1)


def _wanted(engine: Spec) -> int:
    servers = engine.get("base_url")
    declared: int = getattr(load(LLMS[engine["use"]]), "documents_together", 1)
    return max(declared, len(servers) if isinstance(servers, list) else 1)

"""What a run was expected to cost, written before it begins, and what it took: `estimate.json` in its folder.

The estimate bounds what every arm reads and writes, from documents and settings. Its time comes from the planner for
vllm, and for engines in this process from a short measurement with the engine that then answers; a server's speed is
not known beforehand. It is made once, when the run first has something to ask, and kept when the run is resumed.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rlc.data import protocols
from rlc.data.errors import DataError, UnsupportedError
from rlc.data.spec import Finish, Spec, fingerprint
from rlc.experiments.runs.forecast import estimates, measure_speeds
from rlc.experiments.runs.plans import machine_installed, plans
from rlc.experiments.runs.progress import Pace
from rlc.experiments.runs.run import Run, write_json
from rlc.pipeline.recipe import BUILDER, LLM

FILE = "estimate.json"
PROBED = ("hf", "hf-kv")  # loaded into this process for the run anyway, and asked for nothing but time


@dataclass
class Engines:
    """The engines of a run's readers, so that what was loaded for measuring is what answers.

    `finish` is given to `build_readers`; `inner` is what else becomes of every object.
    """

    inner: Finish = BUILDER.finish
    made: dict[str, protocols.LLM] = field(default_factory=dict)

    def finish(self, make: Callable[[], Any], kind: str, spec: Spec) -> Any:  # noqa: ANN401 - the builder's hook
        """Make an object of a spec; an engine once."""
        if kind != LLM.kind:
            return self.inner(make, kind, spec)
        key = fingerprint(spec)
        if key not in self.made:
            self.made[key] = self.inner(make, kind, spec)
        return self.made[key]

    def of(self, spec: Spec, path: str) -> protocols.LLM:
        """The engine of a completed spec."""
        made: protocols.LLM = self.finish(lambda: replace(BUILDER).build(spec, LLM, path), LLM.kind, spec)
        return made


def expect(run: Run, engines: Engines, missing: Mapping[str, frozenset[str]], together: int = 1) -> None:
    """Write the estimate, unless it is there or nothing is to be asked; `together` documents are asked at a time."""
    arms = {
        name: spec
        for name, spec in run.specs.items()
        if missing.get(name) and isinstance(spec.get("llm"), dict)
    }
    file = run.folder / FILE
    if not arms or file.is_file():
        return
    asked = {name: engines.of(spec["llm"], f"readers.{name}.llm") for name, spec in arms.items()}
    speeds = measure_speeds(
        {name: engine for name, engine in asked.items() if arms[name]["llm"]["use"] in PROBED}
    )
    found: dict[str, dict[str, Any]] = {
        one.reader: {
            **asdict(one),
            "seconds": one.seconds(speeds[one.reader]) if one.reader in speeds else None,
        }
        for one in estimates(arms, asked, run.dataset)
    }
    machine = _plan_vllm(run, arms, found, together)
    run.folder.mkdir(parents=True, exist_ok=True)
    made = datetime.now(UTC).isoformat(timespec="seconds")
    write_json(file, {"made": made, "machine": machine, "readers": found})


def _plan_vllm(
    run: Run, arms: Mapping[str, Spec], found: dict[str, dict[str, Any]], together: int
) -> str | None:
    """Lay the planner's time and memory over the estimates of vllm's arms; the machine that it planned for."""
    planned = {name: spec for name, spec in arms.items() if spec["llm"]["use"] == "vllm"}
    if not planned:
        return None
    machine = machine_installed()
    try:
        for name, plan in plans(planned, run.dataset, machine, together).items():
            found[name] |= {"seconds": plan.seconds, "cache_tokens": plan.cache_tokens}
    except UnsupportedError:  # arithmetic that the planner does not know must not keep the run from beginning
        return None
    return machine.name


def observe(run: Run, engines: Engines, pace: Pace) -> None:
    """Add what was measured of the arms that answered all their questions now: wall time, and the engine's memory.

    The time that an engine took to load is not among its first arm's.
    """
    file = run.folder / FILE
    if not file.is_file():
        return
    record = json.loads(file.read_text(encoding="utf-8"))
    charged: set[str] = set()
    measured = record.setdefault("measured", {})
    for name in record["readers"]:
        key = fingerprint(run.specs[name]["llm"])
        loaded = getattr(engines.made.get(key), "loaded", {})
        loading = 0.0 if key in charged else float(loaded.get("load_seconds", 0.0))
        if pace.done.get(name):
            charged.add(key)
        if pace.done.get(name) == len(run.dataset.examples):
            measured[name] = {
                "seconds": pace.spent[name] - loading,
                "cache_tokens": loaded.get("cache_tokens"),
            }
    write_json(file, record)


def read_estimate(folder: Path) -> dict[str, Any] | None:
    """What `expect` and `observe` wrote; None for a run that was made without.

    Raises:
        DataError: if the file is broken.
    """
    file = folder / FILE
    if not file.is_file():
        return None
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        return {
            "machine": record["machine"],
            "readers": record["readers"],
            "measured": record.get("measured", {}),
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file} cannot be read ({error!r}); delete it, the report goes without") from error

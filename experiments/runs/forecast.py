"""Forecasts: bounds of what every reader will read and write, and how long that takes, before anything is answered.

`rlc compare --dry-run`, `rlc plan`, the order of a sweep, and the `estimate.json` that a run keeps for its report are
these same figures. Readers say what they read (`rlc.data.loads`); one that cannot say is listed as not estimated. Time
comes from the engine's own plan where it has one (vllm), and for engines in this process from a short measurement with
the engine that then answers. A server may be paid by the token, so that none is measured unasked.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rlc.chunkers.base import Chunker
from rlc.data.errors import DataError, UnsupportedError
from rlc.data.loads import Foreseeable, PromptLoad
from rlc.data.plain import parse_json
from rlc.data.protocols import LLM, Prompt, together
from rlc.data.records import Dataset, Example, Usage
from rlc.data.spec import Builder, Finish, Spec, fingerprint
from rlc.data.tokens import ApproximateTokenizer
from rlc.experiments.runs.kept import as_json, read_kept, write_kept
from rlc.experiments.runs.loop import batches
from rlc.experiments.runs.progress import Pace
from rlc.experiments.runs.run import Run
from rlc.pipeline import families
from rlc.pipeline.families import BUILDER, READER, role_of
from rlc.pipeline.gpu_cost import GpuPlan, Planned
from rlc.pipeline.gpu_machine import Machine, machine_installed
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.support.searching import Searcher

FILE = "estimate.json"
FIGURES = ("calls", "prompt_tokens", "computed_tokens", "output_tokens", "cut_documents", "seconds")
# Lengths of the texts on which an engine's speed is measured, one after the other.
PROBE_WORDS = (25, 100, 400)
PROBE_TOKENS = 2000  # that a tokenizer may make of all of them, about
PROBE_SECONDS = 1.0  # of answering tell enough: an engine that took them is asked nothing longer
PROBE_ANSWER = 16
PROBE_QUESTIONS = 4  # on the text, of an engine of this process that answers side by side


@dataclass(frozen=True)
class Speed:
    """An engine's measured tokens per second."""

    prefill: float
    decode: float


@dataclass(frozen=True)
class Forecast:
    """What one reader will ask of its engine at most; `loads` is None where the reader cannot say."""

    reader: str
    questions: int
    loads: Sequence[PromptLoad] | None
    engine: LLM | None = None

    @property
    def computed_tokens(self) -> int:
        """Prompt tokens that no cache can serve: every shared text once."""
        return sum(load.tokens + load.questions * load.question_tokens for load in self.loads or ())

    @property
    def output_tokens(self) -> int:
        return sum(load.questions * load.answer_tokens for load in self.loads or ())

    def figures(self, speed: Speed | None = None) -> dict[str, Any]:
        """The forecast as plain data, with the seconds that it takes at that speed; None where nothing can be said."""
        told = {"reader": self.reader, "questions": self.questions}
        if self.loads is None:
            return told | dict.fromkeys(FIGURES)
        seconds = speed and self.computed_tokens / speed.prefill + self.output_tokens / speed.decode
        figures = (
            sum(load.questions for load in self.loads),
            sum(load.questions * load.length for load in self.loads),
            self.computed_tokens,
            self.output_tokens,
            len({load.document for load in self.loads if load.cut_tokens}),
            seconds,
        )
        return told | dict(zip(FIGURES, figures, strict=True))


def forecasts(specs: Mapping[str, Spec], dataset: Dataset, finish: Finish = BUILDER.finish) -> list[Forecast]:
    """A forecast for every reader that asks a language model, or cannot say whether it does.

    Readers are made for it and nothing is loaded. A router, or any reader that holds others, is charged what it reads
    itself, and once what those of its arms read that are not compared themselves. `finish` makes the engines (see `rlc.data.spec.Builder`).
    """
    examples = [example for batch in batches(dataset.examples) for example in batch]
    builder = replace(BUILDER, finish=_unloaded(finish))
    compared = {fingerprint(spec) for spec in specs.values()}
    found = [_forecast(name, _within(spec, compared), examples, builder) for name, spec in specs.items()]
    return [one for one in found if one.loads != []]


def _forecast(name: str, specs: Sequence[Spec], examples: Sequence[Example], builder: Builder) -> Forecast:
    readers = [builder.build(spec, READER, f"readers.{name}") for spec in specs]
    loads: list[PromptLoad] | None = []
    for reader, spec in zip(readers, specs, strict=True):
        said: list[PromptLoad] | None = None
        if isinstance(reader, Foreseeable):
            said = reader.reads(examples)
            said = said and [*said, *_preparing(reader, examples)]
        elif role_of(spec) == "router":  # one that says nothing reads nothing itself
            said = []
        loads = None if loads is None or said is None else [*loads, *said]
    engine = getattr(readers[0], "llm", None)
    return Forecast(name, len(examples), loads, engine)


def _preparing(reader: object, examples: Sequence[Example]) -> list[PromptLoad]:
    """What a reader's chunkers ask of a language model, once a document, or for every document of a collection."""
    settings = [value for name, value in vars(reader).items() if not name.startswith("_")]
    searching = [reader, *(value for value in settings if isinstance(value, Searcher))]
    loads: list[PromptLoad] = []
    for part in searching:
        chunker = getattr(part, "chunker", None)
        if isinstance(chunker, Chunker):
            asked = {example.document_id: example.document for example in examples}
            documents = getattr(part, "collection", None) or asked.values()
            loads += [load for document in documents for load in chunker.prepares(document)]
    return loads


def _within(spec: Spec, compared: set[str]) -> list[Spec]:
    """The spec, and the readers in it that are not compared themselves, each once: arms, voters, handlers."""
    found = {fingerprint(spec): spec}
    waiting = [spec]
    while waiting:
        for value in waiting.pop().values():
            for arm in value if isinstance(value, list) else [value]:
                reads = isinstance(arm, Mapping) and arm.get("use") in READER.table
                if reads and (key := fingerprint(arm)) not in {*compared, *found}:
                    found[key] = dict(arm)
                    waiting.append(found[key])
    return list(found.values())


ENCODERS = {one.kind for one in (families.ENCODER, families.SPARSE_ENCODER, families.MULTI_VECTOR_ENCODER)}


class UnloadedEncoder:
    """Stands where a reader holds an encoder, whose vectors no forecast needs; it is never asked for any."""

    name, dimension, window, pooling = "unloaded", 1, 512, "mean"
    tokenizer = ApproximateTokenizer()

    def encode_documents(self, texts: Sequence[str]) -> Any:  # noqa: ANN401 - as any encoder's
        """Refuse to embed: a forecast loads no encoder.

        Raises:
            UnsupportedError: always.
        """
        raise UnsupportedError(f"a forecast has no vectors, and {len(texts)} texts were to have some")

    encode_queries = encode_tokens = encode_documents
    encode_document_tokens = encode_query_tokens = encode_documents  # of a multi-vector encoder
    weigh_documents = weigh_queries = encode_documents  # of a sparse one


def _unloaded(finish: Finish) -> Finish:
    def hook(make: Callable[[], Any], kind: str, spec: Spec) -> Any:  # noqa: ANN401 - the builder's hook
        return UnloadedEncoder() if kind in ENCODERS else finish(make, kind, spec)

    return hook


class UnloadedLLM(ScriptedLLM):
    """Stands where a reader holds an engine, and is of every kind that one may want; it is never asked for anything."""

    depth = 1

    def watch(self, prompt: Prompt, *_: object, **__: object) -> Any:  # noqa: ANN401 - as any engine's
        """Refuse to read: a forecast loads no engine.

        Raises:
            UnsupportedError: always.
        """
        raise UnsupportedError(f"a forecast reads nothing, and was to read {prompt.text[:80]!r}")

    weigh = logprobs = watch

    def adapted(self, _: object) -> LLM:
        """Itself: what it would read is the same."""
        return self


def weightless(window: int) -> Finish:
    """Make readers without any model's files: engines of that window, and tokens by estimate."""

    def hook(make: Callable[[], Any], kind: str, spec: Spec) -> Any:  # noqa: ANN401, ARG001 - the builder's hook
        if kind == families.LLM.kind:
            return UnloadedLLM({}, window=window)
        return ApproximateTokenizer() if kind == families.TOKENIZER.kind else make()

    return hook


def measure_speed(llm: LLM) -> Speed | None:
    """Ask the engine something unrelated: a little, which also loads it, then more until it took a while. None where it failed.

    A processor has said after a hundred words how fast it is, while for an accelerator those are over before it has begun.
    """
    questions = min(together(llm), PROBE_QUESTIONS) if is_in_process(llm) else 1
    usage = Usage()
    for i, words in enumerate(PROBE_WORDS):
        text = " ".join(f"word{j}" for j in range(i, i + words))  # each begins otherwise: no cache knows it
        asked = [Prompt(text, f"Repeat the list{'!' * j}.") for j in range(questions if i else 1)]
        answers = llm.generate(asked, max_tokens=PROBE_ANSWER if i else 1)
        if any(answer.error is not None for answer in answers):
            return None
        usage = Usage.total(answer.usage for answer in answers)
        if i and usage.seconds > PROBE_SECONDS:
            break
    prefill = usage.prefill_seconds or usage.seconds or 1.0
    decode = usage.decode_seconds or usage.seconds or 1.0
    return Speed(
        prefill=max(usage.prompt_tokens - usage.cached_tokens, 1) / prefill,
        decode=max(usage.output_tokens, 1) / decode,
    )


def is_in_process(llm: LLM) -> bool:
    """Whether an engine is of this process, so that measuring it costs nothing but time: it says so as `probed`."""
    return bool(getattr(llm, "probed", False))


def measure_speeds(
    found: Sequence[Forecast],
    *,
    servers: bool,
    on_engine: Callable[[str], None] = lambda said: None,  # noqa: ARG005
) -> dict[str, Speed]:
    """By reader, how fast its engine is; one that failed at it has no speed.

    Engines of one `pace`, those that say none each for itself, are measured once. Those outside this process, `servers`,
    are asked where that is wished. `on_engine` hears which one is measured next.
    """
    asked = [
        (one.reader, one.engine)
        for one in found
        if one.engine is not None and one.loads and (servers or is_in_process(one.engine))
    ]
    paces = {name: getattr(engine, "pace", id(engine)) for name, engine in asked}
    engines = {paces[name]: engine for name, engine in reversed(asked)}
    speeds = {}
    for number, (pace, engine) in enumerate(engines.items(), 1):
        on_engine(f"measuring how fast {engine.name} is ({number} of {len(engines)})")
        speeds[pace] = measure_speed(engine)
    return {name: speed for name, pace in paces.items() if (speed := speeds[pace]) is not None}


def gpu_plans(
    found: Sequence[Forecast], machine: Machine, per_batch: int | None = None
) -> dict[str, GpuPlan]:
    """A plan for every reader whose engine can say what a GPU makes of it, `per_batch` documents asked at a time.

    Raises:
        UnsupportedError: for a model whose arithmetic the planner does not know.
    """
    plans = {}
    for one in found:
        engine: object = one.engine
        if isinstance(engine, Planned) and one.loads:
            plans[one.reader] = engine.plan(one.loads, machine, per_batch)
    return plans


@dataclass
class Engines:
    """The engines of a run's readers, so that what was loaded for measuring is what answers.

    `finish` is given to `build_readers`; `inner` is what else becomes of every object.
    """

    inner: Finish = BUILDER.finish
    made: dict[str, LLM] = field(default_factory=dict)

    def finish(self, make: Callable[[], Any], kind: str, spec: Spec) -> Any:  # noqa: ANN401 - the builder's hook
        """Make an object of a spec; an engine once."""
        if kind != families.LLM.kind:
            return self.inner(make, kind, spec)
        key = fingerprint(spec)
        if key not in self.made:
            self.made[key] = self.inner(make, kind, spec)
        return self.made[key]


def expect(
    run: Run,
    engines: Engines,
    missing: Mapping[str, frozenset[str]],
    together: int = 1,
    *,
    measured: bool = True,
) -> None:
    """Write the estimate, unless it is there or nothing is to be asked; `together` documents are asked at a time.

    Where other processes answer, engines are not `measured`: they would be loaded for that alone.
    """
    file = run.folder / FILE
    asked = {name: spec for name, spec in run.specs.items() if missing.get(name)}
    found = [] if file.is_file() else forecasts(asked, run.dataset, engines.finish)
    if not found:
        return
    speeds = measure_speeds(found, servers=False) if measured else {}
    readers = {one.reader: one.figures(speeds.get(one.reader)) for one in found if one.loads is not None}
    machine = machine_installed()
    try:
        planned = gpu_plans(found, machine, together)
    except UnsupportedError:  # arithmetic that the planner does not know must not keep the run from beginning
        planned = {}
    for name, plan in planned.items():
        readers[name] |= {"seconds": plan.seconds, "cache_tokens": plan.cache_tokens}
    run.folder.mkdir(parents=True, exist_ok=True)
    record = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.name if planned else None,
        "readers": readers,
        "not_estimated": [one.reader for one in found if one.loads is None],
    }
    write_kept(file, as_json(record))


def observe(run: Run, engines: Engines, pace: Pace) -> None:
    """Add what was measured of the readers that answered all their questions now: wall time, the engine's memory.

    The time that an engine took to load is not among its first reader's.
    """
    record = _read(run.folder)
    if record is None:
        return
    charged: set[str] = set()
    measured = record.setdefault("measured", {})
    for name in record["readers"]:
        key = fingerprint(run.specs[name].get("llm"))
        loaded = getattr(engines.made.get(key), "loaded", {})
        loading = 0.0 if key in charged else float(loaded.get("load_seconds", 0.0))
        if pace.done.get(name):
            charged.add(key)
        if pace.done.get(name) == len(run.dataset.examples):
            measured[name] = {
                "seconds": pace.spent[name] - loading,
                "cache_tokens": loaded.get("cache_tokens"),
            }
    write_kept(run.folder / FILE, as_json(record))


def read_estimate(folder: Path) -> dict[str, Any] | None:
    """What `expect` and `observe` wrote; None for a run that was made without, or whose file is damaged, which is said."""
    record = _read(folder)
    return record and {
        "machine": record["machine"],
        "readers": record["readers"],
        "not_estimated": record.get("not_estimated", []),
        "measured": record.get("measured", {}),
    }


def _read(folder: Path) -> dict[str, Any] | None:
    file = folder / FILE
    if not file.is_file():
        return None
    try:
        record = parse_json(read_kept(file))
        if isinstance(record, dict) and isinstance(record.get("readers"), dict) and "machine" in record:
            return record
        reason = "it holds no readers and no machine"
    except (OSError, ValueError, DataError) as error:
        reason = str(error)
    warnings.warn(f"{file} is left out ({reason})", stacklevel=3)
    return None

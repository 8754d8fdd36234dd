"""Long context on a GPU: what it costs, against retrieval and against what the planner said.

    python experiments/bench/gpu.py OUT ceilings        # first, and alone: it leaves the GPU's memory to the next
    python experiments/bench/gpu.py OUT questions shape
    python experiments/bench/gpu.py OUT settings        # or some of them: --only "weights in fp8"
    python experiments/bench/gpu.py OUT faults --model FOLDER
    python experiments/bench/gpu.py OUT real --model FOLDER --data-root LARA

Each table is written to OUT/NAME.json after every row, so that a run that is cut short loses one row. The shape is an
8B Llama with dummy weights, whose prompts are random tokens: time and memory do not depend on either. Needs `rlc[gpu]`.
"""

import argparse
import json
import logging
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import BPE

from rlc.data.errors import EngineUnavailableError
from rlc.data.loads import PromptLoad
from rlc.data.protocols import Generation
from rlc.data.records import Example
from rlc.data.sets.lara import load
from rlc.data.store import Store
from rlc.experiments.bench.gpu_faults import faults
from rlc.experiments.runs.loop import document_schedule
from rlc.experiments.runs.run import plan_run, write_json
from rlc.experiments.runs.selection import where
from rlc.pipeline.gpu_cost import Decoder, GpuPlan, Settings, arithmetic_seconds, plan, prefill_seconds
from rlc.pipeline.gpu_machine import MACHINES, Machine, measure_machine
from rlc.pipeline.llms.vllm import VllmLLM
from rlc.pipeline.recipe import Recipe

log = logging.getLogger("bench")

LLAMA_8B = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "rms_norm_eps": 1e-5,
    "rope_theta": 500000.0,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "torch_dtype": "bfloat16",
}
SHAPE = Decoder.from_config(LLAMA_8B)
QUESTION, ANSWER = 60, 64
LONG, LONGER = 32_768, 120_000
PASSAGES = 5 * 600
QUESTIONS = (1, 2, 5, 10, 20)


class Table:
    """Rows that are on disk as soon as they are measured."""

    def __init__(self, out: Path, name: str) -> None:
        self._file = out / f"{name}.json"
        self.rows: list[dict[str, Any]] = []

    def add(self, what: str, **figures: object) -> None:
        """Write a row."""
        self.rows.append({"what": what, **figures})
        write_json(self._file, self.rows)
        log.info("%s", json.dumps(self.rows[-1]))


@dataclass
class Bench:
    """An engine of the 8B shape, and a source of documents that it has never seen."""

    engine: VllmLLM
    machine: Machine
    settings: Settings
    random: np.random.Generator

    def tokens(self, length: int) -> list[int]:
        """Random tokens, special ones left out."""
        return [int(i) for i in self.random.integers(1000, 120_000, length).tolist()]

    def prompts(self, documents: int, length: int, questions: int) -> list[list[int]]:
        """Fresh documents with their questions, those of one document together."""
        texts = [self.tokens(length) for _ in range(documents)]
        return [text + self.tokens(QUESTION) for text in texts for _ in range(questions)]

    def ask(self, prompts: Sequence[Sequence[int]], answer: int = ANSWER) -> tuple[float, list[Generation]]:
        """Wall time of one call, and what came."""
        sampling = {
            "max_tokens": answer, "temperature": 0.0, "ignore_eos": True, "detokenize": False,
            "logprobs": None, "schema": None,
        }  # fmt: skip
        started = time.perf_counter()
        answers = self.engine.generate_ids(prompts, sampling)
        seconds = time.perf_counter() - started
        failed = [a.error for a in answers if a.error]
        if failed:
            raise RuntimeError(f"{len(failed)} of {len(answers)} failed: {failed[0]}")
        return seconds, answers

    def cold(self, length: int, times: int) -> float:
        """Seconds to prefill a document never seen, alone: the median."""
        return statistics.median(self.ask(self.prompts(1, length, 1), 1)[0] for _ in range(times))

    def alone(self, length: int, questions: int, times: int) -> float:
        """Seconds to answer the questions of one document that is cached already, together: the median."""
        found = []
        for _ in range(times):
            text = self.tokens(length)
            self.ask([text + self.tokens(QUESTION)], 1)
            found.append(self.ask([text + self.tokens(QUESTION) for _ in range(questions)])[0])
        return statistics.median(found)

    def planned(self, documents: int, length: int, questions: int) -> GpuPlan:
        """What the planner says of it."""
        reading = PromptLoad("d", length, questions, QUESTION, ANSWER)
        return plan(SHAPE, self.machine, [reading] * documents, self.settings, together=True)

    def row(self, table: Table, what: str, prompts: list[list[int]], planned: float | None) -> float:
        """Measure one call and write it beside the plan; return its seconds."""
        seconds, answers = self.ask(prompts)
        read = sum(a.usage.prompt_tokens for a in answers)
        table.add(
            what,
            questions=len(prompts),
            seconds=seconds,
            ms_a_question=1000 * seconds / len(prompts),
            cached_share=sum(a.usage.cached_tokens for a in answers) / read,
            planned_seconds=planned,
            planned_to_measured=planned and planned / seconds,
        )
        return seconds


def start(out: Path, table: Table, window: int = 131_072, **settings: Any) -> Bench:  # noqa: ANN401
    """Load the shape, warm it up, and write what loading took and how large the cache is."""
    folder = out / "shape"
    folder.mkdir(exist_ok=True)
    write_json(folder / "config.json", LLAMA_8B)
    Tokenizer(BPE()).save(str(folder / "tokenizer.json"))  # empty: nothing here is text
    extra = {"load_format": "dummy", "skip_tokenizer_init": True}
    engine = VllmLLM(str(folder), window=window, template="plain", extra=extra, **settings)
    planned = {name: value for name, value in settings.items() if name in Settings.__dataclass_fields__}
    known = Settings(window=window, **planned)
    bench = Bench(engine, read_machine(out), known, np.random.default_rng(0))
    bench.ask(bench.prompts(2, 4096, 4))
    bench.ask(bench.prompts(1, LONG, 2))
    expected = bench.planned(1, LONG, 1).cache_tokens
    held = engine.loaded["cache_tokens"]
    table.add("loaded", **engine.loaded, planned_cache_tokens=expected, planned_to_measured=expected / held)
    return bench


def ceilings(out: Path) -> None:
    """What this GPU can do at most."""
    write_json(out / "machine.json", asdict(measure_machine()))


def read_machine(out: Path) -> Machine:
    """The measured ceilings, or an H100's where they were not measured."""
    file = out / "machine.json"
    return Machine(**json.loads(file.read_text())) if file.is_file() else MACHINES["h100"]


def shape(bench: Bench, table: Table) -> None:
    """No reuse, grouped, shuffled and retrieval, at 32k and 120k tokens."""
    for length, documents, times in ((LONG, 24, 4), (LONGER, 4, 1)):
        cold = bench.cold(length, times)
        limit = arithmetic_seconds(SHAPE, bench.machine, length)
        expected = prefill_seconds(SHAPE, bench.machine, length)
        table.add(
            f"cold prefill, {length}", seconds=cold, arithmetic_seconds=limit, share=limit / cold,
            planned_seconds=expected, planned_to_measured=expected / cold,
        )  # fmt: skip
        alone = bench.alone(length, 10, times)
        table.add(f"ten questions on a cached document, {length}", seconds=alone)
        fresh = max(documents // 3, 2)
        lonely = bench.planned(fresh, length, 1).seconds
        none = bench.row(table, f"no reuse, {length}", bench.prompts(fresh, length, 1), lonely) / fresh
        prompts = bench.prompts(documents, length, 10)
        grouped = bench.row(
            table, f"grouped, {length}", prompts, bench.planned(documents, length, 10).seconds
        )
        bound = documents * (cold + alone)
        table.add(
            f"ratios, {length}", grouped_to_none=none / (grouped / len(prompts)), bound_seconds=bound,
            bound_to_grouped=bound / grouped,
        )  # fmt: skip
    retrieval = bench.planned(120, PASSAGES, 1).seconds
    bench.row(table, "retrieval, 5 x 600", bench.prompts(120, PASSAGES, 1), retrieval)
    prompts = bench.prompts(4, LONG, 10)
    started = time.perf_counter()
    for first in range(0, len(prompts), 10):
        bench.ask(prompts[first : first + 10])
    seconds = time.perf_counter() - started
    table.add(
        "grouped, one call a document, 32768", questions=40, seconds=seconds, ms_a_question=25 * seconds
    )
    prompts = bench.prompts(20, LONG, 3)
    shuffled = [prompts[int(i)] for i in bench.random.permutation(len(prompts))]
    bench.row(table, "shuffled, 20 x 3, 32768", shuffled, None)


def questions(bench: Bench, table: Table) -> None:
    """Cost of a question for 1 to 20 questions on a document of 32k tokens."""
    for count in QUESTIONS:
        expected = bench.planned(6, LONG, count).seconds
        bench.row(table, f"{count} a document", bench.prompts(6, LONG, count), expected)


VARIANTS: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "fp8 keys and values": {"kv_cache_dtype": "fp8"},
    "no CUDA graphs": {"cuda_graphs": False},
    "cascade attention": {"cascade": True},
    "weights in fp8": {"quantization": "fp8"},
    "cache on the host": {"kv_offload_gib": 64.0},
    "n-gram speculation": {
        "speculative": {"method": "ngram", "num_speculative_tokens": 4, "prompt_lookup_max": 4}
    },
    "batch-invariant": {"batch_invariant": True},
    "YaRN, twice the window": {"rope": "yarn", "rope_factor": 2.0},
}


def settings(out: Path, table: Table, deadline: float, only: Sequence[str]) -> None:
    """The same work under other settings of the engine, each loaded anew; what the deadline cuts off is said.

    A setting that does not load here leaves its error in the table, and the next one is tried.
    """
    started = time.perf_counter()
    for name in only or VARIANTS:
        if time.perf_counter() - started > deadline:
            table.add(name, skipped="no time left")
            continue
        try:
            bench = start(out, table, window=40_960, **VARIANTS[name])
        except EngineUnavailableError as error:
            table.add(name, failed=str(error))
            continue
        table.add(f"{name}: cold prefill, {LONG}", seconds=bench.cold(LONG, 2))
        table.add(f"{name}: ten questions on a cached document, {LONG}", seconds=bench.alone(LONG, 10, 2))
        expected = bench.planned(6, LONG, 10).seconds
        prompts = bench.prompts(6, LONG, 10)
        bench.row(table, f"{name}: grouped, 6 x 10, {LONG}", prompts, expected)
        many = bench.prompts(18, LONG, 1)  # more than the cache holds
        bench.ask(many, 1)
        bench.row(table, f"{name}: 18 documents for the second time, {LONG}", many, None)
        bench.engine.close()


def real(
    out: Path, table: Table, model: str, data_root: Path, answer: int, every: int, together: int
) -> None:
    """Both arms and a router on LaRA's 32k documents, through the package's own loop, store and judge."""
    data = where(load(data_root), ["length=32k"])
    kept = sorted(data.asked)[::every]
    data = data.where(lambda example: example.document_id in kept)
    window = VllmLLM(model).window
    llm = {"use": "vllm", "model": model}
    arms: dict[str, Any] = {
        "rag": {
            "use": "rag", "llm": llm, "max_tokens": answer, "retriever": {"use": "bm25", "k": 5},
            "chunker": {"use": "recursive", "size": 600, "overlap": 60, "tokenizer": model},
        },
        "long": {"use": "long", "llm": llm, "max_tokens": answer},
    }  # fmt: skip
    router = {"use": "length", "rag": "@rag", "long": "@long", "threshold": window - 512, "tokenizer": model}
    run = plan_run(data, {"": Recipe({**arms, "auto": router})}, ["rag", "long", "auto"], [], out)
    last = time.perf_counter()
    spent: dict[str, list[tuple[float, int]]] = {name: [] for name in run.specs}

    def on_batch(reader: str, examples: Sequence[Example], _: object) -> None:
        nonlocal last
        now = time.perf_counter()
        spent[reader].append((now - last, len(examples)))
        last = now

    store = Store(out)
    try:
        order = document_schedule(run.specs, data.examples, together)
        outcome = run.execute(run.readers(store), on_batch, order)
    finally:
        store.close()
    for summary in outcome.summaries:
        batches = spent[summary["reader"]][1:]  # the first one also loads the engine
        wall = sum(seconds for seconds, _ in batches)
        count = sum(questions for _, questions in batches)
        name = f"{Path(model).name}: {summary['reader']}"
        table.add(name, wall_seconds=wall, questions=count, ms_a_question=1000 * wall / count, **summary)
    table.add("provenance", window=window, **outcome.provenance)
    (run.folder / "results.parquet").replace(out / f"{Path(model).name}.parquet")


def main() -> None:
    """Measure the named tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "tables", nargs="+", choices=["ceilings", "shape", "questions", "settings", "faults", "real"]
    )
    parser.add_argument(
        "--only", action="append", default=[], choices=VARIANTS, help="a setting, for `settings`"
    )
    parser.add_argument("--model", help="folder of a model, for `real` and `faults`")
    parser.add_argument("--data-root", type=Path, help="folder of LaRA, for `real`")
    parser.add_argument("--answer", type=int, default=96, help="new tokens at most, for `real`")
    parser.add_argument(
        "--together", type=int, default=VllmLLM.documents_together, help="documents a batch, for `real`"
    )
    parser.add_argument("--every", type=int, default=1, help="take every n-th document, for `real`")
    parser.add_argument(
        "--deadline", type=float, default=400, help="seconds after which `settings` begins nothing"
    )
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options.out.mkdir(parents=True, exist_ok=True)
    if "ceilings" in options.tables:
        ceilings(options.out)
    if "real" in options.tables:
        name = f"real-{Path(options.model).name}"
        real(
            options.out,
            Table(options.out, name),
            options.model,
            options.data_root,
            options.answer,
            options.every,
            options.together,
        )
    if "settings" in options.tables:
        settings(options.out, Table(options.out, "settings"), options.deadline, options.only)
    if "faults" in options.tables:
        faults(Table(options.out, "faults").add, options.model)
    if {"shape", "questions"} & set(options.tables):
        table = Table(options.out, "shape")
        bench = start(options.out, table)
        if "questions" in options.tables:
            questions(bench, Table(options.out, "questions"))
        if "shape" in options.tables:
            shape(bench, table)
        bench.engine.close()


if __name__ == "__main__":
    main()

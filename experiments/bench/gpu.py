"""Long context on a GPU: what it costs, against retrieval and against what the planner said.

    python experiments/bench/gpu.py OUT ceilings        # first, and alone: it leaves the GPU's memory to the next
    python experiments/bench/gpu.py OUT questions shape [--shape 0.5b]
    python experiments/bench/gpu.py OUT steps --shape 0.5b    # where the time of a small model goes
    python experiments/bench/gpu.py OUT settings        # or some of them: --only "weights in fp8"
    python experiments/bench/gpu.py OUT faults --model FOLDER
    python experiments/bench/gpu.py OUT company --model FOLDER --data-root LARA
    python experiments/bench/gpu.py OUT real --model FOLDER --data-root LARA

Each table is written to OUT/NAME.json after every row, so that a run that is cut short loses one row. The shape is an
8B Llama or a Qwen2.5 of 0.5B with dummy weights, whose prompts are random tokens: time and memory do not depend on
either. Needs `rlc[gpu]`.
"""

import argparse
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rlc.data.errors import EngineUnavailableError
from rlc.data.records import Example
from rlc.data.sets.lara import load
from rlc.data.store import Store
from rlc.experiments.bench.gpu_company import company
from rlc.experiments.bench.gpu_faults import faults
from rlc.experiments.bench.gpu_shape import (
    ANSWER,
    LONG,
    LONGER,
    PASSAGES,
    QUESTION,
    SHAPES,
    Bench,
    Table,
    start,
)
from rlc.experiments.runs.loop import answer_in_turn, document_schedule
from rlc.experiments.runs.run import plan_run, write_json
from rlc.experiments.runs.selection import where
from rlc.pipeline.gpu_cost import arithmetic_seconds, prefill_seconds
from rlc.pipeline.gpu_machine import measure_machine
from rlc.pipeline.llms.vllm import VllmLLM
from rlc.pipeline.recipe import Recipe

QUESTIONS = (1, 2, 5, 10, 20)


def ceilings(out: Path) -> None:
    """What this GPU can do at most."""
    write_json(out / "machine.json", asdict(measure_machine()))


def shape(bench: Bench, table: Table) -> None:
    """No reuse, grouped, shuffled and retrieval, at 32k and 120k tokens."""
    for length, documents, times in ((LONG, 24, 4), (LONGER, 4, 1)):
        cold = bench.cold(length, times)
        limit = arithmetic_seconds(bench.shape, bench.machine, length)
        expected = prefill_seconds(bench.shape, bench.machine, length)
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


def steps(bench: Bench, table: Table) -> None:
    """What a prompt, its tokens, a step and an answer's part in it take: short and cached prompts, one and many tokens."""
    text = bench.tokens(LONG)
    bench.ask([text + bench.tokens(QUESTION)], 1)
    for count in (24, 96):
        for answer in (1, ANSWER):
            prompts = [text + bench.tokens(QUESTION) for _ in range(count)]
            seconds, _ = bench.ask(prompts, answer)
            table.add("cached document", questions=count, length=LONG, answer=answer, seconds=seconds)
    for length in (QUESTION, PASSAGES):
        for count in (24, 120):
            for answer in (1, ANSWER):
                seconds, _ = bench.ask(bench.prompts(count, length, 1), answer)
                planned = bench.planned(count, length, 1, answer).seconds
                table.add(
                    "fresh prompts", questions=count, length=length + QUESTION, answer=answer, seconds=seconds,
                    planned_seconds=planned,
                )  # fmt: skip


def questions(bench: Bench, table: Table) -> None:
    """Cost of a question for 1 to 20 questions on a document of 32k tokens."""
    for count in QUESTIONS:
        expected = bench.planned(6, LONG, count).seconds
        bench.row(table, f"{count} a document", bench.prompts(6, LONG, count), expected)


# Documents asked for a second time where the GPU's cache holds half of them, so that they really fall out of it. One of the
# 8B shape takes 4.3 GB: what is kept is what these rows ask and no more.
AGAIN = {"cache on the host": 12, "cache on disk": 6}
VARIANTS: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "fp8 keys and values": {"kv_cache_dtype": "fp8"},
    "no CUDA graphs": {"cuda_graphs": False},
    "cascade attention": {"cascade": True},
    "weights in fp8": {"quantization": "fp8"},
    "cache on the host": {"kv_offload_gib": 60.0, "extra": {"kv_cache_memory_bytes": 26 * 10**9}},
    "cache on disk": {
        "kv_offload_gib": 8.0,
        "kv_folder": "kv",
        "extra": {"kv_cache_memory_bytes": 13 * 10**9},
    },
    "n-gram speculation": {
        "speculative": {"method": "ngram", "num_speculative_tokens": 4, "prompt_lookup_max": 4}
    },
    "batch-invariant": {"batch_invariant": True},
    "YaRN, twice the window": {"rope": "yarn", "rope_factor": 2.0},
}


def located(variant: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """A variant whose folder lies under OUT."""
    return dict(variant) | ({"kv_folder": str(out / variant["kv_folder"])} if "kv_folder" in variant else {})


def settings(out: Path, table: Table, deadline: float, only: Sequence[str], shape: str) -> None:
    """The same work under other settings of the engine, each loaded anew; what the deadline cuts off is said.

    A setting that does not load here leaves its error in the table, and the next one is tried.
    """
    started = time.perf_counter()
    for name in only or VARIANTS:
        if time.perf_counter() - started > deadline:
            table.add(name, skipped="no time left")
            continue
        try:
            bench = start(out, table, window=40_960, shape=shape, **located(VARIANTS[name], out))
        except EngineUnavailableError as error:
            table.add(name, failed=str(error))
            continue
        if name in AGAIN:
            fall_out(bench, table, name)
            bench.engine.close()
            continue
        table.add(f"{name}: cold prefill, {LONG}", seconds=bench.cold(LONG, 2))
        table.add(f"{name}: ten questions on a cached document, {LONG}", seconds=bench.alone(LONG, 10, 2))
        expected = bench.planned(6, LONG, 10).seconds
        prompts = bench.prompts(6, LONG, 10)
        bench.row(table, f"{name}: grouped, 6 x 10, {LONG}", prompts, expected)
        bench.engine.close()


def fall_out(bench: Bench, table: Table, name: str) -> None:
    """Documents asked for a second time after they fell out of the GPU's cache, and of those on disk by a new engine.

    On disk they are asked for one after the other: a call that wants them all back has no room for them all.
    """
    many = bench.prompts(AGAIN[name], LONG, 1)
    what = f"{name}: {len(many)} documents"
    calls = [[prompt] for prompt in many] if "kv_folder" in VARIANTS[name] else [many]
    for when in ("", " for the second time"):
        for call in calls:
            bench.row(table, f"{what}{when}, {LONG}", call, None)
    if "kv_folder" in VARIANTS[name]:
        bench.engine.close()  # the next question starts another one
        bench.ask([bench.tokens(QUESTION)], 1)
        for call in calls:
            bench.row(table, f"{what} in a new engine, {LONG}", call, None)


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
        readers, order = run.readers(store), document_schedule(run.specs, data.examples, together)
        outcome = run.execute(readers, on_batch, answer_in_turn(readers, order))
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
        "tables",
        nargs="+",
        choices=["ceilings", "shape", "questions", "steps", "settings", "faults", "company", "real"],
    )
    parser.add_argument(
        "--shape", default="8b", choices=SHAPES, help="whose shape, for all but real and faults"
    )
    parser.add_argument(
        "--only", action="append", default=[], choices=VARIANTS, help="a setting, for `settings`"
    )
    parser.add_argument("--model", help="folder of a model, for `real`, `faults` and `company`")
    parser.add_argument("--data-root", type=Path, help="folder of LaRA, for `real` and `company`")
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
        table = Table(options.out, f"settings-{options.shape}")
        settings(options.out, table, options.deadline, options.only, options.shape)
    if "faults" in options.tables:
        faults(Table(options.out, "faults").add, options.model)
    if "company" in options.tables:
        company(Table(options.out, "company").add, options.model, options.data_root)
    if {"shape", "questions", "steps"} & set(options.tables):
        table = Table(options.out, f"shape-{options.shape}")
        bench = start(options.out, table, shape=options.shape)
        if "steps" in options.tables:
            steps(bench, Table(options.out, f"steps-{options.shape}"))
        if "questions" in options.tables:
            questions(bench, Table(options.out, f"questions-{options.shape}"))
        if "shape" in options.tables:
            shape(bench, table)
        bench.engine.close()


if __name__ == "__main__":
    main()

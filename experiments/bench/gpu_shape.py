"""An engine of a model's shape with dummy weights, what is asked of it, and rows on disk as they are measured."""

import json
import logging
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import BPE

from rlc.data.loads import PromptLoad
from rlc.data.protocols import Generation
from rlc.experiments.runs.run import write_json
from rlc.pipeline.gpu_cost import Decoder, GpuPlan, Settings, plan
from rlc.pipeline.gpu_machine import MACHINES, Machine
from rlc.pipeline.llms.vllm import VllmLLM

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
QWEN_05B = LLAMA_8B | {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "vocab_size": 151936,
    "tie_word_embeddings": True,
}
SHAPES = {"8b": LLAMA_8B, "0.5b": QWEN_05B}
QUESTION, ANSWER = 60, 64
LONG, LONGER = 32_768, 120_000
PASSAGES = 5 * 600


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
    """An engine of a shape, and a source of documents that it has never seen."""

    engine: VllmLLM
    shape: Decoder
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

    def planned(self, documents: int, length: int, questions: int, answer: int = ANSWER) -> GpuPlan:
        """What the planner says of it."""
        reading = PromptLoad("d", length, questions, QUESTION, answer)
        return plan(self.shape, self.machine, [reading] * documents, self.settings, together=True)

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


def start(
    out: Path,
    table: Table,
    window: int = 131_072,
    shape: str = "8b",
    **settings: Any,  # noqa: ANN401
) -> Bench:
    """Load a shape, warm it up, and write what loading took and how large the cache is."""
    folder = out / f"shape-{shape}"
    folder.mkdir(exist_ok=True)
    write_json(folder / "config.json", SHAPES[shape])
    Tokenizer(BPE()).save(str(folder / "tokenizer.json"))  # empty: nothing here is text
    extra = {"load_format": "dummy", "skip_tokenizer_init": True, **settings.pop("extra", {})}
    engine = VllmLLM(str(folder), window=window, template="plain", extra=extra, **settings)
    planned = {name: value for name, value in settings.items() if name in Settings.__dataclass_fields__}
    known = Settings(window=window, **planned)
    decoder = Decoder.from_config(SHAPES[shape])
    bench = Bench(engine, decoder, read_machine(out), known, np.random.default_rng(0))
    bench.ask(bench.prompts(2, 4096, 4))
    bench.ask(bench.prompts(1, LONG, 2))
    expected = bench.planned(1, LONG, 1).cache_tokens
    held = engine.loaded["cache_tokens"]
    table.add("loaded", **engine.loaded, planned_cache_tokens=expected, planned_to_measured=expected / held)
    return bench


def read_machine(out: Path) -> Machine:
    """The measured ceilings, or an H100's where they were not measured."""
    file = out / "machine.json"
    return Machine(**json.loads(file.read_text())) if file.is_file() else MACHINES["h100"]

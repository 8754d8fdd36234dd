"""What a comparison will cost on a GPU, arm by arm, from configurations and documents alone."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from statistics import mean
from typing import Any

from rlc.data.errors import UnsupportedError, UsageError, unknown
from rlc.data.protocols import Tokenizer
from rlc.data.records import Dataset
from rlc.data.spec import Spec
from rlc.data.tokens import load_tokenizer
from rlc.data.weights import resolve
from rlc.pipeline.gpu_cost import MACHINES, Decoder, Machine, Plan, Reading, Settings, measure_machine, plan
from rlc.pipeline.llms.support.config import read_config
from rlc.pipeline.llms.vllm import VllmLLM

FRAME = 64  # tokens of the prompt around text and question


def plans(
    specs: Mapping[str, Spec],
    dataset: Dataset,
    machine: Machine,
    per_batch: int = VllmLLM.documents_together,
) -> dict[str, Plan]:
    """A plan for every arm whose engine is vLLM; routers read nothing themselves.

    The long arm's documents are planned `per_batch` at a time, as `compare` hands them over; the passages of the
    retrieving arm all side by side.

    Raises:
        UsageError: if no arm has that engine.
        UnsupportedError: for a model whose arithmetic the planner does not know.
    """
    found = {}
    for name, spec in specs.items():
        llm = spec.get("llm")
        if not isinstance(llm, dict) or llm.get("use") != "vllm":
            continue
        config = read_config(llm["model"], resolve(llm["model"]), llm.get("revision"))
        settings = settings_of(llm, config)
        window = settings.window or int(config["max_position_embeddings"])
        asked = readings(spec, dataset, window, load_tokenizer(llm["model"]))
        together = spec["use"] != "long"
        found[name] = plan(
            Decoder.from_config(config), machine, asked, settings, together=together, per_batch=per_batch
        )
    if not found:
        raise UsageError(
            "no arm has the engine vllm, so there is nothing to plan: name one with --reader vllm:MODEL, "
            "or ask `rlc compare --dry-run`, which measures the engine at hand"
        )
    return found


def settings_of(llm: Spec, config: Mapping[str, Any]) -> Settings:
    """The part of an engine's spec that changes the plan."""
    known = {field.name: llm[field.name] for field in fields(Settings) if llm.get(field.name) is not None}
    if llm.get("rope"):
        stretched = int(config["max_position_embeddings"] * llm["rope_factor"])
        known.setdefault("window", stretched)
    return Settings(**known)


def readings(spec: Spec, dataset: Dataset, window: int, tokenizer: Tokenizer) -> list[Reading]:
    """What an arm reads: a document with its questions, or for each question its passages at their full size."""
    answer = int(spec.get("max_tokens", 0))
    questions: dict[str, list[int]] = {}
    for example in dataset.examples:
        counted = tokenizer.count(example.question) + FRAME
        questions.setdefault(example.document_id, []).append(counted)
    if spec["use"] == "long":
        refuse = spec.get("overflow") == "refuse"
        room = window - answer - FRAME
        lengths = {key: tokenizer.count(dataset.documents[key].page_content) for key in questions}
        return [
            Reading(
                document=key,
                tokens=lengths[key] if refuse else min(lengths[key], room - max(asked)),
                questions=len(asked),
                question_tokens=round(mean(asked)),
                answer_tokens=answer,
            )
            for key, asked in questions.items()
        ]
    passages = 0
    if spec["use"] == "rag":
        passages = int(spec["retriever"].get("k", 5)) * int(spec["chunker"].get("size", 512))
    return [Reading(key, passages, 1, one, answer) for key, asked in questions.items() for one in asked]


def machine_named(name: str) -> Machine:
    """A GPU of the table, or a JSON file with the fields of `Machine`, as `rlc plan --measure` prints them.

    Raises:
        UsageError: if it is neither.
    """
    if name in MACHINES:
        return MACHINES[name]
    file = Path(name)
    if not file.is_file():
        raise UsageError(unknown("GPU", name, [*MACHINES, "a JSON file"]))
    try:
        return Machine(**json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        wanted = ", ".join(field.name for field in fields(Machine))
        raise UsageError(f"{file}: expected a JSON object with {wanted}: {error}") from error


def machine_installed() -> Machine:
    """This machine's GPU as the table has it, by the name that nvidia-smi tells; else an H100, which the plan names.

    Unlike `machine_here` it touches no GPU: the memory is left to the engine.
    """
    try:
        told = subprocess.run(
            ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],  # noqa: S607 - wherever the driver put it
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        told = ""
    return next((machine for name, machine in MACHINES.items() if name in told.lower()), MACHINES["h100"])


def machine_here() -> Machine:
    """This machine's GPU as measured; where there is none, an H100, which the plan then names."""
    try:
        return measure_machine()
    except UnsupportedError:
        return MACHINES["h100"]

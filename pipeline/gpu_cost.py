"""What long documents will cost on a GPU, computed from the model's configuration before anything is loaded."""

import json
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from rlc.data.errors import UnsupportedError, UsageError, require, unknown
from rlc.data.loads import PromptLoad

GIB = 1024**3
BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "fp8": 1, "int8": 1, "awq": 0.5, "gptq": 0.5}

# What vLLM 0.25.1 reached of the ceilings on one H100 with an 8B Llama shape; see docs/gpu.md.
MATRIX_SHARE = 0.9  # of the matrix-product rate, in projections and feed-forward layers
ATTENTION_SHARE = 0.65  # of the same rate, in attention
# Decoding reads memory at the copying rate. Of the keys and values of a shared document, this share is read for every
# further question that is decoded beside the first; the rest comes from the GPU's own cache.
SIBLING_SHARE = 0.65
STEP_SECONDS = 0.0025  # what a decoding step takes beside reading memory
OTHER_GIB = 1.5  # CUDA context, graphs, and what fragments


@dataclass(frozen=True)
class Machine:
    """Measured ceilings of one GPU: floating-point operations and bytes (read plus written) per second, bytes."""

    name: str
    matrix_rate: float
    memory_rate: float
    memory: float


# bf16 product of two 8192 x 8192 matrices of random numbers, and a device-to-device copy, through PyTorch 2.11.
MACHINES = {
    "h100": Machine("NVIDIA H100 80GB", 798e12, 3.0e12, 79.1 * GIB),
    "h200": Machine("NVIDIA H200", 790e12, 4.3e12, 139.8 * GIB),
}


@dataclass(frozen=True)
class Decoder:
    """The shape of a dense decoder whose layers attend to everything before them."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dimension: int
    vocabulary: int
    positions: int
    tied: bool = False
    dtype: str = "bfloat16"

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Decoder":
        """Read it from a model's `config.json`.

        Raises:
            UnsupportedError: for mixtures of experts, compressed or windowed attention: other arithmetic.
        """
        other = [
            key
            for key in ("num_experts", "num_local_experts", "n_routed_experts", "kv_lora_rank")
            if config.get(key)
        ]
        kinds = set(config.get("layer_types") or ["full_attention"])
        if other or kinds != {"full_attention"}:
            raise UnsupportedError(
                f"the planner knows dense decoders with full attention; this model has {other or sorted(kinds)}"
            )
        heads = int(config["num_attention_heads"])
        return cls(
            layers=int(config["num_hidden_layers"]),
            hidden=int(config["hidden_size"]),
            intermediate=int(config["intermediate_size"]),
            heads=heads,
            kv_heads=int(config.get("num_key_value_heads") or heads),
            head_dimension=int(config.get("head_dim") or config["hidden_size"] // heads),
            vocabulary=int(config["vocab_size"]),
            positions=int(config["max_position_embeddings"]),
            tied=bool(config.get("tie_word_embeddings", False)),
            dtype=str(config.get("dtype") or config.get("torch_dtype") or "bfloat16"),
        )

    @property
    def layer_parameters(self) -> int:
        """Parameters that every token is multiplied with, the output layer left out."""
        attention = 2 * self.hidden * self.head_dimension * (self.heads + self.kv_heads)
        return self.layers * (attention + 3 * self.hidden * self.intermediate)

    @property
    def parameters(self) -> int:
        """All of them, but for norms and biases."""
        return self.layer_parameters + self.vocabulary * self.hidden * (1 if self.tied else 2)

    def kv_bytes(self, dtype: str = "auto") -> float:
        """Bytes of keys and values for one token: 2 x layers x kv heads x head dimension x bytes."""
        size = BYTES[self.dtype if dtype == "auto" else dtype.split("_")[0]]
        return 2 * self.layers * self.kv_heads * self.head_dimension * size

    def weight_bytes(self, quantization: str | None = None) -> float:
        """Bytes of the weights; quantised ones keep their embeddings."""
        full = BYTES[self.dtype]
        if quantization is None:
            return self.parameters * full
        layers = self.layer_parameters
        return layers * BYTES.get(quantization, full) + (self.parameters - layers) * full


@dataclass(frozen=True)
class Settings:
    """What the engine is told, as far as it changes the plan; the names are `VllmLLM`'s."""

    window: int | None = None
    kv_cache_dtype: str = "auto"
    gpu_memory: float = 0.9
    tensor_parallel: int = 1
    quantization: str | None = None
    prefill_budget: int = 16_384
    max_sequences: int = 1024
    keep_prefix: bool = True


@dataclass(frozen=True)
class GpuPlan:
    """What would happen. Bytes are of all GPUs together; `window` is what the longest prompt and its answer need.

    `first_seconds` is the mean cost of a document's first question (as if all had one), `further_seconds` of every further one (None where
    no document has any), `question_seconds` the mean over all of them, `questions` how many a document has on average.
    `order` names the documents as they should be asked: the questions of each together.
    """

    weight_bytes: float
    kv_bytes_per_token: float
    cache_tokens: int
    documents_cached: float
    window: int
    fits: bool
    advice: tuple[str, ...]
    prefill_seconds: float
    decode_seconds: float
    first_seconds: float
    further_seconds: float | None
    question_seconds: float
    questions: float
    order: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.prefill_seconds + self.decode_seconds


@runtime_checkable
class Planned(Protocol):
    """An engine that can say what a GPU will make of its prompts before it is loaded."""

    def plan(self, loads: Sequence[PromptLoad], machine: Machine, per_batch: int | None = None) -> GpuPlan:
        """Work out memory and time, `per_batch` documents asked at a time (None: as many as the engine wants)."""
        ...


def plan(
    model: Decoder,
    machine: Machine,
    readings: Sequence[PromptLoad],
    settings: Settings,
    *,
    together: bool = False,
    per_batch: int = 1,
) -> GpuPlan:
    """Work out memory and time for texts read once each, their questions served from the cache.

    The prompts of `per_batch` documents are handed to the engine at a time, as `compare` does, or all `together`: as many
    as the cache holds are decoded side by side, and the weights are read fewer times.
    """
    cache = cache_tokens(model, machine, settings)
    longest = max((r.length + r.answer_tokens for r in readings), default=0)
    mean = sum(r.tokens for r in readings) / max(len(readings), 1)
    most = len(readings) if together else per_batch
    prefill, decode = _spent(
        model, machine, readings, settings, _side_by_side(readings, cache, settings, most)
    )
    single = [replace(r, questions=1) for r in readings]
    first = sum(_spent(model, machine, single, settings, _side_by_side(single, cache, settings, most)))
    asked = sum(r.questions for r in readings)
    further = asked - len(readings)
    return GpuPlan(
        weight_bytes=model.weight_bytes(settings.quantization),
        kv_bytes_per_token=model.kv_bytes(settings.kv_cache_dtype),
        cache_tokens=cache,
        documents_cached=cache / mean if mean else 0.0,
        window=longest,
        fits=longest <= min(cache, settings.window or model.positions),
        advice=_advice(model, machine, longest, settings),
        prefill_seconds=prefill,
        decode_seconds=decode,
        first_seconds=first / max(len(readings), 1),
        further_seconds=(prefill + decode - first) / further if further else None,
        question_seconds=(prefill + decode) / max(asked, 1),
        questions=asked / max(len(readings), 1),
        order=tuple(dict.fromkeys(r.document for r in readings)),
    )


def cache_tokens(model: Decoder, machine: Machine, settings: Settings) -> int:
    """Tokens whose keys and values fit beside the weights and the working space of one prefill step."""
    # The widest moment of a step: the feed-forward layer's two halves, and their product.
    working = settings.prefill_budget * (3 * model.intermediate + 4 * model.hidden) * 2 + OTHER_GIB * GIB
    free = settings.gpu_memory * machine.memory - working
    total = free * settings.tensor_parallel - model.weight_bytes(settings.quantization)
    return max(0, int(total / model.kv_bytes(settings.kv_cache_dtype)))


def prefill_seconds(model: Decoder, machine: Machine, tokens: int, cached: int = 0) -> float:
    """Computing `tokens` new prompt tokens after `cached` ones.

    2 x parameters x tokens operations in matrix products; in attention 4 x layers x heads x head dimension for
    every pair of a token and one before it.
    """
    pairs = tokens * cached + tokens * tokens / 2
    attention = 4 * model.layers * model.heads * model.head_dimension * pairs
    matrices = 2 * model.layer_parameters * tokens
    return (matrices / MATRIX_SHARE + attention / ATTENTION_SHARE) / machine.matrix_rate


def arithmetic_seconds(model: Decoder, machine: Machine, tokens: int) -> float:
    """The same for a whole prompt at the full matrix-product rate: the limit of prefill."""
    attention = 2 * model.layers * model.heads * model.head_dimension * tokens * tokens
    return (2 * model.layer_parameters * tokens + attention) / machine.matrix_rate


def decode_seconds(
    model: Decoder, machine: Machine, readings: Sequence[PromptLoad], settings: Settings
) -> float:
    """Decoding the answers to all questions on these documents side by side.

    Each step reads the weights once, and for each document (1 + SIBLING_SHARE x (questions - 1)) times its keys and
    values.
    """
    kv = model.kv_bytes(settings.kv_cache_dtype)
    documents = sum(r.length * (1 + SIBLING_SHARE * (r.questions - 1)) * kv for r in readings)
    steps = max((r.answer_tokens for r in readings), default=0)
    rate = machine.memory_rate * settings.tensor_parallel
    return steps * ((model.weight_bytes(settings.quantization) + documents) / rate + STEP_SECONDS)


def _spent(
    model: Decoder,
    machine: Machine,
    readings: Sequence[PromptLoad],
    settings: Settings,
    batches: Sequence[Sequence[PromptLoad]],
) -> tuple[float, float]:
    """Seconds of prefill and of decoding, batch by batch."""
    prefill = sum(_prefill(model, machine, r, settings) for r in readings)
    return prefill, sum(decode_seconds(model, machine, batch, settings) for batch in batches)


def _side_by_side(
    readings: Sequence[PromptLoad], cache: int, settings: Settings, most: int
) -> list[list[PromptLoad]]:
    """Neighbouring texts that are decoded together: as cache and sequences allow, of at most so many documents."""
    batches: list[list[PromptLoad]] = []
    tokens = sequences = 0
    for reading in readings:
        tokens += reading.length
        sequences += reading.questions
        begun = {other.document for other in batches[-1]} if batches else set()
        full = reading.document not in begun and len(begun) >= most
        if not batches or full or tokens > cache or sequences > settings.max_sequences:
            batches.append([])
            tokens, sequences = reading.length, reading.questions
        batches[-1].append(reading)
    return batches


def _prefill(model: Decoder, machine: Machine, reading: PromptLoad, settings: Settings) -> float:
    whole = prefill_seconds(model, machine, reading.length)
    again = (
        prefill_seconds(model, machine, reading.question_tokens, reading.tokens)
        if settings.keep_prefix
        else whole
    )
    return (whole + (reading.questions - 1) * again) / settings.tensor_parallel


def _advice(model: Decoder, machine: Machine, longest: int, settings: Settings) -> tuple[str, ...]:
    """Why it does not fit, and settings that would; empty where it fits."""
    advice = []
    window = settings.window or model.positions
    if longest > window:
        factor = -(-longest // model.positions)
        stretch = f"rope = 'yarn' with rope_factor = {factor}, " if longest > model.positions else ""
        advice.append(
            f"the longest prompt needs {longest:,} tokens and the window has {window:,}: {stretch}"
            f"window = {longest}, or let the arm cut its documents"
        )
    if longest > cache_tokens(model, machine, settings):
        options = {
            "kv_cache_dtype = 'fp8'": replace(settings, kv_cache_dtype="fp8"),
            "quantization = 'fp8'": replace(settings, quantization="fp8"),
            "both in fp8": replace(settings, kv_cache_dtype="fp8", quantization="fp8"),
            "tensor_parallel = 2": replace(settings, tensor_parallel=2 * settings.tensor_parallel),
            "tensor_parallel = 8": replace(settings, tensor_parallel=8 * settings.tensor_parallel),
        }
        helpful = [name for name, other in options.items() if cache_tokens(model, machine, other) >= longest]
        advice.append(
            f"the longest prompt needs {longest:,} tokens of cache and there is room for "
            f"{cache_tokens(model, machine, settings):,}: "
            + (f"{' or '.join(helpful)} would do" if helpful else "a smaller model or more GPUs are needed")
        )
    return tuple(advice)


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


def measure_machine(size: int = 8192, rounds: int = 10) -> Machine:
    """Measure this machine's GPU: a bf16 matrix product of random numbers, and a copy of 4 GiB.

    Raises:
        UnsupportedError: without a CUDA device.
    """
    require("torch")
    import torch

    if not torch.cuda.is_available():
        raise UnsupportedError(
            f"there is no CUDA device to measure; name one of {', '.join(MACHINES)} instead"
        )
    left, right = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    source = torch.empty(4 * GIB, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    product = _seconds(lambda: torch.matmul(left, right), rounds)
    copy = _seconds(lambda: target.copy_(source), rounds)
    memory = torch.cuda.get_device_properties(0).total_memory
    return Machine(
        torch.cuda.get_device_name(), 2 * size**3 / product, 2 * source.numel() / copy, float(memory)
    )


def _seconds(work: Callable[[], object], rounds: int) -> float:
    """Time of one call that queues work on the GPU, after three that warm it up."""
    import torch

    for _ in range(3):
        work()
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(rounds):
        work()
    torch.cuda.synchronize()
    return (time.perf_counter() - started) / rounds

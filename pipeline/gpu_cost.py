"""What long documents will cost on a GPU, computed from the model's configuration before anything is loaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from rlc.data.errors import UnsupportedError
from rlc.data.loads import PromptLoad
from rlc.pipeline.gpu_machine import GIB, Machine

BITS = {"float32": 32, "bfloat16": 16, "float16": 16, "fp8": 8, "int8": 8, "awq": 4, "gptq": 4}  # of a number

# Bits of a number of the cache, by vLLM's names without what they add of a format's variant, the mean of keys (k) and
# values (v). The scales that belong to them are counted where there is one for each 16 numbers.
KV_BITS = {
    "int4": 4.0, "nvfp4": 4.5, "ultraquant_4bit": 4.0, "turboquant_k8v4": 6.0, "turboquant_4bit": 4.0,
    "turboquant_k3v4": 3.5, "turboquant_3bit": 3.0, "octave_k3v4": 3.5, "octave_k3v3": 3.0,
}  # fmt: skip

# What vLLM 0.25.1 reached with an 8B Llama shape of the rate that an H200 holds; see docs/gpu.md. Matrix products run
# faster between attention than by themselves, which the card's power limits.
MATRIX_SHARE = 1.10  # of the matrix-product rate, in projections and feed-forward layers
ATTENTION_SHARE = 0.80  # of the same rate, in attention
# Decoding reads memory at the copying rate. Of the keys and values of a shared document, this share is read for every
# further question that is decoded beside the first; the rest comes from the GPU's own cache.
SIBLING_SHARE = 0.65
STEP_SECONDS = 0.0015  # what a decoding step takes beside reading memory
SEQUENCE_SECONDS = 12e-6  # and more of it for every answer that is decoded in it
CASCADE_SECONDS = 0.0055  # and more of it where attention to a shared document is computed once for all
# Norms, turns and activations, a token and layer: what a small model's narrow layers spend most of their time on.
LAYER_SECONDS = 25e-9
# What vLLM does with a prompt on the processor, a token: names of blocks, messages between its processes. It does not get
# shorter with the model: 13.6 ms for a further question on a cached document of 32k tokens, part of it while the GPU works.
ADMISSION_SECONDS = 0.33e-6
OTHER_GIB = 1.5  # CUDA context, graphs, and what fragments


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
        """Count the parameters, but for norms and biases."""
        return self.layer_parameters + self.vocabulary * self.hidden * (1 if self.tied else 2)

    def kv_bytes(self, dtype: str = "auto") -> float:
        """Bytes of keys and values for one token: 2 x layers x kv heads x head dimension x bytes.

        Raises:
            UnsupportedError: for a type whose size is not known.
        """
        bits = kv_bits(self.dtype if dtype == "auto" else dtype)
        return 2 * self.layers * self.kv_heads * self.head_dimension * bits / 8

    def weight_bytes(self, quantization: str | None = None) -> float:
        """Bytes of the weights; quantised ones keep their embeddings."""
        full = BITS[self.dtype] / 8
        if quantization is None:
            return self.parameters * full
        layers = self.layer_parameters
        return layers * BITS.get(quantization, 8 * full) / 8 + (self.parameters - layers) * full


def kv_bits(dtype: str) -> float:
    """Bits of a number of the cache, by vLLM's name for its type.

    Raises:
        UnsupportedError: for a type whose size is not known.
    """
    sizes = BITS | KV_BITS
    known = [name for name in sizes if dtype == name or dtype.startswith(f"{name}_")]
    if not known:
        raise UnsupportedError(
            f"the planner does not know how large numbers of kv_cache_dtype = {dtype!r} are; it knows {', '.join(sizes)}"
        )
    return float(sizes[max(known, key=len)])


@dataclass(frozen=True)
class Settings:
    """What the engine is told, as far as it changes the plan; the names are `VllmLLM`'s, and vLLM's own for what its `extra` adds."""

    window: int | None = None
    kv_cache_dtype: str = "auto"
    gpu_memory: float = 0.9
    tensor_parallel: int = 1
    quantization: str | None = None
    prefill_budget: int = 16_384
    max_sequences: int = 1024
    keep_prefix: bool = True
    cascade_least: int | None = (
        None  # questions on a document from which on its keys and values are read once for all
    )
    kv_cache_memory_bytes: int | None = (
        None  # of each GPU, for keys and values; `gpu_memory` is then not asked
    )


@dataclass(frozen=True)
class GpuPlan:
    """What a GPU would make of a reader: bytes, seconds and advice. Bytes are of all GPUs together; `window` is what the longest prompt and its answer need.

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
        """Seconds for all questions together."""
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
    """Tokens whose keys and values fit beside the weights and the working space of one prefill step, in the bytes set aside."""
    # The widest moment of a step: the feed-forward layer's two halves, and their product.
    working = settings.prefill_budget * (3 * model.intermediate + 4 * model.hidden) * 2 + OTHER_GIB * GIB
    fixed = settings.kv_cache_memory_bytes
    free = (settings.gpu_memory if fixed is None else 1.0) * machine.memory - working
    total = free * settings.tensor_parallel - model.weight_bytes(settings.quantization)
    if fixed is not None:
        total = min(total, fixed * settings.tensor_parallel)
    return max(0, int(total / model.kv_bytes(settings.kv_cache_dtype)))


def prefill_seconds(model: Decoder, machine: Machine, tokens: int, cached: int = 0) -> float:
    """Computing `tokens` new prompt tokens after `cached` ones.

    2 x parameters x tokens operations in matrix products; in attention 4 x layers x heads x head dimension for
    every pair of a token and one before it; and what is neither, a token and layer.
    """
    pairs = tokens * cached + tokens * tokens / 2
    attention = 4 * model.layers * model.heads * model.head_dimension * pairs
    matrices = 2 * model.layer_parameters * tokens
    beside = tokens * model.layers * LAYER_SECONDS
    return (matrices / MATRIX_SHARE + attention / ATTENTION_SHARE) / machine.matrix_rate + beside


def arithmetic_seconds(model: Decoder, machine: Machine, tokens: int) -> float:
    """Seconds for a whole prompt at the full matrix-product rate: the limit of prefill."""
    attention = 2 * model.layers * model.heads * model.head_dimension * tokens * tokens
    return (2 * model.layer_parameters * tokens + attention) / machine.matrix_rate


def decode_seconds(
    model: Decoder, machine: Machine, readings: Sequence[PromptLoad], settings: Settings
) -> float:
    """Decoding the answers to all questions on these documents side by side.

    Each step reads the weights once, and for each document (1 + SIBLING_SHARE x (questions - 1)) times its keys and
    values; once where a document of enough questions is a call of its own and attention to it is shared.
    """
    kv = model.kv_bytes(settings.kv_cache_dtype)
    shared = {r.document for r in readings} if _shares(readings, settings) else set()
    documents = sum(
        r.length * kv * (1 if r.document in shared else 1 + SIBLING_SHARE * (r.questions - 1))
        for r in readings
    )
    steps = max((r.answer_tokens for r in readings), default=0)
    answers = sum(r.questions for r in readings)
    rate = machine.memory_rate * settings.tensor_parallel
    beside = STEP_SECONDS + answers * SEQUENCE_SECONDS + (CASCADE_SECONDS if shared else 0.0)
    return steps * ((model.weight_bytes(settings.quantization) + documents) / rate + beside)


def _shares(readings: Sequence[PromptLoad], settings: Settings) -> bool:
    """Whether a call's questions are on one document, and enough of them for attention to be shared."""
    least = settings.cascade_least
    one = len({r.document for r in readings}) == 1
    return least is not None and one and sum(r.questions for r in readings) >= least


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
        other = reading.document not in begun
        alone = other and any(_shares([one], settings) for one in (reading, *(batches[-1:] and batches[-1])))
        full = alone or (other and len(begun) >= most)
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
    admitted = reading.questions * reading.length * ADMISSION_SECONDS
    return (whole + (reading.questions - 1) * again) / settings.tensor_parallel + admitted


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
            "no kv_cache_memory_bytes": replace(settings, kv_cache_memory_bytes=None),
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

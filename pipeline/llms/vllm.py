"""vLLM in a process of its own: long documents are read once, and the memory is free when the process ends."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import cached_property
from pathlib import Path
from typing import IO, Any, ClassVar

from rlc.data.child import Child, ChildDiedError
from rlc.data.errors import EngineUnavailableError, MissingExtraError
from rlc.data.loads import PromptLoad
from rlc.data.protocols import Generation, Prompt, Tokenizer, Weights
from rlc.data.records import Usage
from rlc.data.tokens import load_tokenizer
from rlc.pipeline.gpu_cost import Decoder, GpuPlan, Machine, Settings, plan
from rlc.pipeline.llms.support.chat import Chat
from rlc.pipeline.llms.support.config import read_config
from rlc.pipeline.llms.support.names import local_or_hub
from rlc.pipeline.llms.support.remote import ending, is_json
from rlc.pipeline.llms.support.thought import ROOM, separate_thought

WORKER = "rlc.pipeline.llms.support.vllm_worker:work"
LOG = "RLC_ENGINE_LOG"
Message = dict[str, Any]
ROPES = ("yarn", "linear", "dynamic")
KV_DTYPES = ("auto", "bfloat16", "float16", "fp8", "fp8_e4m3", "fp8_e5m2")
USAGE = (
    *("prompt_tokens", "cached_tokens", "output_tokens", "queue_seconds", "prefill_seconds"),
    *("first_token_seconds", "decode_seconds", "seconds"),
)


class VllmLLM:
    """A causal language model by alias, folder or Hugging Face id, run by vLLM on one or several GPUs.

    All prompts of a call are handed over together, those that share a prefix next to each other, so that each
    document is read once and its questions are served from the cache. The engine starts at the first question. If
    its process dies, the prompts in flight fail and it is started once more, with `after_crash` laid over the
    settings; if it dies again, the run stops.

    Args:
        model: alias, folder or Hugging Face id.
        window: usable context in tokens; by default what the model's positions and `rope_factor` give.
        dtype: of weights and arithmetic; `auto` is the model's own.
        tensor_parallel: GPUs over which each layer is split.
        gpu_memory: share of the GPU's memory that weights, working space and cache may take.
        kv_cache_dtype: `auto` is the model's own; `fp8` holds twice as many documents.
        kv_offload_gib: host memory for cached documents that fell out of the GPU's, in GiB; 0 is none.
        keep_prefix: whether documents are kept in the cache at all.
        cascade: compute attention to a prefix that all running prompts share once for all of them.
        prefill_budget: prompt tokens computed in one step; None leaves it to vLLM.
        max_sequences: prompts in flight at once; None leaves it to vLLM.
        quantization: of the weights, by vLLM's name for it (`fp8`, `awq`, ...); None is the model's own.
        rope: how positions are stretched beyond the model's own: `yarn`, `linear` or `dynamic`.
        rope_factor: by how much. A stretched model answers short prompts differently too: give both arms the same.
        speculative: vLLM's `speculative_config`, such as `{method = "ngram", num_speculative_tokens = 4}`.
        batch_invariant: kernels whose results do not depend on what else is in the batch; slower.
        cuda_graphs: record the decoding steps; off, loading is faster and decoding slower.
        temperature: 0 decodes greedily.
        template: `chat` uses the model's own chat template; `plain` joins the parts with blank lines.
        thinking: False asks the chat template for an answer without a thought before it, True for a thought; None
            leaves it to the template. The thought is no part of the answer.
        thinking_tokens: room for a thought beside the answer's `max_tokens`, where the model may think.
        revision: a hub revision.
        after_crash: settings of this class that replace the others when a dead engine is started again.
        extra: further arguments of `vllm.LLM`; they override ours. They may name code, so a recipe that has them needs
            `--allow-code`.

    `Usage.seconds` of one answer holds its time in the queue: prompts of one call wait for each other, so that the
    sum over the answers is more than the wall time.

    Raises:
        ValueError: on a setting out of range, such as a window beyond the model's positions.
    """

    NEEDS: ClassVar[tuple[str, ...]] = ("transformers",)
    VERSION: ClassVar[int] = 1

    # Questions on several documents are decoded side by side, where the weights are read once for all of them.
    documents_together = 8
    CODE: ClassVar[Sequence[str]] = ("extra",)  # vLLM's own arguments name classes and remote code

    def __init__(
        self,
        model: Weights,
        *,
        window: int | None = None,
        dtype: str = "auto",
        tensor_parallel: int = 1,
        gpu_memory: float = 0.9,
        kv_cache_dtype: str = "auto",
        kv_offload_gib: float = 0.0,
        keep_prefix: bool = True,
        cascade: bool = False,
        prefill_budget: int | None = None,
        max_sequences: int | None = None,
        quantization: str | None = None,
        rope: str | None = None,
        rope_factor: float = 1.0,
        speculative: Mapping[str, Any] | None = None,
        batch_invariant: bool = False,
        cuda_graphs: bool = True,
        temperature: float = 0.0,
        template: str = "chat",
        thinking: bool | None = False,
        thinking_tokens: int = ROOM,
        revision: str | None = None,
        after_crash: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        settings = {
            key: value for key, value in locals().items() if key not in ("self", "model", "after_crash")
        }
        self._smaller = dict(after_crash or {})
        for key in self._smaller:
            if key not in settings:
                raise ValueError(f"after_crash.{key}: no such setting; known: {', '.join(sorted(settings))}")
        check(settings | self._smaller)
        check(settings)
        self.name = model
        self._settings = settings
        self._place = local_or_hub(model)
        self._chat = Chat(model, self._place, revision, template, thinking)
        self._child: Child | None = None
        self._deaths = 0
        self.loaded: Message = {}  # what the running engine said of itself: version, device, cache_tokens, load_seconds
        if window is not None and not 0 < window <= self._positions:
            raise ValueError(
                f"window must be in [1, {self._positions}], what {model} can attend to; got {window}. To go beyond, "
                f"set rope = 'yarn' and rope_factor = {-(-window // self._own_positions)}"
            )

    @cached_property
    def window(self) -> int:
        """Usable context in tokens, prompt and answer together; the room for a thought is set aside."""
        return (self._settings["window"] or self._positions) - self._thinking_room

    @cached_property
    def _thinking_room(self) -> int:
        """Tokens set aside for a thought; none for a model that does not think."""
        return self._settings["thinking_tokens"] if self._chat.thinks else 0

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The model's own tokenizer."""
        return load_tokenizer(self.name)

    def count(self, prompt: Prompt) -> int:
        """The tokens of the prompt as the model sees it, chat template included."""
        return len(self._chat.encode(prompt))

    def generate(
        self,
        prompts: Sequence[Prompt],
        *,
        max_tokens: int,
        stop: Sequence[str] = (),
        logprobs: bool = False,
        schema: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> list[Generation]:
        """Answer every prompt, in order; a prompt that does not fit carries its error and the others go on.

        Raises:
            EngineUnavailableError: if there is no GPU, the model does not fit, or the engine died twice.
            MissingExtraError: if vLLM is not installed.
        """
        first: dict[tuple[str, str], int] = {}
        for i, prompt in enumerate(prompts):
            first.setdefault((prompt.system, prompt.prefix), i)
        order = sorted(range(len(prompts)), key=lambda i: first[prompts[i].system, prompts[i].prefix])
        sampling = {
            "max_tokens": max_tokens,
            "temperature": self._settings["temperature"],
            "stop": list(stop),
            "seed": seed,
            "logprobs": 0 if logprobs else None,
            "schema": None if schema is None else dict(schema),
            "skip_special_tokens": not self._chat.marks_are_special,
        }
        ids = [self._chat.encode(prompts[i]) for i in order]
        answers = dict(zip(order, self.generate_ids(ids, sampling), strict=True))
        return [answers[i] for i in range(len(prompts))]

    def generate_ids(self, prompts: Sequence[Sequence[int]], sampling: Mapping[str, Any]) -> list[Generation]:
        """Answer prompts given as token ids, handed over in this order; `sampling` is vLLM's, and a `schema`."""
        room = self.window - int(sampling["max_tokens"])
        fitting = [list(ids) for ids in prompts if 0 < len(ids) <= room]
        answered = iter(self._ask(fitting, dict(sampling)) if fitting else [])
        return [next(answered) if 0 < len(ids) <= room else self._unfit(len(ids), room) for ids in prompts]

    def plan(self, loads: Sequence[PromptLoad], machine: Machine, per_batch: int | None = None) -> GpuPlan:
        """Work out what a GPU will make of such prompts, from the configuration alone: nothing is loaded.

        Raises:
            UnsupportedError: for a model whose arithmetic the planner does not know.
        """
        told = {
            f.name: self._settings[f.name] for f in fields(Settings) if self._settings.get(f.name) is not None
        }
        settings = Settings(**{**told, "window": self.window})
        model = Decoder.from_config(self._config)
        return plan(model, machine, loads, settings, per_batch=per_batch or self.documents_together)

    def close(self) -> None:
        """End the engine; the GPU's memory is free when this returns. The next question starts it again."""
        if self._child is not None:
            self._child.end()
            self._child = None

    # -- the engine's process ------------------------------------------------------------------------------------

    def _ask(self, prompts: list[list[int]], sampling: Message) -> list[Generation]:
        child = self._running()
        try:
            limit = sampling["max_tokens"] + self._thinking_room
            reply = child.ask({"prompts": prompts, "sampling": sampling | {"max_tokens": limit}})
        except ChildDiedError as error:
            self._child = None
            self._deaths += 1
            return [Generation("", "error", error=f"{type(error).__name__}: {error}")] * len(prompts)
        if "refused" in reply:
            return [Generation("", "error", error=f"vLLM refused the prompts: {reply['refused']}")] * len(
                prompts
            )
        return [self._generation(answer, sampling) for answer in reply["answers"]]

    def _running(self) -> Child:
        if self._child is None:
            if self._deaths > 1:
                raise EngineUnavailableError(
                    "the engine died twice; what is answered is stored. Try smaller settings (window, gpu_memory, "
                    "max_sequences, prefill_budget), which `rlc plan` can check before anything is loaded"
                )
            try:
                self._child = self._start(self._settings | (self._smaller if self._deaths else {}))
            except ChildDiedError as error:
                self._deaths += 1
                if self._deaths == 1 and self._smaller:
                    return self._running()
                raise EngineUnavailableError(
                    f"vLLM could not load {self.name!r}: {error}. If memory is what is missing, `rlc plan` says which "
                    "settings fit"
                ) from error
        return self._child

    def _start(self, settings: Mapping[str, Any]) -> Child:
        child = Child(WORKER, "the engine's process", environment=environment(settings), log=_log())
        said = child.ask({"load": arguments(settings, str(self._place), self._config)})
        if "missing" in said:
            child.end()
            raise MissingExtraError(
                f"{said['missing']} is not installed: pip install 'rlc[gpu]' -c constraints-gpu.txt (Linux, CUDA)"
            )
        if "refused" in said:
            child.end()
            raise EngineUnavailableError(f"vLLM cannot run: {said['refused']}; use the engine hf or endpoint")
        self.loaded = said
        return child

    def _generation(self, answer: Message, sampling: Message) -> Generation:
        raw = Generation(
            str(answer["text"]).strip(),
            ending(answer["finish_reason"], "").finish_reason,
            Usage(**{key: answer[key] for key in USAGE}),
            None if sampling["logprobs"] is None else tuple(answer["logprobs"]),
        )
        if raw.finish_reason == "error":
            return replace(raw, error=f"vLLM ended the answer with {answer['finish_reason']!r}")
        most = int(sampling["max_tokens"])
        spoken = separate_thought(raw, self.tokenizer, most, opened=self._chat.opens_thought)
        if spoken.error is None and sampling["schema"] is not None and not is_json(spoken.text):
            said = f"a schema was given and no JSON came: {spoken.text[:80]!r}"
            return replace(spoken, finish_reason="error", error=said)
        return spoken

    def _unfit(self, length: int, room: int) -> Generation:
        reason = f"a prompt of {length} tokens does not fit: the window of {self.window} leaves {room} beside the answer"
        return Generation("", "error", error=f"ContextOverflowError: {reason}")

    @cached_property
    def _config(self) -> dict[str, Any]:
        return read_config(self.name, self._place, self._settings["revision"])

    @property
    def _own_positions(self) -> int:
        return int(self._config["max_position_embeddings"])

    @property
    def _positions(self) -> int:
        return int(self._own_positions * (self._settings["rope_factor"] if self._settings["rope"] else 1))


def _log() -> IO[bytes]:
    """What vLLM prints to: the file that the environment names in RLC_ENGINE_LOG, else a temporary one."""
    named = os.environ.get(LOG)
    return Path(named).open("ab+") if named else tempfile.TemporaryFile()


def check(settings: Mapping[str, Any]) -> None:
    """Refuse settings out of range with a ValueError."""
    if not 0 < settings["gpu_memory"] <= 1:
        raise ValueError(f"gpu_memory is a share in (0, 1], got {settings['gpu_memory']}")
    if settings["tensor_parallel"] < 1:
        raise ValueError(f"tensor_parallel must be at least 1, got {settings['tensor_parallel']}")
    if settings["kv_cache_dtype"] not in KV_DTYPES:
        raise ValueError(
            f"kv_cache_dtype must be one of {', '.join(KV_DTYPES)}; got {settings['kv_cache_dtype']!r}"
        )
    if settings["rope"] not in (None, *ROPES):
        raise ValueError(f"rope must be one of {', '.join(ROPES)}; got {settings['rope']!r}")
    if (settings["rope"] is None) != (settings["rope_factor"] == 1) or settings["rope_factor"] < 1:
        raise ValueError(
            f"rope and rope_factor (above 1) go together, got {settings['rope']!r} and {settings['rope_factor']}"
        )
    if settings["temperature"] < 0 or settings["kv_offload_gib"] < 0:
        raise ValueError("temperature and kv_offload_gib must not be negative")
    if settings["thinking_tokens"] < 0:
        raise ValueError(f"thinking_tokens must not be negative, got {settings['thinking_tokens']}")


def arguments(settings: Mapping[str, Any], model: str, config: Mapping[str, Any]) -> Message:
    """Our settings as arguments of `vllm.LLM` (0.25.1); what is not set is left to vLLM."""
    wanted = {
        "revision": settings["revision"],
        "max_model_len": settings["window"],
        "max_num_batched_tokens": settings["prefill_budget"],
        "max_num_seqs": settings["max_sequences"],
        "quantization": settings["quantization"],
        "speculative_config": settings["speculative"] and dict(settings["speculative"]),
        "kv_offloading_size": settings["kv_offload_gib"] or None,
        "hf_overrides": rope_override(settings, config) if settings["rope"] else None,
    }
    return {
        "model": model,
        "dtype": settings["dtype"],
        "tensor_parallel_size": settings["tensor_parallel"],
        "gpu_memory_utilization": settings["gpu_memory"],
        "kv_cache_dtype": settings["kv_cache_dtype"],
        "enable_prefix_caching": settings["keep_prefix"],
        "disable_cascade_attn": not settings["cascade"],
        "enforce_eager": not settings["cuda_graphs"],
        "disable_log_stats": False,  # without them no request says how long it took
        **{key: value for key, value in wanted.items() if value is not None},
        **(settings["extra"] or {}),
    }


def rope_override(settings: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of the model's configuration that stretches its positions."""
    own = config.get("rope_parameters") or {}
    theta = own.get("rope_theta", config.get("rope_theta", 10_000.0))
    return {
        "rope_parameters": {
            "rope_type": settings["rope"],
            "factor": float(settings["rope_factor"]),
            "original_max_position_embeddings": config["max_position_embeddings"],
            "rope_theta": theta,
        }
    }


def environment(settings: Mapping[str, Any]) -> dict[str, str]:
    """Variables of the engine's process; nothing is reported to anyone."""
    invariant = {"VLLM_BATCH_INVARIANT": "1"} if settings["batch_invariant"] else {}
    # Whether there is a GPU is asked without touching it, since vLLM's own processes must be the first to.
    return {
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
        **invariant,
    }

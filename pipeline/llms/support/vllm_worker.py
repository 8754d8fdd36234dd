"""The process that holds vLLM: the only place that imports it.

Written against vLLM 0.25.1 to 0.33.0. One message loads the engine, every other one asks it; see `answer`.
"""

import os
import time
from collections.abc import Mapping
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rlc.data.child import serve
from rlc.pipeline.llms.support.batching import unchained

Message = dict[str, Any]

_engines: list[Any] = []  # at most one: a process holds one engine and ends with it


def work(connection: Connection) -> None:
    """Hold an engine until nobody asks any more."""
    serve(connection, answer)


def answer(message: Message) -> Message:
    """Reply to `{"load": arguments, "cascade": bool, "needed": bool}` or `{"prompts": links, "sampling": {...}, "each": [{...}]}`.

    A reply with `refused` says why the request cannot be served; the engine is unharmed. Anything worse ends the
    process, which is how the other side learns of it.
    """
    if "load" in message:
        return _load(message["load"], message["cascade"], message["needed"])
    return _generate(message)


def installed_folder(package: str) -> Path | None:
    """Where a package is installed, without importing it; None where it is not."""
    spec = find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def has_cascade(folder: Path) -> bool:
    """Whether the vLLM in this folder can compute attention to a shared prefix once; newer ones cannot."""
    file = folder / "v1" / "attention" / "backends" / "flash_attn.py"
    return file.is_file() and "def cascade_attention(" in file.read_text(encoding="utf-8")


def _load(arguments: Mapping[str, Any], cascade: bool, needed: bool) -> Message:
    started = time.perf_counter()
    try:
        import vllm
    except ModuleNotFoundError as error:
        return {"missing": str(error.name)}
    from vllm.platforms import current_platform

    if current_platform.is_unspecified():
        return {"refused": "it found no device that it knows on this machine; use the engine hf or endpoint"}
    able = has_cascade(Path(vllm.__file__).parent) and current_platform.is_cuda()
    if needed and not able:
        return {
            "refused": f"cascade = true, and vLLM {vllm.__version__} has no cascade attention here: leave cascade out, or "
            "install the versions of constraints-gpu.txt on a machine with an NVIDIA GPU"
        }
    shared = cascade and able
    if shared:  # only the first of its two model runners has it
        os.environ["VLLM_USE_V2_MODEL_RUNNER"] = "0"
        arguments = {**arguments, "disable_cascade_attn": False}
    try:
        engine = vllm.LLM(**arguments)
    except (ValueError, TypeError) as error:
        if not isinstance(error, TypeError) and type(error).__name__ != "ValidationError":
            raise  # such as memory that does not suffice
        return {"refused": f"vLLM {vllm.__version__} does not take these settings: {error}"}
    _engines.append(engine)
    cache = engine.llm_engine.vllm_config.cache_config
    return {
        "version": vllm.__version__,
        "device": current_platform.get_device_name(),
        "cascade": shared,
        "cache_tokens": getattr(cache, "kv_cache_size_tokens", None)
        or (cache.num_gpu_blocks or 0) * cache.block_size,
        "load_seconds": time.perf_counter() - started,
    }


def _generate(message: Message) -> Message:
    from vllm import SamplingParams
    from vllm.sampling_params import StructuredOutputsParams

    wish = dict(message["sampling"])
    if schema := wish.pop("schema", None):
        wish["structured_outputs"] = StructuredOutputsParams(json=schema)
    prompts = [{"prompt_token_ids": ids} for ids in unchained(message["prompts"])]
    wishes = [SamplingParams(**{**wish, **own}) for own in message["each"]] or SamplingParams(**wish)
    try:
        outputs = _engines[0].generate(prompts, wishes, use_tqdm=False)
    except ValueError as error:  # how vLLM refuses a request
        return {"refused": f"{type(error).__name__}: {error}"}
    return {"answers": [_answer(output) for output in outputs]}


def _answer(output: Any) -> Message:  # noqa: ANN401 - vllm.RequestOutput
    [completion] = output.outputs
    times = output.metrics
    first = times.first_token_latency
    likely = completion.logprobs or []
    return {
        "text": completion.text,
        "tokens": list(completion.token_ids),
        "finish_reason": completion.finish_reason,
        "prompt_tokens": len(output.prompt_token_ids),
        "cached_tokens": output.num_cached_tokens or 0,
        "output_tokens": len(completion.token_ids),
        "queue_seconds": times.scheduled_ts - times.queued_ts,
        "reading": (times.scheduled_ts, times.first_token_ts),
        "first_token_seconds": first,
        "seconds": first + times.last_token_ts - times.first_token_ts,
        "logprobs": [
            choices[token].logprob for token, choices in zip(completion.token_ids, likely, strict=False)
        ],
        "likely": {token: choice.logprob for token, choice in likely[0].items()} if likely else {},
    }

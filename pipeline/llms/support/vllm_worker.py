"""The process that holds vLLM: the only place that imports it.

Written against vLLM 0.25.1. One message loads the engine, every other one asks it; see `answer`.
"""

import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

from rlc.data.child import serve

Message = dict[str, Any]

_engines: list[Any] = []  # at most one: a process holds one engine and ends with it


def work(connection: Connection) -> None:
    """Hold an engine until nobody asks any more."""
    serve(connection, answer)


def answer(message: Message) -> Message:
    """Reply to `{"load": arguments}` or `{"prompts": [ids, ...], "sampling": {...}}`.

    A reply with `refused` says why the request cannot be served; the engine is unharmed. Anything worse ends the
    process, which is how the other side learns of it.
    """
    if "load" in message:
        return _load(message["load"])
    return _generate(message)


def _load(arguments: Mapping[str, Any]) -> Message:
    started = time.perf_counter()
    try:
        import vllm
    except ModuleNotFoundError as error:
        return {"missing": str(error.name)}
    import torch

    if not torch.cuda.is_available():
        return {"refused": "this machine has no CUDA device that torch can use"}
    engine = vllm.LLM(**arguments)
    _engines.append(engine)
    cache = engine.llm_engine.vllm_config.cache_config
    return {
        "version": vllm.__version__,
        "device": torch.cuda.get_device_name(),
        "cache_tokens": cache.kv_cache_size_tokens or (cache.num_gpu_blocks or 0) * cache.block_size,
        "load_seconds": time.perf_counter() - started,
    }


def _generate(message: Message) -> Message:
    from vllm import SamplingParams
    from vllm.sampling_params import StructuredOutputsParams

    wish = dict(message["sampling"])
    if schema := wish.pop("schema", None):
        wish["structured_outputs"] = StructuredOutputsParams(json=schema)
    prompts = [{"prompt_token_ids": ids} for ids in message["prompts"]]
    started = time.perf_counter()
    try:
        outputs = _engines[0].generate(prompts, SamplingParams(**wish), use_tqdm=False)
    except ValueError as error:  # how vLLM refuses a request
        return {"refused": f"{type(error).__name__}: {error}"}
    return {"answers": [_answer(output) for output in outputs], "seconds": time.perf_counter() - started}


def _answer(output: Any) -> Message:  # noqa: ANN401 - vllm.RequestOutput
    [completion] = output.outputs
    times = output.metrics
    first = times.first_token_latency
    return {
        "text": completion.text,
        "finish_reason": completion.finish_reason,
        "prompt_tokens": len(output.prompt_token_ids),
        "cached_tokens": output.num_cached_tokens or 0,
        "output_tokens": len(completion.token_ids),
        "queue_seconds": times.scheduled_ts - times.queued_ts,
        "prefill_seconds": times.first_token_ts - times.scheduled_ts,
        "first_token_seconds": first,
        "decode_seconds": times.last_token_ts - times.first_token_ts,
        "seconds": first + times.last_token_ts - times.first_token_ts,
        "logprobs": [
            choices[token].logprob
            for token, choices in zip(completion.token_ids, completion.logprobs or [], strict=False)
        ],
    }

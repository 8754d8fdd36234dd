"""A stand-in for vLLM, put on the path of the engine's process: it echoes, caches blocks of 16, and dies on demand.

The environment says how it behaves: FAKE_VLLM_LOAD = die | oom, and a prompt that holds token 666 kills it.
"""

import os
import sys
import time
from types import SimpleNamespace

__version__ = "0.25.1"
BLOCK = 16


class SamplingParams:
    def __init__(self, **wishes):
        self.__dict__.update(wishes)


class LLM:
    def __init__(self, **arguments):
        if os.environ.get("FAKE_VLLM_LOAD") == "oom" and arguments["gpu_memory_utilization"] > 0.5:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        if os.environ.get("FAKE_VLLM_LOAD") == "die":
            os._exit(9)
        sys.stdout.write("a library that prints to standard output\n")
        if arguments["kv_cache_dtype"] not in ("auto", "fp8", "int4_per_token_head"):
            raise type("ValidationError", (ValueError,), {})("cache_dtype: Input should be 'auto' or 'fp8'")
        self.arguments = arguments
        cache = SimpleNamespace(kv_cache_size_tokens=4096, num_gpu_blocks=256, block_size=BLOCK)
        self.llm_engine = SimpleNamespace(vllm_config=SimpleNamespace(cache_config=cache))
        self.seen = set()

    def generate(self, prompts, sampling, use_tqdm=True):
        time.sleep(float(os.environ.get("FAKE_VLLM_SECONDS", "0")))
        each = sampling if isinstance(sampling, list) else [sampling] * len(prompts)
        return [
            self._answer(prompt["prompt_token_ids"], one) for prompt, one in zip(prompts, each, strict=True)
        ]

    def _answer(self, ids, sampling):
        if 666 in ids:
            sys.stderr.write("torch.OutOfMemoryError: CUDA out of memory\n")
            sys.stderr.flush()
            os._exit(1)
        if 13 in ids:
            raise ValueError("token 13 is not allowed")
        blocks = [tuple(ids[: end + BLOCK]) for end in range(0, len(ids) - BLOCK, BLOCK)]
        cached = sum(1 for block in blocks if block in self.seen) * BLOCK
        self.seen.update(blocks)
        now = time.monotonic()
        tokens = ids[-2:][: sampling.max_tokens]
        return SimpleNamespace(
            prompt_token_ids=ids,
            num_cached_tokens=cached,
            outputs=[
                SimpleNamespace(
                    text=f" {cached} of {len(ids)} ",
                    token_ids=tokens,
                    finish_reason="length",
                    logprobs=likely(ids, tokens, sampling),
                )
            ],
            metrics=SimpleNamespace(
                queued_ts=now, scheduled_ts=now + 1, first_token_ts=now + 3, last_token_ts=now + 7,
                first_token_latency=3.5,
            ),
        )  # fmt: skip


def likely(ids, tokens, sampling):
    """Tokens that were asked for are the less likely the greater their numbers, and the more stands before them."""
    if following := getattr(sampling, "logprob_token_ids", None):
        return [{t: SimpleNamespace(logprob=-float(t + len(ids))) for t in [*following, tokens[0]]}]
    if sampling.logprobs is None:
        return None
    return [{t: SimpleNamespace(logprob=-0.5)} for t in tokens]

"""Evicting keys and values: which of a prompt's tokens the model still sees while it answers."""

from rlc.data.lazy import lazy_attributes

KV = {
    "streaming-llm": "rlc.pipeline.kv.streaming_llm:StreamingLLM",
    "snapkv": "rlc.pipeline.kv.snapkv:SnapKV",
    "random": "rlc.pipeline.kv.random_eviction:RandomEviction",
}

__getattr__, __dir__ = lazy_attributes(__name__, KV)

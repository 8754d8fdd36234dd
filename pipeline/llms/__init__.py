"""Engines: language models behind one protocol, `rlc.data.protocols.LLM`."""

from rlc.data.lazy import lazy_attributes
from rlc.data.plugins import with_plugins

LLMS = {
    "hf": "rlc.pipeline.llms.hf:HfLLM",
    "hf-kv": "rlc.pipeline.kv.engine:KvLLM",
    "vllm": "rlc.pipeline.llms.vllm:VllmLLM",
    "endpoint": "rlc.pipeline.llms.endpoint:EndpointLLM",
    "langchain": "rlc.pipeline.llms.langchain:LangChainLLM",
    "scripted": "rlc.pipeline.llms.scripted:ScriptedLLM",
}
LLMS = with_plugins("engines", LLMS)

__getattr__, __dir__ = lazy_attributes(__name__, LLMS)
__all__ = __dir__()

"""What is kept of a text's keys and values: which of them the model still sees while it answers."""

from rlc.data.lazy import lazy_attributes
from rlc.data.plugins import with_plugins

KEPT = {
    "random": "rlc.pipeline.kv.library:Random",
    "streaming-llm": "rlc.pipeline.kv.library:StreamingLLM",
    "snapkv": "rlc.pipeline.kv.library:SnapKV",
    "spec-kv": "rlc.pipeline.kv.spec_kv:SpecKV",
    "pyramidkv": "rlc.pipeline.kv.library:PyramidKV",
    "tova": "rlc.pipeline.kv.library:TOVA",
    "finch": "rlc.pipeline.kv.library:Finch",
    "sirllm": "rlc.pipeline.kv.sirllm:SirLLM",
    "h2o": "rlc.pipeline.kv.h2o:H2O",
    "expected-attention": "rlc.pipeline.kv.library:ExpectedAttention",
    "q-filters": "rlc.pipeline.kv.q_filters:QFilters",
    "duo-attention": "rlc.pipeline.kv.duo_attention:DuoAttention",
    "lacache": "rlc.pipeline.kv.lacache:LaCache",
    "hash-evict": "rlc.pipeline.kv.hash_evict:HashEvict",
    "knorm": "rlc.pipeline.kv.library:KNorm",
    "keydiff": "rlc.pipeline.kv.library:KeyDiff",
    "lagkv": "rlc.pipeline.kv.library:LagKV",
    "cur": "rlc.pipeline.kv.library:CUR",
    "cap": "rlc.pipeline.kv.library:Cap",
    "leverage": "rlc.pipeline.kv.library:Leverage",
    "non-causal": "rlc.pipeline.kv.library:NonCausal",
    "compactor": "rlc.pipeline.kv.library:Compactor",
    "kvzip": "rlc.pipeline.kv.kvzip:KVzip",
    "kvgrad": "rlc.pipeline.kv.kvzip:KVgrad",
    "simlayerkv": "rlc.pipeline.kv.library:SimLayerKV",
    "chunkkv": "rlc.pipeline.kv.wrappers:ChunkKV",
    "entropy-chunkkv": "rlc.pipeline.kv.wrappers:EntropyChunkKV",
    "chunk": "rlc.pipeline.kv.wrappers:Chunk",
    "block": "rlc.pipeline.kv.wrappers:Block",
    "adakv": "rlc.pipeline.kv.wrappers:AdaKV",
    "criticalkv": "rlc.pipeline.kv.wrappers:CriticalKV",
    "critical-adakv": "rlc.pipeline.kv.wrappers:CriticalAdaKV",
    "d2o": "rlc.pipeline.kv.wrappers:D2O",
    "kv-merger": "rlc.pipeline.kv.merger:KVMerger",
    "think": "rlc.pipeline.kv.library:ThinK",
    "kivi": "rlc.pipeline.kv.kivi:KIVI",
    "mikv": "rlc.pipeline.kv.mikv:MiKV",
    "kvzap": "rlc.pipeline.kv.fetched:KVzap",
    "expected-attention-stats": "rlc.pipeline.kv.fetched:ExpectedAttentionStats",
    "lu-kv": "rlc.pipeline.kv.fetched:LUKV",
}
KEPT = with_plugins("kv", KEPT)

__getattr__, __dir__ = lazy_attributes(__name__, KEPT)

"""Readers: examples in, answers out, in order, one each."""

from rlc.data.lazy import lazy_attributes
from rlc.data.plugins import with_plugins

READERS = {
    "rag": "rlc.pipeline.readers.rag:RagReader",
    "rapid": "rlc.pipeline.readers.rapid:Rapid",
    "fused": "rlc.pipeline.readers.fused:FusedReader",
    "long": "rlc.pipeline.readers.long:LongReader",
    "recorded": "rlc.pipeline.readers.recorded:RecordedReader",
    "closed": "rlc.pipeline.readers.closed:ClosedBookReader",
    "chain-of-agents": "rlc.pipeline.readers.chain_of_agents:ChainOfAgents",
    "evidence-first": "rlc.pipeline.readers.evidence_first:EvidenceFirst",
    "iterative": "rlc.pipeline.readers.iterative:Iterative",
    "agent": "rlc.pipeline.readers.agent:Agent",
    "longrag": "rlc.pipeline.readers.longrag:LongRag",
    "map-reduce": "rlc.pipeline.readers.map_reduce:MapReduce",
    "corpus-in-context": "rlc.pipeline.readers.corpus_in_context:CorpusInContext",
    "decomposed": "rlc.pipeline.readers.decomposed:Decomposed",
    "notes": "rlc.pipeline.readers.notes:Notes",
    "rat": "rlc.pipeline.readers.rat:Rat",
    "flare": "rlc.pipeline.readers.flare:Flare",
    "read-twice": "rlc.pipeline.readers.read_twice:ReadTwice",
    "sift": "rlc.pipeline.readers.sift:Sift",
    "long-agent": "rlc.pipeline.readers.long_agent:LongAgent",
    "mem-walker": "rlc.pipeline.readers.mem_walker:MemWalker",
    "read-agent": "rlc.pipeline.readers.read_agent:ReadAgent",
    "recycled": "rlc.pipeline.readers.recycled:Recycled",
    "vote": "rlc.pipeline.readers.vote:Vote",
    "attention-sorting": "rlc.pipeline.readers.attention_sorting:AttentionSorting",
    "calibrated-attention": "rlc.pipeline.readers.calibrated_attention:CalibratedAttention",
    "attrieval": "rlc.pipeline.readers.attrieval:Attrieval",
    "runnable": "rlc.pipeline.readers.runnable:RunnableReader",
    "refine": "rlc.pipeline.readers.refine:Refine",
}
READERS = with_plugins("readers", READERS)

__getattr__, __dir__ = lazy_attributes(__name__, READERS)
__all__ = __dir__()

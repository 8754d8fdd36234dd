"""Retrievers: the documents nearest to a query. `RETRIEVERS` lists them.

Encoders and selectors can be imported from here, too.
"""

from rlc.data.lazy import lazy_attributes
from rlc.data.plugins import with_plugins
from rlc.retrievers.encoders import ENCODERS, MULTI_VECTOR_ENCODERS, SPARSE_ENCODERS
from rlc.retrievers.select import SELECTORS

RETRIEVERS = {
    "bm25": "rlc.retrievers.bm25:BM25Retriever",
    "rm3": "rlc.retrievers.rm3:RM3Retriever",
    "splade": "rlc.retrievers.splade:SpladeRetriever",
    "dense": "rlc.retrievers.dense:DenseRetriever",
    "hybrid": "rlc.retrievers.hybrid:HybridRetriever",
    "maxsim": "rlc.retrievers.maxsim:MaxSimRetriever",
    "colbert": "rlc.retrievers.colbert:ColBERTRetriever",
    "multi-query": "rlc.retrievers.multi_query:MultiQueryRetriever",
    "hyde": "rlc.retrievers.hyde:HydeRetriever",
    "infini-retri": "rlc.retrievers.infini_retri:InfiniRetri",
    "neighbours": "rlc.retrievers.neighbours:NeighbourRetriever",
    "refined": "rlc.retrievers.refined:RefinedRetriever",
    "parents": "rlc.retrievers.parents:ParentRetriever",
}
RETRIEVERS = with_plugins("retrievers", RETRIEVERS)

__getattr__, __dir__ = lazy_attributes(
    __name__, RETRIEVERS, ENCODERS, SPARSE_ENCODERS, MULTI_VECTOR_ENCODERS, SELECTORS
)
__all__ = __dir__()

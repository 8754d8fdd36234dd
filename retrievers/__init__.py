"""Which text reaches the reader."""

from rlc.data.lazy import lazy_attributes

RETRIEVERS = {
    "bm25": "rlc.retrievers.bm25:BM25Retriever",
    "dense": "rlc.retrievers.dense:DenseRetriever",
    "hybrid": "rlc.retrievers.fuse:HybridRetriever",
    "maxsim": "rlc.retrievers.maxsim:MaxSimRetriever",
    "multi-query": "rlc.retrievers.expansion:MultiQueryRetriever",
    "hyde": "rlc.retrievers.expansion:HydeRetriever",
    "neighbours": "rlc.retrievers.expand:NeighbourRetriever",
    "parents": "rlc.retrievers.expand:ParentRetriever",
}
ENCODERS = {
    "sentence-transformer": "rlc.retrievers.encoders.sentence_transformer:SentenceEncoder",
    "langchain": "rlc.retrievers.encoders.langchain:LangChainEncoder",
    "cached": "rlc.retrievers.encoders.cache:CachedEncoder",
}
SELECTORS = {
    "top": "rlc.retrievers.select:Top",
    "token-budget": "rlc.retrievers.select:TokenBudget",
    "score-drop": "rlc.retrievers.select:ScoreDrop",
    "conformal": "rlc.retrievers.select:Conformal",
    "mmr": "rlc.retrievers.select:MaximalMarginalRelevance",
}

__getattr__, __dir__ = lazy_attributes(__name__, RETRIEVERS, ENCODERS, SELECTORS)

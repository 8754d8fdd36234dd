"""Rerankers: the same documents in a better order. `RERANKERS` lists them."""

from rlc.data.lazy import lazy_attributes
from rlc.data.plugins import with_plugins

RERANKERS = {
    "attention": "rlc.retrievers.rerank.attention:AttentionReranker",
    "cross-encoder": "rlc.retrievers.rerank.cross_encoder:CrossEncoderReranker",
    "endpoint": "rlc.retrievers.rerank.endpoint:EndpointReranker",
    "listwise": "rlc.retrievers.rerank.listwise:ListwiseReranker",
    "colbert": "rlc.retrievers.rerank.colbert:ColBERTReranker",
    "maxsim": "rlc.retrievers.rerank.maxsim:MaxSimReranker",
}
RERANKERS = with_plugins("rerankers", RERANKERS)

__getattr__, __dir__ = lazy_attributes(__name__, RERANKERS)

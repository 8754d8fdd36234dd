"""Encoders: texts to vectors. `ENCODERS` lists them; `SPARSE_ENCODERS` those of weights of terms, `MULTI_VECTOR_ENCODERS` those of a vector a token."""

from rlc.data.lazy import lazy_attributes
from rlc.data.plugins import with_plugins

ENCODERS = {
    "sentence-transformer": "rlc.retrievers.encoders.sentence_transformer:SentenceEncoder",
    "langchain": "rlc.retrievers.encoders.langchain:LangChainEncoder",
    "endpoint": "rlc.retrievers.encoders.endpoint:EndpointEncoder",
    "cached": "rlc.retrievers.encoders.cached:CachedEncoder",
}

SPARSE_ENCODERS = {"splade": "rlc.retrievers.encoders.splade:SpladeEncoder"}
MULTI_VECTOR_ENCODERS = {"colbert": "rlc.retrievers.encoders.colbert:ColBERTEncoder"}
ENCODERS = with_plugins("encoders", ENCODERS)
SPARSE_ENCODERS = with_plugins("sparse_encoders", SPARSE_ENCODERS)
MULTI_VECTOR_ENCODERS = with_plugins("multi_vector_encoders", MULTI_VECTOR_ENCODERS)

__getattr__, __dir__ = lazy_attributes(__name__, ENCODERS, SPARSE_ENCODERS, MULTI_VECTOR_ENCODERS)

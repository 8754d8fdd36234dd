"""Encoders: texts to vectors. `ENCODERS` lists them; `SPARSE_ENCODERS` those of weights of terms, `MULTI_VECTOR_ENCODERS` those of a vector a token."""

from rlc.data.lazy import lazy_attributes

ENCODERS = {
    "sentence-transformer": "rlc.retrievers.encoders.sentence_transformer:SentenceEncoder",
    "langchain": "rlc.retrievers.encoders.langchain:LangChainEncoder",
    "endpoint": "rlc.retrievers.encoders.endpoint:EndpointEncoder",
    "cached": "rlc.retrievers.encoders.cached:CachedEncoder",
}

SPARSE_ENCODERS = {"splade": "rlc.retrievers.encoders.splade:SpladeEncoder"}
MULTI_VECTOR_ENCODERS = {"colbert": "rlc.retrievers.encoders.colbert:ColBERTEncoder"}

__getattr__, __dir__ = lazy_attributes(__name__, ENCODERS, SPARSE_ENCODERS, MULTI_VECTOR_ENCODERS)

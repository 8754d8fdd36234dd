"""Encoders: texts to vectors. `ENCODERS` lists them; `SPARSE_ENCODERS` those of weights of terms."""

from rlc.data.lazy import lazy_attributes

ENCODERS = {
    "sentence-transformer": "rlc.retrievers.encoders.sentence_transformer:SentenceEncoder",
    "langchain": "rlc.retrievers.encoders.langchain:LangChainEncoder",
    "cached": "rlc.retrievers.encoders.cached:CachedEncoder",
}

SPARSE_ENCODERS = {"splade": "rlc.retrievers.encoders.splade:SpladeEncoder"}

__getattr__, __dir__ = lazy_attributes(__name__, ENCODERS, SPARSE_ENCODERS)

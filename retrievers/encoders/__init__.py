"""Encoders: texts to vectors. `ENCODERS` lists them."""

from rlc.data.lazy import lazy_attributes

ENCODERS = {
    "sentence-transformer": "rlc.retrievers.encoders.sentence_transformer:SentenceEncoder",
    "langchain": "rlc.retrievers.encoders.langchain:LangChainEncoder",
    "cached": "rlc.retrievers.encoders.cached:CachedEncoder",
}

__getattr__, __dir__ = lazy_attributes(__name__, ENCODERS)

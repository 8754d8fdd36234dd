"""Rerankers: the same documents in a better order."""

from rlc.data.lazy import lazy_attributes

RERANKERS: dict[str, str] = {}

__getattr__, __dir__ = lazy_attributes(__name__, RERANKERS)

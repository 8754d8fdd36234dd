"""Pruners: what of the retrieved text is worth reading."""

from rlc.data.lazy import lazy_attributes

PRUNERS = {
    "provence": "rlc.retrievers.prune.provence:ProvencePruner",
    "sentence": "rlc.retrievers.prune.sentence:SimilarityPruner",
    "lexical": "rlc.retrievers.prune.lexical:LexicalPruner",
}

__getattr__, __dir__ = lazy_attributes(__name__, PRUNERS)

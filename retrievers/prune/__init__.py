"""Pruners: passages shortened to what the question needs. `PRUNERS` lists them."""

from rlc.data.lazy import lazy_attributes
from rlc.data.plugins import with_plugins

PRUNERS = {
    "provence": "rlc.retrievers.prune.provence:ProvencePruner",
    "sentence": "rlc.retrievers.prune.sentence:SimilarityPruner",
    "lexical": "rlc.retrievers.prune.lexical:LexicalPruner",
    "cxmi": "rlc.retrievers.prune.cxmi:CxmiPruner",
    "extractive": "rlc.retrievers.prune.extractive:ExtractivePruner",
    "llmlingua2": "rlc.retrievers.prune.llmlingua2:LLMLingua2Pruner",
    "longllmlingua": "rlc.retrievers.prune.longllmlingua:LongLLMLinguaPruner",
    "static": "rlc.retrievers.prune.static:StaticPruner",
}
PRUNERS = with_plugins("pruners", PRUNERS)

__getattr__, __dir__ = lazy_attributes(__name__, PRUNERS)

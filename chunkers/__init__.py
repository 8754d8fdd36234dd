"""Chunkers: documents cut into chunks. `CHUNKERS` lists the methods; each can be imported from here by its class."""

from rlc.data.lazy import lazy_attributes
from rlc.data.plugins import with_plugins

CHUNKERS = {
    "contextual": "rlc.chunkers.contextual:ContextualChunker",
    "fixed": "rlc.chunkers.fixed:FixedChunker",
    "gist": "rlc.chunkers.gist:GistChunker",
    "hierarchy": "rlc.chunkers.hierarchy:HierarchyChunker",
    "late": "rlc.chunkers.late:LateChunker",
    "passages": "rlc.chunkers.passages:PassagesChunker",
    "proposition": "rlc.chunkers.proposition:PropositionChunker",
    "recursive": "rlc.chunkers.recursive:RecursiveChunker",
    "section": "rlc.chunkers.section:SectionChunker",
    "semantic": "rlc.chunkers.semantic:SemanticChunker",
    "sentence": "rlc.chunkers.sentence:SentenceChunker",
    "tree": "rlc.chunkers.tree:TreeChunker",
}
CHUNKERS = with_plugins("chunkers", CHUNKERS)

__getattr__, __dir__ = lazy_attributes(__name__, CHUNKERS)
__all__ = __dir__()

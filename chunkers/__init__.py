"""Where to cut."""

from rlc.data.lazy import lazy_attributes

CHUNKERS = {
    "fixed": "rlc.chunkers.fixed:FixedChunker",
    "late": "rlc.chunkers.late:LateChunker",
    "proposition": "rlc.chunkers.proposition:PropositionChunker",
    "recursive": "rlc.chunkers.recursive:RecursiveChunker",
    "semantic": "rlc.chunkers.semantic:SemanticChunker",
    "sentence": "rlc.chunkers.sentence:SentenceChunker",
}

__getattr__, __dir__ = lazy_attributes(__name__, CHUNKERS)

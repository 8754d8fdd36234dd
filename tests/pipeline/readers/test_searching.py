"""What is searched: before a document's clock starts, its parts have imported what they need."""

import sys
from functools import partial
from types import SimpleNamespace

from rlc.chunkers import RecursiveChunker
from rlc.pipeline.readers.support.searching import Searcher
from rlc.retrievers.bm25 import BM25Retriever
from rlc.retrievers.neighbours import NeighbourRetriever


class Needing(BM25Retriever):
    """A retriever that imports a module of its own."""

    NEEDS = ("colorsys",)


def test_parts_inside_parts_are_warm_before_the_clock_starts(make_example):
    clock = []

    def now():
        clock.append("colorsys" in sys.modules)
        return 0.0

    warmed = SimpleNamespace(warm=lambda: clock.append("warmed"), compress_documents=None)
    inner = partial(Needing.from_documents, k=2)
    sys.modules.pop("colorsys", None)
    searcher = Searcher(
        RecursiveChunker(), partial(NeighbourRetriever.from_documents, retriever=inner), steps=[warmed]
    )
    searcher.open(make_example("q", text="Ada keeps the lamp.").document, now)
    assert clock == ["warmed", True, True]

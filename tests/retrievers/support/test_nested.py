import inspect

from rlc.retrievers.hybrid import HybridRetriever
from rlc.retrievers.multi_query import MultiQueryRetriever
from rlc.retrievers.neighbours import NeighbourRetriever
from rlc.retrievers.parents import ParentRetriever


def settings(retriever):
    taken = inspect.signature(retriever.from_documents).parameters.values()
    return {one.name: one.default for one in taken if one.default is not one.empty}


def test_the_fields_of_a_class_are_the_settings_of_its_constructor():
    assert settings(NeighbourRetriever) == {"k": 5, "depth": 50, "before": 1, "after": 1}
    assert settings(ParentRetriever) == {"k": 5, "depth": 50, "level": 0}
    assert [*inspect.signature(MultiQueryRetriever.from_documents).parameters] == [
        "documents",
        "retriever",
        "k",
        "llm",
        "depth",
        "include_query",
        "max_tokens",
        "count",
    ]
    assert "members" in inspect.signature(HybridRetriever.from_documents).parameters

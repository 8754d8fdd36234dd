import inspect

from langchain_core.retrievers import BaseRetriever
from pydantic import Field

from rlc.data.protocols import Weights
from rlc.data.spec import names_weights
from rlc.retrievers.hybrid import HybridRetriever
from rlc.retrievers.multi_query import MultiQueryRetriever
from rlc.retrievers.neighbours import NeighbourRetriever
from rlc.retrievers.parents import ParentRetriever
from rlc.retrievers.support.nested import NestedRetriever


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
        "prompt",
        "count",
    ]
    assert "members" in inspect.signature(HybridRetriever.from_documents).parameters


class Judged(NestedRetriever):
    """Searches with what it holds, and lets a model judge."""

    retriever: BaseRetriever
    judge: Weights
    second: Weights | None = None
    depth: int = Field(default=2, ge=1)

    def search(self, queries, k, where=None):
        """What it holds finds."""
        return self.retriever.search(queries, k, where)


def test_a_settings_mark_is_kept_and_a_bound_is_the_fields_own():
    settings = inspect.signature(Judged.from_documents).parameters
    assert settings["judge"].annotation == Weights
    assert names_weights(settings["judge"].annotation)
    assert names_weights(settings["second"].annotation)
    assert settings["depth"].annotation is int

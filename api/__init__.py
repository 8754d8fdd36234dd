"""RAG versus long context, measured: the names that users need, each imported when it is first used.

`rlc.compare(...)` does what `rlc compare` does. The parts of a comparison stand beside it, to be put together by hand:
chunkers, retrievers, engines, readers and routers. What is not named here is for those who add to the package.
"""

import os
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from rlc.data.lazy import load

# A thread that has nothing to do in torch's loops spins for milliseconds before it sleeps. Where others use the machine, that
# is the very time which the threads that it waits for lack: eight answers of SmolLM2 took 11.3 s a token, and 0.8 s with this.
# Read when torch is imported, so it stands before all of it. Who has set either has chosen.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")

if TYPE_CHECKING:
    from rlc.chunkers.contextual import ContextualChunker as ContextualChunker
    from rlc.chunkers.hierarchy import HierarchyChunker as HierarchyChunker
    from rlc.chunkers.late import LateChunker as LateChunker
    from rlc.chunkers.recursive import RecursiveChunker as RecursiveChunker
    from rlc.chunkers.section import SectionChunker as SectionChunker
    from rlc.chunkers.semantic import SemanticChunker as SemanticChunker
    from rlc.chunkers.sentence import SentenceChunker as SentenceChunker
    from rlc.data.datasets import load_dataset as load_dataset
    from rlc.data.errors import RlcError as RlcError
    from rlc.data.lanes import Lanes as Lanes
    from rlc.data.records import Answer as Answer
    from rlc.data.records import Dataset as Dataset
    from rlc.data.records import Document as Document
    from rlc.data.records import Example as Example
    from rlc.data.records import Usage as Usage
    from rlc.experiments.report.pages.run import write_report as write_report
    from rlc.experiments.runs.compare import Execution as Execution
    from rlc.experiments.runs.compare import compare as compare
    from rlc.experiments.runs.loop import answer_all as answer_all
    from rlc.experiments.runs.stored import StoredRun as StoredRun
    from rlc.experiments.runs.stored import open_run as open_run
    from rlc.pipeline.llms.endpoint import EndpointLLM as EndpointLLM
    from rlc.pipeline.llms.hf import HfLLM as HfLLM
    from rlc.pipeline.llms.scripted import ScriptedLLM as ScriptedLLM
    from rlc.pipeline.llms.vllm import VllmLLM as VllmLLM
    from rlc.pipeline.readers.closed import ClosedBookReader as ClosedBookReader
    from rlc.pipeline.readers.long import LongReader as LongReader
    from rlc.pipeline.readers.rag import RagReader as RagReader
    from rlc.pipeline.recipe import Recipe as Recipe
    from rlc.pipeline.recipe_files import load_recipe as load_recipe
    from rlc.pipeline.routers.learned import LearnedRouter as LearnedRouter
    from rlc.pipeline.routers.length import LengthRouter as LengthRouter
    from rlc.pipeline.routers.self_route import SelfRoute as SelfRoute
    from rlc.retrievers.bm25 import BM25Retriever as BM25Retriever
    from rlc.retrievers.dense import DenseRetriever as DenseRetriever
    from rlc.retrievers.encoders.sentence_transformer import (
        SentenceEncoder as SentenceEncoder,
    )
    from rlc.retrievers.hybrid import HybridRetriever as HybridRetriever
    from rlc.retrievers.neighbours import NeighbourRetriever as NeighbourRetriever
    from rlc.retrievers.parents import ParentRetriever as ParentRetriever

    __version__: str

MODULES = {
    "rlc.experiments.runs.compare": ("compare", "Execution"),
    "rlc.experiments.runs.loop": ("answer_all",),
    "rlc.experiments.runs.stored": ("StoredRun", "open_run"),
    "rlc.experiments.report.pages.run": ("write_report",),
    "rlc.data.datasets": ("load_dataset",),
    "rlc.data.records": ("Answer", "Dataset", "Document", "Example", "Usage"),
    "rlc.data.errors": ("RlcError",),
    "rlc.data.lanes": ("Lanes",),
    "rlc.pipeline.recipe": ("Recipe",),
    "rlc.pipeline.recipe_files": ("load_recipe",),
    "rlc.chunkers.contextual": ("ContextualChunker",),
    "rlc.chunkers.hierarchy": ("HierarchyChunker",),
    "rlc.chunkers.late": ("LateChunker",),
    "rlc.chunkers.recursive": ("RecursiveChunker",),
    "rlc.chunkers.section": ("SectionChunker",),
    "rlc.chunkers.semantic": ("SemanticChunker",),
    "rlc.chunkers.sentence": ("SentenceChunker",),
    "rlc.retrievers.bm25": ("BM25Retriever",),
    "rlc.retrievers.dense": ("DenseRetriever",),
    "rlc.retrievers.hybrid": ("HybridRetriever",),
    "rlc.retrievers.neighbours": ("NeighbourRetriever",),
    "rlc.retrievers.parents": ("ParentRetriever",),
    "rlc.retrievers.encoders.sentence_transformer": ("SentenceEncoder",),
    "rlc.pipeline.llms.endpoint": ("EndpointLLM",),
    "rlc.pipeline.llms.hf": ("HfLLM",),
    "rlc.pipeline.llms.scripted": ("ScriptedLLM",),
    "rlc.pipeline.llms.vllm": ("VllmLLM",),
    "rlc.pipeline.readers.closed": ("ClosedBookReader",),
    "rlc.pipeline.readers.long": ("LongReader",),
    "rlc.pipeline.readers.rag": ("RagReader",),
    "rlc.pipeline.routers.learned": ("LearnedRouter",),
    "rlc.pipeline.routers.length": ("LengthRouter",),
    "rlc.pipeline.routers.self_route": ("SelfRoute",),
}
"""Where every name is defined; type checkers read the imports above."""

TARGETS = {name: f"{module}:{name}" for module, names in MODULES.items() for name in names}
__all__ = ["__version__", *TARGETS]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the module's own hook (PEP 562)
    if name == "__version__":
        return version("rlc")
    if name in TARGETS:
        return load(TARGETS[name])
    raise AttributeError(f"module 'rlc' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

"""What a recipe can name: the tables of all methods by kind, and the one builder that makes objects of their names."""

import inspect
from collections.abc import Sequence
from typing import Any

from langchain_core.documents import BaseDocumentCompressor, BaseDocumentTransformer

from rlc.chunkers import CHUNKERS
from rlc.data import protocols
from rlc.data.errors import UsageError
from rlc.data.plugins import joined
from rlc.data.records import Document
from rlc.data.spec import (
    Builder,
    Family,
    Spec,
)
from rlc.pipeline.fusion import FUSIONS
from rlc.pipeline.fusion.base import Fusion
from rlc.pipeline.kv import KEPT
from rlc.pipeline.kv.base import Press
from rlc.pipeline.llms import LLMS
from rlc.pipeline.llms.support.names import spelled_out
from rlc.pipeline.looks import LOOKS
from rlc.pipeline.looks.base import Looks
from rlc.pipeline.readers import READERS
from rlc.pipeline.readers.support.searching import Searcher
from rlc.pipeline.routers import AUTO, ROUTERS
from rlc.retrievers import RETRIEVERS
from rlc.retrievers.base import RetrieverFactory
from rlc.retrievers.encoders import ENCODERS, MULTI_VECTOR_ENCODERS, SPARSE_ENCODERS
from rlc.retrievers.prune import PRUNERS
from rlc.retrievers.rerank import RERANKERS
from rlc.retrievers.select import SELECTORS

READER = Family("reader", joined(READERS, ROUTERS), [protocols.Reader], aliases={"auto": AUTO})
CHUNKER = Family("chunker", CHUNKERS, [BaseDocumentTransformer])
RETRIEVER = Family("retriever", RETRIEVERS, [RetrieverFactory], constructor="from_documents", deferred=True)
STEP = Family("step", joined(SELECTORS, RERANKERS, PRUNERS), [BaseDocumentCompressor])
ENCODER = Family("encoder", ENCODERS, [protocols.Encoder], shorthand="sentence-transformer")
SPARSE_ENCODER = Family("sparse encoder", SPARSE_ENCODERS, [protocols.SparseEncoder], shorthand="splade")
MULTI_VECTOR_ENCODER = Family(
    "multi-vector encoder", MULTI_VECTOR_ENCODERS, [protocols.MultiVectorEncoder], shorthand="colbert"
)
PRESS = Family("kv", KEPT, [Press])
FUSION = Family("fusion", FUSIONS, [Fusion])
LOOK = Family("looks", LOOKS, [Looks])
LLM = Family("llm", LLMS, [protocols.LLM, protocols.Scorer], shorthand="hf", spelling=spelled_out)
TOKENIZER = Family(
    "tokenizer",
    {"tokenizer": "rlc.data.tokens:load_tokenizer"},
    [protocols.Tokenizer],
    shorthand="tokenizer",
)
COLLECTION = Family(
    "collection",
    {"documents": "rlc.data.collection:load_collection"},
    [Sequence[Document]],
    shorthand="documents",
    names="of",
)
SEARCHER = Family("searcher", {"search": "rlc.pipeline.readers.support.searching:Searcher"}, [Searcher])
BUILDER = Builder(
    (
        READER,
        SEARCHER,
        CHUNKER,
        RETRIEVER,
        STEP,
        ENCODER,
        SPARSE_ENCODER,
        MULTI_VECTOR_ENCODER,
        PRESS,
        FUSION,
        LOOK,
        LLM,
        TOKENIZER,
        COLLECTION,
    )
)


def takes(spec: Spec, setting: str) -> bool:
    """Whether the reader of this spec has such a setting."""
    made = _reader(spec)
    return made is not None and setting in inspect.signature(made).parameters


def role_of(spec: Spec) -> str:
    """What the reader of this spec stands for (`rlc.data.protocols.Role`); `other` where no table knows it."""
    made = _reader(spec)
    return str(getattr(made, "role", "") or spec.get("arm") or "other")


def pays(spec: Spec) -> str:
    """What the router of this spec is charged (`rlc.data.protocols.Pays`); empty for what is no router."""
    return str(getattr(_reader(spec), "pays", ""))


def _reader(spec: Spec) -> Any:  # noqa: ANN401 - a class or a function
    """What makes the reader of this spec; None where no table knows it, or it is code that does not run here."""
    try:
        return READER.method(str(spec.get("use")), "reader")
    except UsageError:
        return None

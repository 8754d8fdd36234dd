"""Retrievers that hold retrievers: their fields are their settings, written down once."""

import functools
import inspect
import types
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Self

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import field_validator
from pydantic.fields import FieldInfo

from rlc.retrievers.base import Retriever, RetrieverFactory
from rlc.retrievers.support.vector_store import with_scores


class NestedRetriever(Retriever):
    """Searches with what it holds. Subclasses say in `hold` how that is made; their other fields are settings.

    Attributes:
        HELD: the fields that `hold` fills.
    """

    HELD: ClassVar[frozenset[str]] = frozenset({"retriever", "retrievers", "sources"})

    @field_validator("retriever", "retrievers", mode="before", check_fields=False)
    @classmethod
    def _scored(cls, held: object) -> object:
        """Vector stores give their scores; everything else is held as it is."""
        return [with_scores(one) for one in held] if isinstance(held, (list, tuple)) else with_scores(held)

    @classmethod
    def hold(cls, documents: Sequence[Document], *, retriever: RetrieverFactory) -> dict[str, Any]:
        """Make the fields that hold something.

        Args:
            documents: at least one.
            retriever: makes the retriever that is searched, such as `BM25Retriever.from_documents`.
        """
        return {"retriever": retriever(documents)}

    @classmethod
    def from_documents(cls, documents: Sequence[Document], **settings: Any) -> Self:  # noqa: ANN401 - the fields' types
        """Index the documents with what the retriever holds. The settings are those that `hold` names, and the class's own fields.

        Raises:
            TypeError: on a setting that the class does not have.
        """
        inspect.signature(cls.from_documents).bind(documents, **settings)
        made = {name: settings.pop(name) for name in [*inspect.signature(cls.hold).parameters][1:]}
        return cls(**cls.hold(documents, **made), **settings)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - pydantic's signature
        """Give `from_documents` the class's own signature, by which recipes are checked and described."""
        super().__pydantic_init_subclass__(**kwargs)
        fields = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if field.is_required() else field.get_default(),
                annotation=_annotation(field),
            )
            for name, field in cls.model_fields.items()
            if name not in {*BaseRetriever.model_fields, *cls.HELD}
        ]
        make = functools.partial(vars(NestedRetriever)["from_documents"].__func__)
        first = inspect.Parameter("cls", inspect.Parameter.POSITIONAL_ONLY)
        signature = inspect.Signature([first, *inspect.signature(cls.hold).parameters.values(), *fields])
        make.__doc__ = cls.hold.__doc__
        make.__signature__ = signature  # type: ignore[attr-defined]  # what inspect.signature reads
        cls.from_documents = types.MethodType(make, cls)  # type: ignore[method-assign]  # itself, signed


def _annotation(field: FieldInfo) -> Any:  # noqa: ANN401 - whatever an annotation is
    """A field's annotation with its marks, such as that of `Weights`, which pydantic keeps apart; bounds are its own."""
    marks = [mark for mark in field.metadata if isinstance(mark, str)]
    return Annotated[(field.annotation, *marks)] if marks else field.annotation

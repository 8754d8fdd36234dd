"""All documents of a data set, as what a reader may search in place of a question's own document."""

from collections.abc import Iterable

from langchain_core.documents import Document

from rlc.data.datasets import load_documents
from rlc.data.errors import DataError
from rlc.data.records import document_name
from rlc.data.spec import fingerprint


def load_collection(of: str, revision: str = "", documents: int = 0) -> tuple[Document, ...]:
    """Read the documents of a data set, by id.

    Args:
        of: A data set's name, or a folder as for `rlc.data.datasets.load_dataset`; it needs no questions.
        revision: What `revision` must say of them; empty takes them as they are. A completed recipe holds it.
        documents: How many they were then.

    Raises:
        UsageError: on a name that is neither known nor a folder.
        DataError: if they cannot be read, or are of another revision.
    """
    found = tuple(document for _, document in sorted(load_documents(of).items()))
    if revision and revision != collection_revision(found):
        raise DataError(
            f"the collection {of!r} has changed since the recipe was completed ({documents} documents then, "
            f"{len(found)} now); leave its revision out to search what is there"
        )
    return found


def collection_revision(documents: Iterable[Document]) -> str:
    """A digest of names, texts and metadata; of everything that may change what is found."""
    return fingerprint([[document_name(one), one.page_content, one.metadata] for one in documents])

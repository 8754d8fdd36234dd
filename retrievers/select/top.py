"""Selection of a fixed number of documents."""

from collections.abc import Sequence

from langchain_core.documents import Document
from pydantic import Field

from rlc.data.loads import PassageLoad
from rlc.data.spec import Spec
from rlc.retrievers.support.compressor import Compressor


class Top(Compressor):
    """Keep the first `k` documents."""

    k: int = Field(ge=1)

    @classmethod
    def example(cls) -> Spec:
        """The settings that have no default."""
        return {"k": 2}

    def lets_through(self, load: PassageLoad) -> PassageLoad:
        return load.at_most(self.k)

    def refine(self, documents: Sequence[Document], query: str) -> list[Document]:  # noqa: ARG002 - the base's names
        return list(documents[: self.k])

"""Believing a refusal: long context answers, unless retrieval says that the text does not tell."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rlc.data.protocols import Pays, Reader, Role
from rlc.data.records import Answer, Example
from rlc.data.text.abstention import abstains
from rlc.pipeline.routers.support.split import ask_where, paid


@dataclass(frozen=True)
class BelieveRefusal:
    """Ask `rag`; keep its answer where it refuses, and ask `long` everywhere else. Both costs are charged.

    The reverse of Self-Route, and free of any fit. A reader of a whole document is more likely to make something up, so
    a refusal after retrieval is worth more than a long answer where the document does not tell.
    """

    VERSION: ClassVar[int] = 1
    role: ClassVar[Role] = "router"
    pays: ClassVar[Pays] = "all"

    rag: Reader
    long: Reader

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        first = self.rag(examples)
        refused = [answer.error is None and abstains(answer.text) for answer in first]
        second = ask_where(examples, [not refusal for refusal in refused], self.long)
        kept = [a if b is None else paid(b, a) for a, b in zip(first, second, strict=True)]
        return [
            replace(answer, details={**answer.details, "refused": refusal})
            for answer, refusal in zip(kept, refused, strict=True)
        ]

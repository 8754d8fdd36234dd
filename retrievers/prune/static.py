"""Pruning without a question: passages of poor quality leave before they are indexed, or read."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from langchain_core.documents import Document
from pydantic import Field

from rlc.data.text.stop_words import LUCENE
from rlc.retrievers.prune.base import Asked, Kept, Pruner

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_LINE = re.compile(r"[^\n]*\S[^\n]*")


class StaticPruner(Pruner):
    """Leaves out whole passages that read like no text: rulers, page furniture, tables of contents, repetitions.

    It asks nothing of the question, so `filter` also serves before an index is built, where it saves the index's
    cost too. Passages stay whole; at `threshold` 0 all of them do.

    Attributes:
        threshold: the quality that a passage must exceed, in [0, 1].
        shortest: passages of fewer words are of quality 0.

    Source: the idea of Chang et al., Neural Passage Quality Estimation for Static Pruning, SIGIR 2024,
    arXiv 2407.12170, who train a cross-encoder for it; the rules here are of the kind that Rae et al. filter web
    text by (Gopher, arXiv 2112.11446, table A1), put on one scale.
    """

    made_for: ClassVar[str] = "English"  # its function words

    threshold: float = Field(default=0.25, ge=0, le=1)
    shortest: int = Field(default=5, ge=0)

    def keep(self, asked: Sequence[Asked]) -> list[list[Kept]]:
        return [[self._kept(document.page_content) for document in one.documents] for one in asked]

    def filter(self, documents: Sequence[Document]) -> list[Document]:
        """The passages worth indexing, unchanged."""
        return [document for document in documents if self._kept(document.page_content).spans]

    def _kept(self, text: str) -> Kept:
        value = quality(text) if len(_WORD.findall(text)) >= self.shortest else 0.0
        return Kept(
            ((0, len(text)),) if text and (value > self.threshold or not self.threshold) else (), value
        )


def quality(text: str) -> float:
    """How much a passage reads like text: the least of four shares, each in [0, 1].

    Letters and digits among what is no white space (full marks from 0.8 on); function words among words (from 0.2
    on, half of what English prose has); distinct lines among lines; words among tokens that are words or numbers
    (from 0.5 on, so that tables of figures are worth less and not nothing).
    """
    solid = "".join(text.split())
    words = [word.lower() for word in _WORD.findall(text)]
    if not solid or not words:
        return 0.0
    letters = sum(map(str.isalnum, solid)) / len(solid)
    function = sum(word in LUCENE for word in words) / len(words)
    lines = Counter(line.strip() for line in _LINE.findall(text))
    numbers = len(re.findall(r"\d[\d.,]*", text))
    shares = (
        letters / 0.8,
        function / 0.2,
        len(lines) / lines.total(),
        len(words) / (len(words) + numbers) / 0.5,
    )
    return min(1.0, *shares)

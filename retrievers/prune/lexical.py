"""Pruning by shared words: FILCO's lexical overlap."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from rlc.retrievers.index.analyse import Analyser
from rlc.retrievers.prune.base import Asked, Judged, SentencePruner, Share
from rlc.retrievers.prune.support.units import Unit


class LexicalPruner(SentencePruner):
    """Keeps the sentences that share words with the question.

    worth(s) = F1 of the words of question and sentence, each counted as often as it stands in both: twice the
    number shared over the sum of the lengths.

    Attributes:
        threshold: F1 that a sentence must exceed; the paper learns instead from the best sentence.
        stopwords: `"english"` leaves function words out; None counts all words, as the paper does.
        stemmer: a Snowball language such as `"english"`, or None.

    Source: the lexical measure of Wang et al., Learning to Filter Context for Retrieval-Augmented Generation
    (FILCO), arXiv 2311.08377. There it labels training data, with the answer on the question's side where that is
    known; here it filters by itself.
    """

    NEEDS: ClassVar[tuple[str, ...]] = ("Stemmer",)
    VERSION: ClassVar[int] = 2  # words of all scripts

    threshold: Share = 0.05
    stopwords: str | None = "english"
    stemmer: str | None = "english"

    def judge(self, asked: Sequence[Asked], cut: Sequence[Sequence[Sequence[Unit]]]) -> list[list[Judged]]:
        """F1 of every unit."""
        analyser = Analyser(self.stopwords, self.stemmer, whole_numbers=True)
        judged = []
        for one, passages in zip(asked, cut, strict=True):
            [query] = map(Counter, analyser.many([one.query]))
            judged.append(
                [
                    Judged(passage, _worth(query, document.page_content, passage, analyser))
                    for document, passage in zip(one.documents, passages, strict=True)
                ]
            )
        return judged


def _worth(
    query: Mapping[str, int], text: str, passage: Sequence[Unit], analyser: Analyser
) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    words = analyser.many([text[unit.start : unit.end] for unit in passage])
    return np.array([unigram_f1(query, Counter(found)) for found in words], dtype=np.float32)


def unigram_f1(first: Mapping[str, int], second: Mapping[str, int]) -> float:
    """2 * |shared| / (|first| + |second|) of two bags of words, 0 where both are empty.

    >>> unigram_f1(Counter("who wrote it".split()), Counter("ann wrote it".split()))
    0.6666666666666666
    """
    total = sum(first.values()) + sum(second.values())
    shared = sum(min(count, second[word]) for word, count in first.items() if word in second)
    return 2 * shared / total if total else 0.0

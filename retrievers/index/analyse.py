"""Texts to terms, for sparse retrieval."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import regex

from rlc.data.text.cut import grams, is_unspaced, space_out
from rlc.data.text.fold import fold
from rlc.data.text.stop_words import LUCENE

_HAN = regex.compile(r"\p{Script=Han}\p{M}*")
_WORDS = regex.compile(r"\w+")
_WHOLE_NUMBERS = regex.compile(
    r"\d+-[a-z]{1,2}\b"  # 10-k
    r"|\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\w)%?"  # 1,093,095
    r"|\d+(?:\.\d+)*(?!\w)%?"  # 3.5%
    r"|\w+"
)


@dataclass(frozen=True)
class Analyser:
    """How a text becomes terms: folded, cut into words and numbers, then stop words out, then stems.

    Chinese, Japanese, Korean, Thai, Lao, Khmer and Burmese become pairs of letters, and Han letters stand for
    themselves besides, for one alone is often a word.

    Attributes:
        stopwords: `"english"` (Lucene's list), own words, or None: nothing is left out.
        stemmer: a Snowball language such as `"english"`, or None.
        whole_numbers: keep "$1,093,095" (as 1093095), "10-K" and "3.5%" one term each; otherwise they fall apart.
    """

    stopwords: str | Sequence[str] | None = None
    stemmer: str | None = None
    whole_numbers: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.stopwords, str) and self.stopwords != "english":
            raise ValueError(f"stopwords must be 'english', a list of words or None, got {self.stopwords!r}")
        if self.stemmer is not None:
            import Stemmer

            if self.stemmer not in Stemmer.algorithms():
                raise ValueError(
                    f"no stemmer {self.stemmer!r}; known: {', '.join(sorted(Stemmer.algorithms()))}"
                )

    def terms(self, text: str) -> list[str]:
        return self.many([text])[0]

    def many(self, texts: Sequence[str]) -> list[list[str]]:
        """The terms of each text; every distinct word is stemmed once."""
        found = [self._words(fold(text)) for text in texts]
        terms = {word: self._term(word) for word in dict.fromkeys(chain.from_iterable(found))}
        return [[term for term in map(terms.__getitem__, words) if term] for words in found]

    def _words(self, folded: str) -> list[str]:
        pattern = _WHOLE_NUMBERS if self.whole_numbers else _WORDS
        words: list[str] = pattern.findall(space_out(folded))
        return [part for word in words for part in _parts(word)] if is_unspaced(folded) else words

    def _term(self, word: str) -> str:
        """The term of a word, or nothing for a stop word."""
        if word in self._stopwords:
            return ""
        if word[0].isdigit():
            return word.replace(",", "")
        return self._stem(word)

    @cached_property
    def _stopwords(self) -> frozenset[str]:
        return LUCENE if self.stopwords == "english" else frozenset(self.stopwords or ())

    @cached_property
    def _stem(self) -> Callable[[str], str]:
        if self.stemmer is None:
            return str
        import Stemmer

        stem: Callable[[str], str] = Stemmer.Stemmer(self.stemmer).stemWord
        return stem


def _parts(word: str) -> list[str]:
    """A word as `grams`, and its Han letters besides."""
    pairs = grams(word)
    return pairs if len(pairs) == 1 else [*_HAN.findall(word), *pairs]

"""Texts to terms, for sparse retrieval."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

# Lucene's English list: short, because a stop word is a term of some question ("to be or not to be").
ENGLISH = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "but",
        "by",
        "for",
        "if",
        "in",
        "into",
        "is",
        "it",
        "no",
        "not",
        "of",
        "on",
        "or",
        "such",
        "that",
        "the",
        "their",
        "then",
        "there",
        "these",
        "they",
        "this",
        "to",
        "was",
        "will",
        "with",
    ]
)

_WORDS = re.compile(r"\w+")
_WHOLE_NUMBERS = re.compile(
    r"\d+-[a-z]{1,2}\b"  # 10-k
    r"|\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\w)%?"  # 1,093,095
    r"|\d+(?:\.\d+)*(?!\w)%?"  # 3.5%
    r"|\w+"
)


@dataclass(frozen=True)
class Analyser:
    """How a text becomes terms: lower case, words and numbers, then stop words out, then stems.

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
        """The terms in order."""
        return self.many([text])[0]

    def many(self, texts: Sequence[str]) -> list[list[str]]:
        """The terms of each text; every distinct word is stemmed once."""
        pattern = _WHOLE_NUMBERS if self.whole_numbers else _WORDS
        found = [pattern.findall(text.lower()) for text in texts]
        terms = {word: self._term(word) for words in found for word in words}
        return [[term for word in words if (term := terms[word])] for words in found]

    def _term(self, word: str) -> str:
        """The term of a word, or nothing for a stop word."""
        if word in self._stopwords:
            return ""
        if word[0].isdigit():
            return word.replace(",", "")
        return self._stem(word)

    @cached_property
    def _stopwords(self) -> frozenset[str]:
        return ENGLISH if self.stopwords == "english" else frozenset(self.stopwords or ())

    @cached_property
    def _stem(self) -> Callable[[str], str]:
        if self.stemmer is None:
            return str
        import Stemmer

        stem: Callable[[str], str] = Stemmer.Stemmer(self.stemmer).stemWord
        return stem

"""Each distinct word tokenised once, where that is exact."""

import json
import threading
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rlc.data.protocols import Tokenizer
from rlc.data.tokens import FastTokenizer, with_counted_unknowns

_SPACES = " \t\n\r"
_BATCH = 512  # words tokenised in one call: long texts are slower by the character
_PROBE = (
    "The fox's 3.14%\r\n\tnaïve e\u0301 \u0301\x00x\x1cy \u200b\u3000漢字 [SEP] [unused1]. שלום 👩‍👧 "
    + "a" * 120
)


class WordCache:
    """A tokenizer with a memory, for tokenizers that never look beyond a space, tab or line break.

    Tokenising is the slow part of cutting by tokens, and a text repeats its words: each distinct one is given
    to `tokenizer` once, and the tokens of a text are put together from there with numpy. Offsets and counts are
    the tokenizer's own. What is remembered is dropped when its words exceed `limit` characters in all.
    """

    def __init__(self, tokenizer: Tokenizer, limit: int = 16_000_000) -> None:
        self.name = tokenizer.name
        self._tokenizer = tokenizer
        self._limit = limit
        self._lock = threading.Lock()
        self._forget()

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Half-open character spans of the tokens, in order, special tokens left out."""
        return [(start, end) for start, end in self.borders(text).tolist()]

    def count(self, text: str) -> int:
        """The number of those tokens."""
        words = _words(text)
        with self._lock:
            ids = self._numbers(words)
            return int(self._counts[ids].sum())

    def borders(self, text: str) -> NDArray[np.int64]:
        """The spans of `offsets` as an array [tokens, 2]."""
        words = _words(text)
        with self._lock:
            ids = self._numbers(words)
            counts, first, pool = self._counts[ids], self._first[ids], self._pool
        token_word = np.repeat(np.arange(len(words)), counts)
        place_in_word = np.arange(len(token_word)) - (np.cumsum(counts) - counts)[token_word]
        return pool[first[token_word] + place_in_word] + _word_starts(text)[token_word, None]

    def _forget(self) -> None:
        self._ids: dict[str, int] = {}
        self._counts = np.zeros(0, dtype=np.int64)  # tokens of each word
        self._first = np.zeros(0, dtype=np.int64)  # where its tokens begin in the pool
        self._pool = np.zeros((0, 2), dtype=np.int64)  # token borders, counted from the word's start
        self._characters = 0

    def _numbers(self, words: Sequence[str]) -> NDArray[np.int64]:
        """The words' numbers, new words tokenised first."""
        try:
            return np.fromiter(map(self._ids.__getitem__, words), dtype=np.int64, count=len(words))
        except KeyError:
            distinct = list(dict.fromkeys(words))
            new = [word for word in distinct if word not in self._ids]
            if self._ids and self._characters + sum(map(len, new)) > self._limit:
                self._forget()
                new = distinct
            self._learn(new)
            return self._numbers(words)

    def _learn(self, new: Sequence[str]) -> None:
        batches = [self._tokenise(new[i : i + _BATCH]) for i in range(0, len(new), _BATCH)]
        counts = np.concatenate([counts for counts, _ in batches])
        self._characters += sum(map(len, new))
        self._ids.update(zip(new, range(len(self._ids), len(self._ids) + len(new)), strict=True))
        self._first = np.concatenate([self._first, len(self._pool) + np.cumsum(counts) - counts])
        self._counts = np.concatenate([self._counts, counts])
        self._pool = np.concatenate([self._pool, *(borders for _, borders in batches)])

    def _tokenise(self, words: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Tokens of each word [words], and their borders counted from its start [tokens, 2]."""
        borders = np.array(self._tokenizer.offsets(" ".join(words)), dtype=np.int64).reshape(-1, 2)
        lengths = np.fromiter(map(len, words), dtype=np.int64, count=len(words)) + 1
        starts = np.cumsum(lengths) - lengths
        owner = np.searchsorted(starts, borders[:, 0], side="right") - 1
        return np.bincount(owner, minlength=len(words)), borders - starts[owner, None]


def with_word_cache(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer with a word cache where that is exact, else the tokenizer as it is.

    Exact are BERT's kind: they cut at white space before anything else. The parts of the tokenizer are looked
    at, and a probe text of awkward characters must come out the same.
    """
    return _cached(tokenizer) if isinstance(tokenizer, FastTokenizer) else tokenizer


@lru_cache(maxsize=16)
def _cached(tokenizer: FastTokenizer) -> Tokenizer:
    ruler = with_counted_unknowns(tokenizer)
    cache = WordCache(ruler)
    exact = cuts_at_spaces_first(tokenizer) and cache.offsets(_PROBE) == ruler.offsets(_PROBE)
    return cache if exact else ruler


def cuts_at_spaces_first(tokenizer: FastTokenizer) -> bool:
    """Whether no token depends on anything beyond the nearest white space, by the tokenizer's own parts."""
    parts = json.loads(tokenizer.backend.to_str())
    kinds = [(parts[part] or {}).get("type") for part in ("normalizer", "pre_tokenizer", "model")]
    return (
        kinds[0] in {None, "BertNormalizer"}
        and kinds[1:] == ["BertPreTokenizer", "WordPiece"]
        and not any(
            token["lstrip"] or token["rstrip"] or _words(token["content"]) != [token["content"]]
            for token in parts["added_tokens"]
        )
    )


def is_edge(text: str, place: int) -> bool:
    """Whether the place touches white space or an end of the text, so that a cut there changes no word."""
    return place in (0, len(text)) or text[place] in _SPACES or text[place - 1] in _SPACES


def _words(text: str) -> list[str]:
    spaced = text.replace("\n", " ").replace("\t", " ").replace("\r", " ")
    return [word for word in spaced.split(" ") if word]


def _word_starts(text: str) -> NDArray[np.int64]:
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    space = (codes == ord(" ")) | (codes == ord("\n")) | (codes == ord("\t")) | (codes == ord("\r"))
    return np.flatnonzero(~space & np.concatenate([[True], space[:-1]]))

"""Counting and cutting by tokens, with character offsets."""

import json
import re
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import regex

from rlc.data.errors import WeightsError
from rlc.data.protocols import Tokenizer, Weights
from rlc.data.text.cut import UNSPACED

if TYPE_CHECKING:
    import tokenizers


APPROXIMATE = "approximate"  # names no model
EDGE = 4  # tokens that a cut inside words may add to a slice


class FastTokenizer:
    """A Hugging Face fast tokenizer as borders in the text; it never truncates or pads.

    `backend` is the tokenizer itself, for those who must know how it cuts.
    """

    def __init__(self, name: str, tokenizer: "tokenizers.Tokenizer") -> None:
        self.name = name
        self.backend = tokenizer
        tokenizer.no_truncation()
        tokenizer.no_padding()

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Half-open character spans of the tokens, in order, special tokens left out."""
        return list(self.backend.encode(text, add_special_tokens=False).offsets)

    def count(self, text: str) -> int:
        """The number of those tokens."""
        return len(self.backend.encode(text, add_special_tokens=False).ids)


class ApproximateTokenizer:
    """Pieces of words, numbers and marks: an estimate for models whose tokenizer is not at hand.

    Words are cut every six characters, numbers every three digits, words of other alphabets than Latin every three,
    and scripts without spaces letter by letter, marks with their letters; what has no words (base64, hexadecimal digits,
    DNA: 32 letters and digits or more in a row) three characters to two pieces. On English prose it counts about as many
    tokens as the usual byte-pair vocabularies, slightly more on names and tables; on other scripts those differ by
    a factor of two and more.
    """

    name = APPROXIMATE
    _piece = regex.compile(
        rf"[{UNSPACED}]\p{{M}}*|(?:\p{{Latin}}\p{{M}}*){{1,6}}|(?:(?![{UNSPACED}])\p{{L}}\p{{M}}*){{1,3}}"
        r"|\d{1,3}|[^\w\s\x1c-\x1f]|[^\s\x1c-\x1f]"
    )

    # The same in ASCII alone, which the plain engine reads twice as fast, and the words that it cannot read.
    _ascii = re.compile(r"[A-Za-z]{1,6}|[0-9]{1,3}|\S")
    _foreign = re.compile(r"(?<!\S)[^\s\x80-\U0010ffff]*+[^\x00-\x7f\s]\S*")
    _code = regex.compile(r"[A-Za-z0-9+/]{32,}")

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Half-open character spans of the pieces, in order."""
        return list(self.pieces(text))

    def pieces(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the spans one by one: those of a large text together take many times its memory."""
        done = 0
        for code in self._code.finditer(text):
            yield from (match.span() for match in self._piece.finditer(text, done, code.start()))
            for start in range(code.start(), code.end(), 3):
                yield start, min(start + 2, code.end())
                if start + 2 < code.end():
                    yield start + 2, start + 3
            done = code.end()
        yield from (match.span() for match in self._piece.finditer(text, done))

    def count(self, text: str) -> int:
        """The number of those pieces."""
        number = done = 0
        for code in self._code.finditer(text):
            length = code.end() - code.start()
            number += self._words(text[done : code.start()]) + length // 3 * 2 + (length % 3 > 0)
            done = code.end()
        return number + self._words(text[done:])

    def _words(self, text: str) -> int:
        foreign = "" if text.isascii() else " ".join(self._foreign.findall(text))
        plain = self._foreign.sub(" ", text) if foreign else text
        return sum(1 for _ in self._ascii.finditer(plain)) + sum(1 for _ in self._piece.finditer(foreign))


class CountedUnknowns:
    """A tokenizer whose token for what it does not know counts by the pieces of `ApproximateTokenizer`.

    A word of a script that is not in the vocabulary, or of more than a hundred letters, may be one such token, and a
    book of them one of a few: a count of them is no size.
    """

    def __init__(self, tokenizer: FastTokenizer, unknown: int) -> None:
        self.name = tokenizer.name
        self._backend = tokenizer.backend
        self._unknown = unknown
        self._pieces = ApproximateTokenizer()

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Half-open character spans of the tokens, unknown ones in pieces, in order."""
        encoding = self._backend.encode(text, add_special_tokens=False)
        spans: list[tuple[int, int]] = []
        for token, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            pieces = self._pieces.offsets(text[start:end]) if token == self._unknown else []
            spans.extend([(start + a, start + b) for a, b in pieces] or [(start, end)])
        return spans

    def count(self, text: str) -> int:
        """The number of those tokens."""
        return len(self.offsets(text))


def with_counted_unknowns(tokenizer: FastTokenizer) -> Tokenizer:
    """The tokenizer as a ruler of size, which counts what it does not know by its length."""
    model = json.loads(tokenizer.backend.to_str())["model"]
    name = model.get("unk_token")
    unknown = tokenizer.backend.token_to_id(name) if isinstance(name, str) else model.get("unk_id")
    return tokenizer if unknown is None else CountedUnknowns(tokenizer, unknown)


@cache
def load_tokenizer(model: Weights) -> Tokenizer:
    """The tokenizer of a model: `approximate`, an alias, a folder, or a Hugging Face id.

    Raises:
        WeightsError: if the model has no fast tokenizer (a `tokenizer.json`), or a damaged one.
    """
    if model == APPROXIMATE:
        return ApproximateTokenizer()
    from tokenizers import Tokenizer as HuggingFaceTokenizer

    file = _tokenizer_file(model)
    try:
        return FastTokenizer(model, HuggingFaceTokenizer.from_file(str(file)))
    except Exception as error:  # tokenizers raises nothing narrower
        raise WeightsError(f"cannot read {file}: {error}; save or fetch the model again") from error


def _tokenizer_file(model: str) -> Path:
    from rlc.data.weights import resolve

    place = resolve(model)
    if isinstance(place, Path):
        file = place / "tokenizer.json"
    else:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

        try:
            file = Path(hf_hub_download(place, "tokenizer.json"))
        except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
            raise WeightsError(
                f"no fast tokenizer for {model!r}: {type(error).__name__} while fetching its tokenizer.json; "
                "name an alias, a folder that holds one, or 'approximate'"
            ) from error
    if not file.is_file():
        raise WeightsError(
            f"{model!r} has no fast tokenizer: {file} does not exist; save the model with its tokenizer.json"
        )
    return file


@lru_cache(maxsize=1024)
def count_once(tokenizer: Tokenizer, text: str) -> int:
    """`tokenizer.count(text)`, remembered: whole documents are counted by every reader that meets them."""
    return tokenizer.count(text)


@lru_cache(maxsize=1024)
def densest(text: str, size: int, own: Tokenizer, other: Tokenizer) -> int:
    """The most tokens of `other` in any `size` neighbouring tokens of `own`, at most those of the whole text.

    Where both are one, `size` itself. A slice that is cut inside a word may be counted in a few pieces more.
    """
    if own.name == other.name:
        return min(size, count_once(other, text))
    ours = [0, *(start for start, _ in own.offsets(text)[1:]), len(text)]
    # Their number is the count: a long text is not cut once more for it.
    theirs = np.sort([start for start, _ in other.offsets(text)])
    begun = np.searchsorted(theirs, ours)  # tokens of the other that begin before each of ours
    reach = min(size, len(ours) - 1)
    return min(len(theirs), int((begun[reach:] - begun[:-reach]).max()) + EDGE)


def head(tokenizer: Tokenizer, text: str, tokens: int) -> str:
    """The first `tokens` tokens of the text, as an exact slice."""
    if tokens <= 0:
        return ""
    offsets = tokenizer.offsets(text)
    return text if len(offsets) <= tokens else text[: offsets[tokens - 1][1]]

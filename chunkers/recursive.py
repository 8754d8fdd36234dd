"""Recursive chunking: cut at the largest separator that fits the size."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from rlc.chunkers.base import Chunker, Span, check_size
from rlc.chunkers.support.windows import Choose, Ruler, windows
from rlc.data.protocols import Tokenizer
from rlc.data.text.sentences import sentence_ends
from rlc.data.tokens import ApproximateTokenizer

SEPARATORS = (
    r"\n[^\S\n]*\n\s*",  # blank line
    r"\n",
    "sentence",
    r"[,;:]\s+",  # clause
    r"\s+",  # word
)


@dataclass(frozen=True)
class RecursiveChunker(Chunker):
    """Chunks of at most `size` tokens, each ending at the largest separator that fits.

    Paragraphs come before lines, lines before sentences, clauses and words. A separator counts in the second
    half of what fits, so that a heading before a long paragraph does not make a chunk of its own; without any,
    the cut falls between two tokens. `separators` are regular expressions, the largest first, and a cut falls
    behind a match; `"sentence"` stands for `rlc.data.text.sentences`. A chunk repeats at most the last `overlap`
    tokens of the one before it, from a whole word on.

    Source: after LangChain's RecursiveCharacterTextSplitter, which counts characters, cuts by separators first
    and joins the pieces again; here the spans cover the text, and no chunk is above `size` as the tokenizer
    counts its slice.
    """

    size: int = 512
    overlap: int = 0
    tokenizer: Tokenizer = field(default_factory=ApproximateTokenizer)
    separators: Sequence[str] = SEPARATORS

    def __post_init__(self) -> None:
        check_size(self.size, self.overlap)

    def spans(self, text: str) -> list[Span]:
        cut, begin = last_separator(text, self.separators), first_word(text)
        return windows(Ruler(text, self.tokenizer), self.size, self.overlap, cut, begin, least=self.size // 2)


def last_separator(text: str, separators: Sequence[str]) -> Choose:
    """Cut behind the last match of the first separator that has one, else at the end of the range."""
    levels = [_ends(separator) for separator in separators]

    def cut(low: int, high: int) -> int:
        for level in levels:
            last = max(level(text, low, high), default=low)
            if last > low:
                return last
        return high

    return cut


def first_word(text: str) -> Choose:
    """Begin at the first whole word of the range, or at once where there is none."""
    space = re.compile(r"\s+")

    def begin(low: int, high: int) -> int:
        match = None if text[low - 1].isspace() else space.search(text, low, high)
        return match.end() if match and match.end() < high else low

    return begin


def _ends(separator: str) -> Callable[[str, int, int], Iterator[int]]:
    if separator == "sentence":
        return sentence_ends
    pattern = re.compile(separator)
    return lambda text, low, high: (match.end() for match in pattern.finditer(text, low, high))

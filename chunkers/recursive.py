"""The largest separator that fits."""

import re
from dataclasses import dataclass, field

from rlc.chunkers.base import Chunker, Span, check_size
from rlc.chunkers.windows import Choose, Ruler, windows
from rlc.data.protocols import Tokenizer
from rlc.data.tokens import ApproximateTokenizer

SEPARATORS = (
    r"\n[^\S\n]*\n\s*",  # blank line
    r"\n",
    r"[.!?][\"'”’)\]]*\s+",  # sentence
    r"[,;:]\s+",  # clause
    r"\s+",  # word
)


@dataclass(frozen=True)
class RecursiveChunker(Chunker):
    """Chunks of at most `size` tokens, each ending at the largest separator that fits.

    Paragraphs come before lines, lines before sentences, clauses and words. A separator counts in the second
    half of what fits, so that a heading before a long paragraph does not make a chunk of its own; without any,
    the cut falls between two tokens. `separators` are regular expressions, the largest first, and a cut falls
    behind a match. A chunk repeats at most the last `overlap` tokens of the one before it, from a whole word on.

    Source: after LangChain's RecursiveCharacterTextSplitter, which counts characters, cuts by separators first
    and joins the pieces again; here the spans cover the text, and no chunk is above `size` as the tokenizer
    counts its slice.
    """

    size: int = 512
    overlap: int = 0
    tokenizer: Tokenizer = field(default_factory=ApproximateTokenizer)
    separators: tuple[str, ...] = SEPARATORS

    def __post_init__(self) -> None:
        check_size(self.size, self.overlap)

    def spans(self, text: str) -> list[Span]:
        """Return the chunks' spans."""
        levels = [re.compile(separator) for separator in self.separators]

        def cut(low: int, high: int) -> int:
            for level in levels:
                ends = [match.end() for match in level.finditer(text, low, high)]
                if ends and ends[-1] > low:
                    return ends[-1]
            return high

        return windows(Ruler(text, self.tokenizer), self.size, self.overlap, cut, begin=_word(text))


def _word(text: str) -> Choose:
    space = re.compile(r"\s+")

    def begin(low: int, high: int) -> int:
        if low and text[low - 1].isspace():
            return low
        match = space.search(text, low, high)
        return match.end() if match and match.end() < high else low

    return begin

"""Sentence chunking: whole sentences up to a number of tokens."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from rlc.chunkers.base import Chunker, Span, check_size
from rlc.chunkers.recursive import SEPARATORS, last_separator
from rlc.chunkers.support.windows import Ruler, windows
from rlc.data.protocols import Tokenizer
from rlc.data.text.sentences import splitter
from rlc.data.tokens import ApproximateTokenizer


@dataclass(frozen=True)
class SentenceChunker(Chunker):
    """As many whole sentences as fit into `size` tokens; a sentence that is longer is cut as `recursive` does.

    A chunk repeats whole sentences of the one before it, `overlap` tokens of them at most. `sentences` names the
    splitter: `rules` (see `rlc.data.text.sentences`) or `nupunkt`.

    Source: after LlamaIndex's SentenceSplitter, which also prefers paragraphs; here the spans cover the text.
    """

    size: int = 512
    overlap: int = 0
    tokenizer: Tokenizer = field(default_factory=ApproximateTokenizer)
    sentences: str = "rules"

    def __post_init__(self) -> None:
        check_size(self.size, self.overlap)
        splitter(self.sentences)

    def spans(self, text: str) -> list[Span]:
        ends = [end for _, end in splitter(self.sentences)(text)]
        within = last_separator(text, SEPARATORS)

        def cut(low: int, high: int) -> int:
            last = bisect_right(ends, high) - 1
            return ends[last] if last >= 0 and ends[last] > low else within(low + (high - low) // 2, high)

        def begin(low: int, high: int) -> int:
            first = bisect_left(ends, low)
            return min(ends[first], high) if first < len(ends) else high

        return windows(Ruler(text, self.tokenizer), self.size, self.overlap, cut, begin)

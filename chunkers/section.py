"""Section chunking: whole sections up to a number of tokens."""

from dataclasses import dataclass, field

from rlc.chunkers.base import Chunker, Span, check_size
from rlc.chunkers.recursive import SEPARATORS, first_word, last_separator
from rlc.chunkers.support.windows import Ruler, windows
from rlc.data.protocols import Tokenizer
from rlc.data.text.outline import Outline, row_start
from rlc.data.tokens import ApproximateTokenizer


@dataclass(frozen=True)
class SectionChunker(Chunker):
    """Chunks of at most `size` tokens that end before a heading where they can.

    Of the headings in reach the last of the highest level ends the chunk, so that short sections stay together
    and a chapter does not begin in another's chunk. A longer section is cut as `recursive` does, though never
    inside a table's row, unless the row alone is above `size`. A chunk's metadata has the titles above it in
    `section`, from the highest down. What counts as a heading or a row: `rlc.data.text.outline`.
    """

    size: int = 512
    overlap: int = 0
    tokenizer: Tokenizer = field(default_factory=ApproximateTokenizer)

    def __post_init__(self) -> None:
        check_size(self.size, self.overlap)

    def spans(self, text: str) -> list[Span]:
        outline = Outline(text)
        within = last_separator(text, SEPARATORS)

        def cut(low: int, high: int) -> int:
            heading = outline.last_heading(low, high)
            return heading or row_start(text, low, within(low + (high - low) // 2, high))

        spans = windows(Ruler(text, self.tokenizer), self.size, self.overlap, cut, first_word(text))
        return [Span(span.start, span.end, {"section": list(outline.path(span.start))}) for span in spans]

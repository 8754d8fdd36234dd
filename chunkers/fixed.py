"""Fixed-size chunking: windows of a number of tokens."""

from dataclasses import dataclass, field

from rlc.chunkers.base import Chunker, Span, check_size
from rlc.chunkers.support.windows import Ruler, windows
from rlc.data.protocols import Tokenizer
from rlc.data.tokens import ApproximateTokenizer


@dataclass(frozen=True)
class FixedChunker(Chunker):
    """Windows of `size` tokens that share `overlap` tokens, cut wherever the count is full.

    The spans cover the text; each takes the white space after its last token along. Cutting inside a word can
    add a token; the window is then made shorter, never longer than `size`.
    """

    size: int = 512
    overlap: int = 0
    tokenizer: Tokenizer = field(default_factory=ApproximateTokenizer)

    def __post_init__(self) -> None:
        check_size(self.size, self.overlap)

    def spans(self, text: str) -> list[Span]:
        ruler = Ruler(text, self.tokenizer)
        return windows(ruler, self.size, self.overlap, cut=lambda _, high: high, begin=lambda low, _: low)

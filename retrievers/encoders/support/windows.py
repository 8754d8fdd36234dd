"""Token windows of texts that a model cannot hold whole, and batches of windows."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rlc.data.errors import DataError

if TYPE_CHECKING:
    import tokenizers


@dataclass(frozen=True)
class Window:
    """A stretch of one text that fits the model, with what stands around it: prompt or query, special tokens.

    `text` is the text's place in the batch, `ids` and `types` what the model reads, `body` where the stretch's own
    tokens stand in them, `offsets` int64 [tokens, 2] their half-open character spans in the text.
    """

    text: int
    ids: list[int]
    types: list[int]
    body: slice
    offsets: NDArray[np.int64]


def windows_of(
    texts: Sequence[str], tokenizer: "tokenizers.Tokenizer", size: int, prompt: str = ""
) -> list[Window]:
    """Cut texts into windows of at most `size` tokens, prompt and special tokens included.

    A text that fits is one window, with exactly the tokens of prompt and text together; a longer one becomes as
    few windows as possible, of equal length, so that no window is a mere tail.

    Raises:
        DataError: if the prompt alone fills the window.
    """
    windows: list[Window] = []
    for i, encoding in enumerate(tokenizer.encode_batch([prompt + text for text in texts])):
        # Special tokens have the offsets (0, 0) and prompt tokens end inside the prompt: neither is body.
        body = [place for place, (_, end) in enumerate(encoding.offsets) if end > len(prompt)]
        windows += split(i, encoding, body, len(prompt), size)
    return windows


def pair_windows(
    query: str, texts: Sequence[str], tokenizer: "tokenizers.Tokenizer", size: int
) -> list[Window]:
    """Cut texts as `windows_of` does, each window read together with the whole query.

    Raises:
        DataError: if the query alone fills the window.
    """
    windows: list[Window] = []
    for i, encoding in enumerate(tokenizer.encode_batch([(query, text) for text in texts])):
        body = [place for place, sequence in enumerate(encoding.sequence_ids) if sequence == 1]
        windows += split(i, encoding, body, 0, size)
    return windows


def split(
    text: int, encoding: "tokenizers.Encoding", body: Sequence[int], begin: int, size: int
) -> Iterator[Window]:
    """The windows of one encoded text, whose own tokens stand at `body` and whose characters begin at `begin`."""
    ids, types = encoding.ids, encoding.type_ids
    first, last = (body[0], body[-1] + 1) if body else (len(ids), len(ids))
    tail = len(ids) - last
    room = size - first - tail
    if room < 1:
        raise DataError(
            f"prompt, query and special tokens alone have {first + tail} tokens and fill the window of {size}: "
            "shorten them"
        )
    spans = np.array(encoding.offsets[first:last], dtype=np.int64).reshape(-1, 2)
    for piece in np.array_split(np.arange(first, last), max(1, math.ceil((last - first) / room))):
        start, stop = (int(piece[0]), int(piece[-1]) + 1) if len(piece) else (first, first)
        yield Window(
            text=text,
            ids=[*ids[:first], *ids[start:stop], *ids[last:]],
            types=[*types[:first], *types[start:stop], *types[last:]],
            body=slice(first, first + stop - start),
            offsets=np.maximum(spans[start - first : stop - first] - begin, 0),
        )


def cut_texts(windows: Sequence[Window]) -> list[int]:
    """The places of the texts that needed more than one window, ascending."""
    return sorted({window.text for window, after in pairwise(windows) if window.text == after.text})


def batches(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Group the longest with the longest: places whose count times longest length stays within `tokens`.

    Sorting keeps padding small, the token budget keeps batches of short texts large; at least one text a batch.
    """
    batch: list[int] = []
    longest = 0
    for i in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if batch and (len(batch) + 1) * longest > tokens:
            yield batch
            batch = []
        longest = longest if batch else lengths[i]
        batch.append(i)
    if batch:
        yield batch

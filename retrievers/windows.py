"""Texts as token windows that fit a model, and windows as batches: pure functions."""

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
    """A stretch of one text that fits the model, with the prompt and special tokens around it.

    `text` is the text's place in the batch, `ids` what the model reads, `body` where the stretch's own tokens
    stand in it, `offsets` int64 [tokens, 2] their half-open character spans in the text.
    """

    text: int
    ids: list[int]
    body: slice
    offsets: NDArray[np.int64]


def windows_of(
    texts: Sequence[str], tokenizer: "tokenizers.Tokenizer", size: int, prompt: str = ""
) -> list[Window]:
    """Cut texts into windows of at most `size` tokens, prompt and special tokens included.

    A text that fits is one window, with exactly the tokens of prompt and text together; a longer one becomes as
    few windows as possible, of equal length, so that no window is a mere tail.
    """
    encodings = tokenizer.encode_batch([prompt + text for text in texts])
    return [
        window
        for i, encoding in enumerate(encodings)
        for window in _split(i, encoding.ids, encoding.offsets, len(prompt), size)
    ]


def _split(
    text: int, ids: list[int], offsets: list[tuple[int, int]], prompt: int, size: int
) -> Iterator[Window]:
    # Special tokens have the offsets (0, 0) and prompt tokens end inside the prompt: neither counts as body.
    body = [i for i, (_, end) in enumerate(offsets) if end > prompt]
    first, last = (body[0], body[-1] + 1) if body else (len(ids), len(ids))
    head, tail = ids[:first], ids[last:]
    room = size - len(head) - len(tail)
    if room < 1:
        raise DataError(
            f"prompt and special tokens alone fill the window of {size} tokens: shorten the prompt"
        )
    spans = np.array(offsets[first:last], dtype=np.int64).reshape(-1, 2)
    count = max(1, math.ceil(len(spans) / room))
    for piece in np.array_split(np.arange(first, last), count):
        start, stop = (int(piece[0]), int(piece[-1]) + 1) if len(piece) else (first, last)
        yield Window(
            text=text,
            ids=[*head, *ids[start:stop], *tail],
            body=slice(len(head), len(head) + stop - start),
            offsets=np.maximum(spans[start - first : stop - first] - prompt, 0),
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

"""Spelling: where in a text the tokens stand that spell it."""

import codecs
from collections.abc import Callable, Sequence
from itertools import pairwise, takewhile

import numpy as np

from rlc.data.errors import EngineError
from rlc.data.protocols import TokenLogprobs


def scored_tokens(
    decode: Callable[[Sequence[int]], str], tokens: Sequence[int], values: Sequence[float], text: str
) -> TokenLogprobs:
    """The log-probabilities of a text's tokens, given as ids; `text` is the part of what they spell that counts.

    A token ends where its text and that of the tokens before it agrees with the text of all of them: one alone may
    be half a character.

    Raises:
        EngineError: if the tokens do not spell the text.
    """
    spoken = decode(tokens)
    ends = [_agreed(decode(tokens[: i + 1]), spoken) for i in range(len(tokens))]
    return _scored(spoken, ends, values, text)


def scored_pieces(pieces: Sequence[bytes], values: Sequence[float], text: str) -> TokenLogprobs:
    """The log-probabilities of a text's tokens, given as the bytes of each in UTF-8; as `scored_tokens`.

    Raises:
        EngineError: if the pieces do not spell the text.
    """
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    spoken, ends = "", []
    for piece in pieces:
        spoken += decoder.decode(piece)
        ends.append(len(spoken))
    return _scored(spoken + decoder.decode(b"", final=True), ends, values, text)


def _scored(spoken: str, ends: Sequence[int], values: Sequence[float], text: str) -> TokenLogprobs:
    borders = [0, *np.maximum.accumulate(np.array(ends, np.int64)).tolist()]
    borders[-1] = len(spoken)
    scored = TokenLogprobs(list(pairwise(borders)), np.array(values, np.float32))
    before = len(spoken) - len(spoken.lstrip())
    # What comes first otherwise is a thought, which may hold the same words.
    place = next((start for start in (0, before) if spoken.startswith(text, start)), spoken.rfind(text))
    if place < 0:
        raise EngineError(
            f"the tokens whose log-probabilities came spell {spoken[:60]!r}, not the answer {text[:60]!r}: take another "
            "engine, or a method without log-probabilities"
        )
    return scored.within(place, place + len(text))


def _agreed(start: str, whole: str) -> int:
    """The length of what two texts begin with alike."""
    if whole.startswith(start):
        return len(start)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(start, whole, strict=False)))

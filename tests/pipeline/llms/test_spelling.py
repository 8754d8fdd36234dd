"""Spans of tokens by hand, and the law that they tile the text, whatever the bytes."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.data.errors import EngineError
from rlc.pipeline.llms.support.spelling import scored_pieces, scored_tokens


def words(scored, text):
    return [text[a:b] for a, b in scored.spans]


def test_by_hand():
    pieces = [b" ", b"Yes", b",", " ä".encode()[:2], " ä".encode()[2:], b" no", b"\n\n", b""]
    text = "Yes, ä no"
    scored = scored_pieces(pieces, [-0.5 * i for i in range(8)], text)
    assert words(scored, text) == ["Yes", ",", " ", "ä", " no"], "no white space around, no end mark"
    assert scored.values.tolist() == [-0.5, -1.0, -1.5, -2.0, -2.5]
    assert words(scored_pieces([b"\n", b"Yes", b"\n", b"Yes"], [0.0] * 4, "\nYes"), "\nYes") == ["\n", "Yes"]
    assert scored_pieces([b"Yes?", b"Yes"], [-1.0, -2.0], "Yes").values.tolist() == [-1.0], "cut at a stop"
    assert scored_pieces([b"Hm. Yes?", b"Yes"], [-1.0, -2.0], "Yes").values.tolist() == [-2.0], (
        "after a thought"
    )
    assert words(scored.within(2, 6), "s, ä") == ["s", ",", " ", "ä"]


@given(st.text(max_size=30), st.lists(st.integers(0, 90)), st.data())
def test_tokens_tile_the_text_whatever_their_bytes(text, cuts, data):
    encoded = text.encode()
    borders = sorted({0, len(encoded), *(cut for cut in cuts if cut < len(encoded))})
    pieces = [encoded[a:b] for a, b in pairwise(borders)]
    values = -np.arange(len(pieces), dtype=np.float32)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))

    def decode(tokens):
        return b"".join(pieces[token] for token in tokens).decode(errors="replace")

    for scored in (
        scored_pieces(pieces, values, text.strip()), scored_tokens(decode, range(len(pieces)), values, text.strip())
    ):  # fmt: skip
        assert "".join(words(scored, text.strip())) == text.strip()
        assert all(a <= b for a, b in scored.spans)
        part = scored.within(start, end)
        assert "".join(words(part, text.strip()[start:end])) == text.strip()[start:end]
        assert len(part.spans) == len(part.values)


def test_tokens_of_another_text_are_refused():
    with pytest.raises(EngineError, match=r"spell 'yes', not the answer 'no': take another engine"):
        scored_pieces([b"yes"], [-1.0], "no")

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.chunkers import FixedChunker, RecursiveChunker
from rlc.data.records import Document


def pieces(chunker, text):
    return [text[span.start : span.end] for span in chunker.spans(text)]


def test_windows_by_hand():
    assert pieces(FixedChunker(size=2), "a b c d e") == ["a b ", "c d ", "e"]
    assert pieces(FixedChunker(size=3, overlap=1), "a b c d e") == ["a b c ", "c d e"]


def test_the_largest_separator_in_the_second_half_wins():
    assert pieces(RecursiveChunker(size=6), "a b c.\n\nd e f g") == ["a b c.\n\n", "d e f g"]
    assert pieces(RecursiveChunker(size=6), "A b. c d e f g h") == ["A b. c d e ", "f g h"]
    assert pieces(RecursiveChunker(size=6), "a b cow. Do e f g") == ["a b cow. ", "Do e f g"]


def test_overlap_starts_at_a_whole_word():
    words = "abcdefghi " * 4  # two approximate tokens each
    assert pieces(RecursiveChunker(size=4, overlap=3), words)[1].startswith("abcdefghi ")


@given(
    st.lists(st.sampled_from(["ab ", "c. ", "\n\n", "d"]), max_size=80), st.integers(1, 9), st.integers(0, 8)
)
def test_spans_advance_and_leave_nothing_out(parts, size, overlap):
    text = "".join(parts)
    spans = RecursiveChunker(size=size, overlap=min(overlap, size - 1)).spans(text)
    assert bool(spans) == bool(text)
    assert not spans or (spans[0].start == 0 and spans[-1].end == len(text))
    for one, next_one in itertools.pairwise(spans):
        assert one.start < next_one.start <= one.end < next_one.end


@pytest.mark.parametrize(("size", "overlap"), [(4, 4), (4, -1), (4, 9)])
def test_an_overlap_that_is_not_below_the_size_is_refused(size, overlap):
    for chunker in (FixedChunker, RecursiveChunker):
        with pytest.raises(ValueError, match=f"overlap={overlap}, size={size}"):
            chunker(size=size, overlap=overlap)


def test_the_source_is_the_id_else_the_source_else_a_digest():
    def source(**known):
        return FixedChunker().split(Document(page_content="a", **known))[0].metadata["source"]

    assert source(id="d", metadata={"source": "file"}) == "d"
    assert source(metadata={"source": "file"}) == "file"
    assert source() == source() != ""

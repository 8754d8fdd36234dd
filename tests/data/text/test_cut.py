import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.data.text.cut import cut_words, grams, is_unspaced, letters, space_out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("two words, don't", ["two", "words", "don", "t"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("灯塔由", ["灯塔", "塔由"]),
        ("建于1871年", ["建于", "1871", "年"]),
        ("ガラス", ["ガラ", "ラス"]),
        ("ที่นี่ x", ["ที่นี่", "x"]),  # two letters with two marks each
        ("", []),
    ],
)
def test_words_by_hand(text, words):
    assert cut_words(text) == words


def test_letters_take_their_marks_along():
    assert letters("ที่นี่") == ["ที่", "นี่"]
    assert letters("abc") == ["a", "b", "c"]


@given(st.text())
def test_other_words_stay_whole(text):
    if not is_unspaced(text):
        assert grams(text) == [text]
        assert space_out(text) == text

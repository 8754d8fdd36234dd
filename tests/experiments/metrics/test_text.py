import pytest

from rlc.data.text.plain import plain, sentences, stem, words
from rlc.experiments.metrics.overlap import bigrams, share


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**Net** _loss_ of `5`", "Net loss of 5"),
        ("snake_case stays", "snake_case stays"),
        (r"\(\text{up}\) by \frac{1}{2}, 5\%", "up by 1/2, 5%"),
        ("“don’t” – １２", '"don\'t" - 12'),
        ("## Title\n> quoted", "Title\nquoted"),
    ],
)
def test_plain_drops_marks_and_keeps_words(text, expected):
    assert plain(text) == expected


def test_sentences_end_at_stops_lines_and_semicolons_but_not_after_titles():
    text = 'Mr. Thompson of Acme Inc. said "no." He left; she stayed\nThe end'
    assert sentences(text) == ['Mr. Thompson of Acme Inc. said "no.', "He left;", "she stayed", "The end"]


def test_words_lose_the_possessive_and_keep_inner_apostrophes():
    assert words("the clerk's horse didn't trot") == ["the", "clerk", "horse", "didn't", "trot"]


def test_stem_joins_forms_and_leaves_three_letters():
    assert stem("increased") == stem("increasing") == stem("increases")
    assert all(len(stem(word)) >= 3 for word in ("does", "sing", "used", "ally"))


def test_bigrams_and_share():
    assert bigrams(["a", "b", "a"]) == {("a", "b"), ("b", "a")}
    assert bigrams(["a"]) == frozenset()
    assert (share(1, 2), share(0, 0), share(0, 0, empty=0.7)) == (0.5, 0.0, 0.7)

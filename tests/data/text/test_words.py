import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from rlc.chunkers.support.windows import Ruler
from rlc.data.errors import WeightsError
from rlc.data.text.words import WordCache, cuts_at_spaces_first, is_edge, with_word_cache
from rlc.data.tokens import ApproximateTokenizer, FastTokenizer, load_tokenizer, with_counted_unknowns


def bert(**normalizer):
    letters = "abcdefghijklmnopqrstuvwxyz'.,"
    pieces = ["[UNK]", *letters, *(f"##{letter}" for letter in letters), "fox", "##es"]
    inner = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer(**normalizer)
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return FastTokenizer("bert", inner)


BERT = bert()


def test_each_distinct_word_is_tokenised_once():
    seen = []

    class Counting:
        name = "counting"

        def offsets(self, text):
            seen.append(text)
            return BERT.offsets(text)

        def count(self, text):
            return BERT.count(text)

    cache = WordCache(Counting())
    assert cache.offsets("foxes, a\tfoxes,\n") == BERT.offsets("foxes, a\tfoxes,\n")
    assert cache.count("a foxes, a") == 5
    assert seen == ["foxes, a"]


words = st.sampled_from(
    [
        "fox",
        "foxes",
        "e\u0301",
        "\u0301",
        "\x00",
        "\x1c",
        "\u3000",
        "漢字",
        "[UNK]",
        " ",
        "\r\n",
        "\t",
        "x" * 101,
    ]
)


@given(st.lists(st.one_of(words, st.text(max_size=6))).map("".join), st.sampled_from([10, 10_000]))
def test_offsets_and_counts_are_the_tokenizers_own(text, limit):
    cache = WordCache(BERT, limit=limit)
    for _ in range(2):
        assert cache.offsets(text) == BERT.offsets(text)
        assert cache.count(text) == BERT.count(text)


@given(st.lists(st.one_of(words, st.text(max_size=6))).map("".join))
def test_a_slice_cut_at_white_space_is_counted_without_the_tokenizer(text):
    ruler, counted = Ruler(text, BERT), with_counted_unknowns(BERT)
    edges = [place for place in range(len(text) + 1) if is_edge(text, place)]
    for start, end in itertools.combinations(edges[:12], 2):
        assert ruler.inside(start, end) == ruler.count(start, end) == counted.count(text[start:end])


def test_what_is_remembered_is_bounded():
    """Words are dropped, and tokenised again, when they exceed the limit; until then they are not."""
    tokenised = []

    class Watched:
        name = "watched"

        def offsets(self, text):
            tokenised.append(text)
            return BERT.offsets(text)

    cache = WordCache(Watched(), limit=20)
    texts = (
        "foxes and a fox",
        "a box",
        "a fox",
        "of foxes and more",
        "a fox",
        "much more than twenty letters of words",
    )
    for text in texts:
        assert cache.offsets(text) == BERT.offsets(text)
    assert tokenised == ["foxes and a fox", "box", "of foxes and more", "a fox", texts[-1]]


def test_only_where_it_is_exact():
    assert isinstance(with_word_cache(BERT), WordCache)
    assert with_word_cache(BERT) is with_word_cache(BERT)
    plain = ApproximateTokenizer()
    assert with_word_cache(plain) is plain
    byte_level = Tokenizer(models.BPE({"a": 0}, []))
    byte_level.pre_tokenizer = pre_tokenizers.ByteLevel()
    other = FastTokenizer("byte-level", byte_level)
    assert with_word_cache(other) is other
    greedy = bert()
    greedy.backend.add_special_tokens([AddedToken("[MASK]", lstrip=True)])
    assert not cuts_at_spaces_first(greedy)


@pytest.mark.weights
def test_minilm_by_the_word_is_minilm():
    try:
        tokenizer = load_tokenizer("minilm")
    except WeightsError as error:
        pytest.skip(str(error))
    text = "Don't you [SEP] naïvely re-use 3,141.59 ﬁne\u00a0things? " * 50
    cached = with_word_cache(tokenizer)
    assert isinstance(cached, WordCache)
    assert np.array_equal(cached.borders(text), tokenizer.offsets(text))

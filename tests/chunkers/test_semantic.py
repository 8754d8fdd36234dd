import numpy as np
import pytest

from rlc.chunkers import SemanticChunker
from rlc.chunkers.semantic import breakpoints, divide, neighbour_distances


def test_distances_by_hand():
    assert neighbour_distances(np.array([[1, 0], [2, 0], [0, 3]], dtype=np.float32)) == pytest.approx([0, 1])


@pytest.mark.parametrize(
    ("rule", "threshold", "cuts"),
    [
        ("percentile", 75, [4]),  # limit 0.2: strictly above
        ("percentile", 100, []),
        ("standard-deviation", 1, [4]),  # mean 0.3, deviation 0.303
        ("standard-deviation", 3, []),
        ("interquartile", 1, [4]),  # mean 0.3, range 0.1
        ("gradient", 80, [4]),  # gradient 0.1, 0, 0, 0.4, 0.7
    ],
)
def test_breakpoints_by_hand(rule, threshold, cuts):
    distances = np.array([0.1, 0.2, 0.1, 0.2, 0.9])
    assert np.flatnonzero(breakpoints(distances, rule, threshold)).tolist() == cuts


def test_a_division_falls_at_the_largest_inner_distance():
    distances = np.array([0.1, 0.9, 0.2, 0.3])
    assert divide(0, 5, distances, lambda a, b: b - a <= 2) == [(0, 2), (2, 4), (4, 5)]
    assert divide(0, 5, distances, lambda a, b: b - a <= 3) == [(0, 2), (2, 5)]
    assert divide(0, 4, np.zeros(3), lambda a, b: b - a <= 2) == [(0, 2), (2, 4)]


TEXT = "cat cat cat. Cat cat. Cat cat cat cat. Dog dog dog. Dog dog. Dog dog dog dog. "


def chunks(chunker, text=TEXT):
    return [text[span.start : span.end] for span in chunker.spans(text)]


@pytest.mark.parametrize("exact", [False, True])
def test_the_cut_falls_where_the_words_change(encoder, exact):
    chunker = SemanticChunker(encoder, threshold=80, buffer=0, exact=exact)
    assert chunks(chunker) == [TEXT[: TEXT.index("Dog")], TEXT[TEXT.index("Dog") :]]


def test_each_sentence_is_embedded_once_unless_exact(encoder):
    SemanticChunker(encoder).spans(TEXT)
    assert "".join(encoder.embedded) == TEXT
    encoder.embedded.clear()
    SemanticChunker(encoder, exact=True).spans(TEXT)
    assert encoder.embedded[1] == "cat cat cat. Cat cat. Cat cat cat cat. "


def test_size_is_a_hard_maximum_and_least_joins(encoder):
    assert all(encoder.tokenizer.count(c) <= 6 for c in chunks(SemanticChunker(encoder, size=6)))
    assert "".join(chunks(SemanticChunker(encoder, size=6))) == TEXT
    assert chunks(SemanticChunker(encoder, threshold=0, buffer=0, least=30)) == [TEXT]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "size=0"),
        ({"least": 9, "size": 8}, "least=9, size=8"),
        ({"breakpoints": "median"}, "'median'"),
        ({"buffer": -1}, "-1"),
    ],
)
def test_bad_settings_are_refused(encoder, settings, message):
    with pytest.raises(ValueError, match=message):
        SemanticChunker(encoder, **settings)

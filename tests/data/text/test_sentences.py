import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.chunkers import SentenceChunker
from rlc.data.errors import MissingExtraError, UsageError
from rlc.data.text.sentences import split_sentences, splitter


def split(text):
    return [text[start:end].strip() for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It cost $3.14. He paid.", ["It cost $3.14.", "He paid."]),
        (
            "Dr. J. K. Rowe met Mr. and Mrs. Oak. They sat.",
            ["Dr. J. K. Rowe met Mr. and Mrs. Oak.", "They sat."],
        ),
        ("Acme Inc. The firm grew.", ["Acme Inc.", "The firm grew."]),
        ("Acme Inc. Common Stock rose.", ["Acme Inc. Common Stock rose."]),
        ("See Fig. 3 and No. 5 (approx. 20 km). Done.", ["See Fig. 3 and No. 5 (approx. 20 km).", "Done."]),
        ("Under 15 U.S.C. 78m it is so.", ["Under 15 U.S.C. 78m it is so."]),
        ("He said no. It rained.", ["He said no.", "It rained."]),
        (
            "“Stop!” he cried. “Go!” She ran... and ran.",
            ["“Stop!” he cried.", "“Go!”", "She ran... and ran."],
        ),
        ("1. Introduction\nIt begins. So.", ["1. Introduction\nIt begins.", "So."]),
        ("A title\n\nThe text.", ["A title", "The text."]),
        ("今日は。元気ですか？はい", ["今日は。", "元気ですか？", "はい"]),
        ("", []),
    ],
)
def test_sentences_by_hand(text, sentences):
    assert split(text) == sentences


@given(st.text(alphabet=st.sampled_from('aA1 .!?\n\r"”。(\u0301'), max_size=200))
def test_sentences_tile_the_text(text):
    spans = split_sentences(text)
    assert "".join(text[start:end] for start, end in spans) == text
    assert all(start < end for start, end in spans)


def test_time_is_linear():
    def seconds(text):
        start = time.process_time()
        split_sentences(text)
        return time.process_time() - start

    unit = "Mr. Fox ran 3.5 km to No. 5. " + "." * 50 + "\n" * 50 + " " * 50
    assert min(seconds(unit * 4000) for _ in range(3)) < 30 * min(seconds(unit * 400) for _ in range(3))


def test_chunks_hold_whole_sentences():
    text = "One two three. Four five. Six seven eight nine. Ten."
    spans = SentenceChunker(size=8).spans(text)
    assert [text[span.start : span.end] for span in spans] == [
        "One two three. Four five. ",
        "Six seven eight nine. Ten.",
    ]
    overlapping = SentenceChunker(size=8, overlap=3).spans(text)
    assert text[overlapping[1].start :].startswith("Four five.")


def test_an_unknown_splitter_is_refused():
    with pytest.raises(UsageError, match="did you mean 'rules'"):
        SentenceChunker(sentences="rule")


def test_a_splitter_that_is_not_installed_says_so(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "nupunkt", None)
    with pytest.raises(MissingExtraError, match="pip install nupunkt"):
        splitter("nupunkt")("A. B.")

"""Every chunker's laws."""

import functools
import math
import subprocess
import sys
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from stand_ins import TOKENIZERS, build, settings_of

from rlc.chunkers import CHUNKERS
from rlc.chunkers.base import Chunker, Span
from rlc.chunkers.support.windows import BYTES, LEAST_BYTES
from rlc.data.errors import DataError
from rlc.data.records import Document
from rlc.pipeline.families import CHUNKER

SIZE = 16
WORDS = TOKENIZERS["approximate"]


@functools.cache
def make(name, tokenizer, size=SIZE, overlap=0):
    """An entry of the table; whatever it calls its sizes, none of its chunks may be larger than `size`."""
    sized = {"size": size, "overlap": overlap, "tokenizer": tokenizer.name}
    inner = {"use": "sentence", **sized}
    if "inner" in settings_of(CHUNKER, name):
        sized = {"inner": inner, "overlap": 8}
    return build(CHUNKER, name, sizes=[size + 48, size], **sized)


def limit(name, size=SIZE):
    """The tokens that no chunk may exceed: none where the method cuts where it will."""
    return size if {"size", "sizes", "inner"} & settings_of(CHUNKER, name) else math.inf


every_chunker = pytest.mark.parametrize("name", sorted(CHUNKERS))
every_sized = pytest.mark.parametrize("name", [name for name in sorted(CHUNKERS) if limit(name) == SIZE])
every_tokenizer = pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=TOKENIZERS)
hard = st.sampled_from(
    [
        "e\u0301",
        "\r\n",
        "\n\n",
        "\u05e9\u05dc\u05d5\u05dd ",
        "\x00",
        "👩‍👩‍👧",
        "a" * 40,
        "The fox. ",
        "3.14 ",
        "\u3000",
        "漢字",
        "ภาษาไทย",
        "नमस्ते ",
        "தமிழ்",
        "مرحبا ",
        "한국어 ",
        ". . . ",
    ]
)
texts = st.lists(
    st.one_of(hard, st.text(max_size=8), st.sampled_from(["the ", "in ", "abab "])), max_size=60
).map("".join)
law = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])


def obey(chunks, text, tokenizer, size=SIZE):
    covered = set()
    for index, chunk in enumerate(chunks):
        start, end = chunk.metadata["start_index"], chunk.metadata["end_index"]
        assert text[start:end] == chunk.page_content
        assert chunk.page_content.strip()
        assert chunk.metadata["chunk_index"] == index
        assert chunk.id.startswith(f"d:{start}-{end}")
        assert end - start == 1 or tokenizer.count(chunk.page_content) <= size
        covered.update(range(start, end))
    assert len({chunk.id for chunk in chunks}) == len(chunks)
    assert all(character.isspace() for i, character in enumerate(text) if i not in covered)


@every_tokenizer
@every_chunker
@law
@given(text=texts)
def test_chunks_are_slices_that_cover_the_text_within_the_size(name, tokenizer, text):
    document = Document(page_content=text, id="d")
    chunks = make(name, tokenizer).transform_documents([document])
    obey(chunks, text, tokenizer, limit(name))
    again = make.__wrapped__(name, tokenizer).transform_documents([document])
    assert [(c.id, c.page_content) for c in again] == [(c.id, c.page_content) for c in chunks]


@every_tokenizer
@every_chunker
@law
@given(text=texts, sizes=st.integers(1, 24).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))))
@example(text="A short one. " + "word " * 60 + "The end.", sizes=(20, 4))
@example(text="\xb2 ChapterLowe; ; ;  31A \U000a3c17 \\ " + "." * 100 + " decreased\u0bc4", sizes=(1, 0))
def test_the_same_at_every_size_and_overlap(name, tokenizer, text, sizes):
    size, overlap = sizes
    chunks = make(name, tokenizer, size, overlap).split(Document(page_content=text, id="d"))
    obey(chunks, text, tokenizer, limit(name, size))
    starts = [chunk.metadata["start_index"] for chunk in chunks]
    assert starts == sorted(starts)


@every_chunker
def test_a_hundred_thousand_characters_without_a_space(name):
    text = "漢" * 50_000 + "ab" * 25_000
    obey(make(name, WORDS).split(Document(page_content=text, id="d")), text, WORDS, limit(name))


@every_chunker
@pytest.mark.parametrize("unit", [".", '."', "\n", "a\n", " ", "\t|", "# a\n", "1.", "\x00", "a | b "])
def test_no_kind_of_text_takes_more_than_linear_time(name, unit):
    text = (unit * 30_000)[:30_000] + "a"
    start = time.process_time()
    chunks = make(name, WORDS).split(Document(page_content=text, id="d"))
    assert time.process_time() - start < 2  # what is quadratic in 30,000 characters takes longer
    obey(chunks, text, WORDS, limit(name))


@every_sized
@every_tokenizer
@pytest.mark.parametrize(
    "text",
    [
        "a" + " " * 9000 + "b",
        "ACGT" * 2000,
        "ประภาคารสร้างโดยวิศวกร" * 300,
        "x\n\n\n\t" * 2000,
        "QmFzZTY0" * 900,
        "é\u0301" * 4000,
    ],
    ids=["spaces", "DNA", "Thai", "blank lines", "base64", "marks"],
)
def test_no_chunk_is_out_of_proportion_whatever_is_a_token(name, tokenizer, text):
    found = make(name, tokenizer).split(Document(page_content=text, id="d"))
    assert max(len(chunk.page_content.encode()) for chunk in found) <= max(BYTES * SIZE, LEAST_BYTES)
    obey(found, text, tokenizer, limit(name))


@every_chunker
@pytest.mark.parametrize("text", ["", " ", "\n\t\r\n \u3000"])
def test_nothing_to_cut_gives_no_chunks(name, text):
    assert make(name, WORDS).transform_documents([Document(page_content=text)]) == []


@every_chunker
def test_a_lone_surrogate_is_refused_with_its_position(name):
    with pytest.raises(DataError, match=r"character 3 .*U\+D800"):
        make(name, WORDS).split(Document(page_content="abc\ud800"))


@every_chunker
def test_what_is_not_text_is_refused(name):
    with pytest.raises(DataError, match="expected text, got bytes"):
        make(name, WORDS).split(Document.model_construct(page_content=b"abc", metadata={}, id="d"))


@every_sized
@pytest.mark.parametrize("size", [0, -1])
def test_a_size_below_one_is_refused(name, size):
    with pytest.raises(ValueError, match=f"size={size}"):
        make(name, WORDS, size)


@every_chunker
def test_settings_belong_to_the_constructor(name):
    with pytest.raises(TypeError, match="'size'"):
        make(name, WORDS).transform_documents([Document(page_content="a")], size=3)


@every_chunker
def test_the_document_is_left_alone_and_its_metadata_carried(name):
    document = Document(page_content="The fox. " * 40, id="d", metadata={"title": "Fox"})
    chunks = make(name, WORDS).split(document)
    assert document.metadata == {"title": "Fox"}
    assert all(c.metadata["title"] == "Fox" and c.metadata["source"] == "d" for c in chunks)


def test_ids_are_the_same_in_another_process():
    code = (
        "from rlc.chunkers import RecursiveChunker; from rlc.data.records import Document; "
        "print([c.id for c in RecursiveChunker(size=16).split(Document(page_content='The fox ran. ' * 30))])"
    )
    runs = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(runs) == 1
    assert ":0-" in runs.pop()


class Losing(Chunker):
    """Cuts at every tenth character, and forgets what is left."""

    def spans(self, text):
        return [Span(start, start + 10) for start in range(0, len(text) - 9, 10)]


class Shuffling(Chunker):
    """Cuts the end before the beginning, twice."""

    def spans(self, text):
        middle = len(text) // 2
        return [Span(middle, len(text)), Span(0, middle), Span(0, middle)]


class Growing(Chunker):
    """Gives all of the text at once."""

    def spans(self, text):
        return [Span(0, len(text))]


@pytest.mark.parametrize("chunker", [Losing, Shuffling, Growing])
def test_the_laws_catch_a_chunker_that_breaks_them(chunker):
    text = "The fox ran over the hill, and nobody saw where it went in the end of the long day. " * 3
    with pytest.raises(AssertionError):
        obey(chunker().split(Document(page_content=text, id="d")), text, WORDS)

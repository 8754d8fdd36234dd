import sqlite3
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.data.errors import StoreError
from rlc.data.protocols import Encoder
from rlc.retrievers.encoders.cached import CachedEncoder, seal, unseal


@pytest.fixture
def file(tmp_path):
    return tmp_path / "deep" / "vectors.sqlite"


def test_a_second_run_embeds_nothing_and_gives_the_same_bytes(words, file):
    first = CachedEncoder(words, file=file)
    texts = ["a cat", "a dog", "a cat"]
    vectors = first.encode_documents(texts)
    again = CachedEncoder(words, file=file)
    np.testing.assert_array_equal(again.encode_documents(texts[::-1]), vectors[::-1])
    assert isinstance(again, Encoder)
    assert words.seen == ["a cat", "a dog"], "a repeated text is embedded once"
    assert (first.embedded, again.embedded) == (2, 0)


def test_role_and_encoder_are_part_of_the_key(words, file):
    cached = CachedEncoder(words, file=file)
    cached.encode_documents(["a cat"])
    cached.encode_queries(["a cat"])
    words.name = "other settings"
    CachedEncoder(words, file=file).encode_documents(["a cat"])
    assert words.seen == ["a cat"] * 3


def test_no_texts(words, file):
    assert CachedEncoder(words, file=file).encode_queries([]).shape == (0, 64)


def test_not_a_database(words, tmp_path):
    file = tmp_path / "vectors.sqlite"
    file.write_text("this is no database, but a text that is long enough")
    with pytest.raises(StoreError, match="delete it, or name another file"):
        CachedEncoder(words, file=file)


def test_a_vector_of_another_length(words, file):
    CachedEncoder(words, file=file).encode_documents(["a cat"])
    words.dimension = 65
    with pytest.raises(StoreError, match="a vector of 64 numbers, expected 65"):
        CachedEncoder(words, file=file).encode_documents(["a cat"])


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_flipped_bit_gives_another_vector(place, bit):
    vector = np.arange(64, dtype=np.float32)
    raw = bytearray(seal(b"key", vector))
    raw[place % len(raw)] ^= 1 << bit
    assert unseal(b"key", bytes(raw)) is None
    assert unseal(b"another", seal(b"key", vector)) is None


@pytest.mark.parametrize(
    "damage", ["substr(vector, 1, 256)", "substr(vector, 3)", "x''", "'text'", "7", "zeroblob(264)"]
)
def test_what_is_not_as_it_was_written_is_embedded_again(words, file, damage):
    texts = ["a cat", "a dog"]
    vectors = CachedEncoder(words, file=file).encode_documents(texts)
    with sqlite3.connect(file) as connection:
        connection.execute(f"UPDATE vectors SET vector = {damage} WHERE rowid = 1")
    again = CachedEncoder(words, file=file)
    np.testing.assert_array_equal(again.encode_documents(texts), vectors)
    assert again.embedded == 2
    third = CachedEncoder(words, file=file)
    np.testing.assert_array_equal(third.encode_documents(texts), vectors)
    assert third.embedded == 0


def test_two_processes_at_once(tmp_path):
    """Both write the same and other texts at the same time; everything is there afterwards, whole."""
    code = """
import sys
from pathlib import Path
from langchain_core.embeddings import DeterministicFakeEmbedding
from rlc.retrievers.encoders.cached import CachedEncoder
from rlc.retrievers.encoders.langchain import LangChainEncoder
encoder = LangChainEncoder(DeterministicFakeEmbedding(size=16), window=100)
cached = CachedEncoder(encoder, file=Path(sys.argv[1]))
for i in range(40):
    cached.encode_documents([f"text {i}", f"text {i} of {sys.argv[2]}"])
print(cached.embedded)
"""
    file = tmp_path / "vectors.sqlite"
    command = [sys.executable, "-c", code, str(file)]
    running = [subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in "ab"]
    embedded = [int(process.communicate(timeout=60)[0]) for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert 120 <= sum(embedded) <= 160
    again = subprocess.run([*command, "a"], capture_output=True, text=True, check=True)
    assert again.stdout.strip() == "0"

"""Every chunker's laws."""

import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from rlc.chunkers import CHUNKERS, SentenceChunker
from rlc.data.errors import DataError
from rlc.data.lazy import load
from rlc.data.protocols import Generation, TokenEmbeddings
from rlc.data.records import Document
from rlc.data.tokens import ApproximateTokenizer, FastTokenizer

SIZE = 16


def bert_like():
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'\"-()"
    words = ["the", "in", "fox", "##ing", "##ed", "an", "ab", "##ab"]
    pieces = ["[UNK]", *letters, *(f"##{letter}" for letter in letters), *words]
    inner = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer()
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return FastTokenizer("bert-like", inner)


def byte_level():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {piece: i for i, piece in enumerate([*alphabet, "th", "the", "Ġthe", "in", "ab", "abab"])}
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("i", "n"), ("a", "b"), ("ab", "ab")]
    inner = Tokenizer(models.BPE(vocabulary, merges))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return FastTokenizer("byte-level", inner)


TOKENIZERS = [ApproximateTokenizer(), bert_like(), byte_level()]


class Encoder:
    """Counts letters: enough to have vectors."""

    name, dimension, window, pooling = "letters", 4, 40, "mean"
    tokenizer = ApproximateTokenizer()

    def encode_documents(self, texts):
        return np.stack([self._letters(text) for text in texts])

    encode_queries = encode_documents

    def encode_tokens(self, texts):
        return [
            TokenEmbeddings(
                np.array([self._letters(text[a:b]) for a, b in self.tokenizer.offsets(text)]).reshape(-1, 4),
                np.array(self.tokenizer.offsets(text), dtype=np.int64).reshape(-1, 2),
            )
            for text in texts
        ]

    def _letters(self, text):
        counts = np.array([text.count(letter) for letter in "aen "], dtype=np.float32)
        return (counts + 1) / np.linalg.norm(counts + 1)


class Writer:
    """Writes two facts of every other passage, and nonsense of the rest."""

    name, window, tokenizer = "writer", 1000, ApproximateTokenizer()

    def count(self, prompt):
        return self.tokenizer.count(prompt.prefix + prompt.question)

    def generate(self, prompts, **settings):
        return [Generation('["One.", "Two."]' if len(p.question) % 2 else "None.") for p in prompts]


def make(name, tokenizer, size=SIZE, overlap=0):
    sized = {"size": size, "tokenizer": tokenizer}
    inner = {"inner": SentenceChunker(**sized, overlap=overlap)}
    settings = {
        "semantic": {**sized, "encoder": Encoder()},
        "proposition": {"llm": Writer(), **inner},
        "hierarchy": {"sizes": [4 * size, size], "overlap": overlap, "tokenizer": tokenizer},
        "contextual": inner,
        "passages": inner,
        "late": {"encoder": Encoder(), "overlap": 8, **inner},
    }
    return load(CHUNKERS[name])(**settings.get(name, {**sized, "overlap": overlap}))


every_chunker = pytest.mark.parametrize("name", sorted(CHUNKERS))
every_tokenizer = pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=lambda tokenizer: tokenizer.name)
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
    obey(chunks, text, tokenizer)
    again = make(name, tokenizer).transform_documents([document])
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
    obey(chunks, text, tokenizer, size)
    starts = [chunk.metadata["start_index"] for chunk in chunks]
    assert starts == sorted(starts)


@every_chunker
def test_a_hundred_thousand_characters_without_a_space(name):
    text = "漢" * 50_000 + "ab" * 25_000
    obey(make(name, TOKENIZERS[0]).split(Document(page_content=text, id="d")), text, TOKENIZERS[0])


@every_chunker
@pytest.mark.parametrize("unit", [".", '."', "\n", "a\n", " ", "\t|", "# a\n", "1.", "\x00", "a | b "])
def test_no_kind_of_text_takes_more_than_linear_time(name, unit):
    text = (unit * 30_000)[:30_000] + "a"
    start = time.process_time()
    chunks = make(name, TOKENIZERS[0]).split(Document(page_content=text, id="d"))
    assert time.process_time() - start < 2  # what is quadratic in 30,000 characters takes longer
    obey(chunks, text, TOKENIZERS[0])


@every_chunker
@pytest.mark.parametrize("text", ["", " ", "\n\t\r\n \u3000"])
def test_nothing_to_cut_gives_no_chunks(name, text):
    assert make(name, TOKENIZERS[0]).transform_documents([Document(page_content=text)]) == []


@every_chunker
def test_a_lone_surrogate_is_refused_with_its_position(name):
    with pytest.raises(DataError, match=r"character 3 .*U\+D800"):
        make(name, TOKENIZERS[0]).split(Document(page_content="abc\ud800"))


@every_chunker
def test_what_is_not_text_is_refused(name):
    with pytest.raises(DataError, match="expected text, got bytes"):
        make(name, TOKENIZERS[0]).split(Document.model_construct(page_content=b"abc", metadata={}, id="d"))


@every_chunker
@pytest.mark.parametrize("size", [0, -1])
def test_a_size_below_one_is_refused(name, size):
    with pytest.raises(ValueError, match=f"size={size}"):
        make(name, TOKENIZERS[0], size)


@every_chunker
def test_settings_belong_to_the_constructor(name):
    with pytest.raises(TypeError, match="'size'"):
        make(name, TOKENIZERS[0]).transform_documents([Document(page_content="a")], size=3)


@every_chunker
def test_the_document_is_left_alone_and_its_metadata_carried(name):
    document = Document(page_content="The fox. " * 40, id="d", metadata={"title": "Fox"})
    chunks = make(name, TOKENIZERS[0]).split(document)
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

import numpy as np
import pytest

from rlc.chunkers import LateChunker, RecursiveChunker, SentenceChunker
from rlc.data.errors import UnsupportedError
from rlc.data.records import Document

TEXT = "Ann has a cat. It sleeps all day. Bob has a dog that it fears. They met once in May. "


def vectors(chunker, text):
    return np.array([span.metadata["embedding"] for span in chunker.spans(text)])


def test_a_vector_is_the_mean_of_the_states_inside(encoder):
    [states] = encoder.encode_tokens([TEXT])
    chunker = LateChunker(encoder, inner=SentenceChunker(size=8), overlap=0)
    for span in chunker.spans(TEXT):
        inside = (states.offsets[:, 0] >= span.start) & (states.offsets[:, 0] < span.end)
        mean = states.vectors[inside].mean(axis=0)
        assert span.metadata["embedding"] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)
        assert span.metadata["embedding_model"] == "toy"


def test_one_chunk_is_the_document_itself(encoder):
    [vector] = vectors(LateChunker(encoder, inner=SentenceChunker(size=30), overlap=8), TEXT)
    assert vector == pytest.approx(encoder.encode_documents([TEXT])[0], abs=1e-6)


def test_a_vector_depends_on_what_stands_around_it(encoder):
    chunker = LateChunker(encoder, inner=SentenceChunker(size=8), overlap=0)
    alone, after = vectors(chunker, TEXT), vectors(chunker, "Zoe sings aloud at noon. " + TEXT)
    assert not np.allclose(alone[-1], after[-1])


def test_a_window_as_long_as_the_document_is_plain_late_chunking(encoder):
    inner = SentenceChunker(size=8)
    plain = vectors(LateChunker(encoder, inner, window=32, overlap=0), TEXT)
    same = vectors(LateChunker(encoder, inner, window=31, overlap=30), TEXT)
    assert np.array_equal(plain, same)


def test_long_documents_are_read_in_overlapping_windows_up_to_their_end(encoder):
    text = " ".join(f"Word{i} of many." for i in range(200))
    inner = RecursiveChunker(size=10, overlap=4)
    found = vectors(LateChunker(encoder, inner, overlap=8), text)
    assert len(found) == len(inner.spans(text))
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    assert encoder.tokenizer.count(text) > 10 * encoder.window


def test_chunks_bring_their_vectors(encoder):
    chunks = LateChunker(encoder, overlap=8).split(Document(page_content=TEXT, id="d"))
    assert [c.page_content for c in chunks] == [TEXT]
    assert chunks[0].metadata["embedding"].shape == (8,)


def test_a_model_that_pools_otherwise_is_refused(encoder):
    encoder.pooling = "cls"
    with pytest.raises(UnsupportedError, match="toy pools by 'cls'"):
        LateChunker(encoder)


def test_a_model_without_token_states_says_so(encoder):
    def refuse(texts):
        raise UnsupportedError("no token embeddings")

    encoder.encode_tokens = refuse
    with pytest.raises(UnsupportedError, match="no token embeddings"):
        LateChunker(encoder, overlap=0).spans(TEXT)


def test_an_overlap_as_long_as_the_window_is_refused(encoder):
    with pytest.raises(ValueError, match="overlap=32, size=32"):
        LateChunker(encoder, overlap=32)

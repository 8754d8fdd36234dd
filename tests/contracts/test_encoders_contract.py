"""Every encoder's laws: a unit vector a text, whatever its company, and token states that lie in the text; or weights of terms,
or vectors of tokens alone."""

import numpy as np
import pytest
from stand_ins import LetterEncoder, MultiVectorLetterEncoder, SparseLetterEncoder, build

from rlc.data.errors import UnsupportedError
from rlc.data.protocols import Encoder, MultiVectorEncoder, SparseEncoder, SparseVector
from rlc.pipeline.families import ENCODER, MULTI_VECTOR_ENCODER, SPARSE_ENCODER
from rlc.retrievers import ENCODERS
from rlc.retrievers.encoders import MULTI_VECTOR_ENCODERS, SPARSE_ENCODERS

every_encoder = pytest.mark.parametrize("name", sorted(ENCODERS))
TEXTS = ["the cat sat", "a dog", "net income rose and the bird sings", "the cat sat"]


@pytest.fixture(autouse=True)
def _vectors_are_kept_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("RLC_CACHE", str(tmp_path))


def obey(encoder):
    assert isinstance(encoder, Encoder)
    for encode in (encoder.encode_documents, encoder.encode_queries):
        vectors = encode(TEXTS)
        assert vectors.dtype == np.float32
        assert vectors.shape == (len(TEXTS), encoder.dimension), "a vector a text"
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4, err_msg="unit vectors")
        np.testing.assert_allclose(vectors[0], vectors[3], atol=1e-5, err_msg="equal texts")
        alone = np.concatenate([encode([text]) for text in TEXTS])
        np.testing.assert_allclose(alone, vectors, atol=1e-4, err_msg="company")
        assert encode([]).shape == (0, encoder.dimension), "a vector a text"
    try:
        states = encoder.encode_tokens(TEXTS)
    except UnsupportedError:
        return
    assert len(states) == len(TEXTS)
    for text, one in zip(TEXTS, states, strict=True):
        assert one.vectors.shape == (len(one.offsets), encoder.dimension), "a state a token"
        assert one.offsets.ravel().tolist() == sorted(one.offsets.ravel().tolist()), "tokens in the text"
        assert 0 <= one.offsets.min() < one.offsets.max() <= len(text), "tokens in the text"


@every_encoder
def test_every_encoder_gives_unit_vectors_whatever_the_company(name, weights, model_server):
    settings = {"device": "cpu", "dtype": "float32", "base_url": model_server}
    obey(build(ENCODER, name, weights=weights(ENCODER, name), **settings))


def test_the_stand_in_is_an_encoder():
    obey(LetterEncoder())


class Long(LetterEncoder):
    def encode_documents(self, texts):
        return 2 * super().encode_documents(texts)


class Missing(LetterEncoder):
    def encode_documents(self, texts):
        return super().encode_documents(texts)[1:]


class Social(LetterEncoder):
    """A text's vector depends on who stands beside it."""

    def encode_documents(self, texts):
        vectors = super().encode_documents(texts)
        mixed = vectors + vectors.mean(axis=0) if len(texts) else vectors
        return mixed / np.linalg.norm(mixed, axis=1, keepdims=True)


class Outside(LetterEncoder):
    def encode_tokens(self, texts):
        return [type(one)(one.vectors, one.offsets + 50) for one in super().encode_tokens(texts)]


@pytest.mark.parametrize("evil", [Long, Missing, Social, Outside])
def test_the_laws_catch_an_encoder_that_breaks_them(evil):
    with pytest.raises(AssertionError, match=r"unit vectors|a vector a text|company|tokens in the text"):
        obey(evil())


def obey_sparsely(encoder):
    assert isinstance(encoder, SparseEncoder)
    for encode in (encoder.weigh_documents, encoder.weigh_queries):
        found = encode(TEXTS)
        assert len(found) == len(TEXTS), "a vector a text"
        alone = [encode([text])[0] for text in TEXTS]
        for (terms, weights), (own_terms, own_weights) in zip(
            [*found, found[0]], [*alone, found[3]], strict=True
        ):
            assert len(terms) == len(weights) == len(set(terms.tolist())), "a weight a term"
            assert (weights > 0).all(), "a weight a term"
            assert set(terms.tolist()) <= set(range(encoder.dimension)), "a weight a term"
            np.testing.assert_array_equal(terms, own_terms, err_msg="company")
            np.testing.assert_allclose(weights, own_weights, rtol=1e-4, err_msg="company")
        assert encode([]) == [], "a vector a text"


@pytest.mark.parametrize("name", sorted(SPARSE_ENCODERS))
def test_every_sparse_encoder_weighs_terms_whatever_the_company(name, weights):
    obey_sparsely(build(SPARSE_ENCODER, name, weights=weights(SPARSE_ENCODER, name), device="cpu"))


def test_the_stand_in_is_a_sparse_encoder():
    obey_sparsely(SparseLetterEncoder())


class Negative(SparseLetterEncoder):
    def weigh_documents(self, texts):
        return [SparseVector(one.terms, one.weights - 1) for one in super().weigh_documents(texts)]


class Beyond(SparseLetterEncoder):
    dimension = 10


class Crowd(SparseLetterEncoder):
    def weigh_documents(self, texts):
        return [SparseVector(one.terms, one.weights * len(texts)) for one in super().weigh_documents(texts)]


@pytest.mark.parametrize("evil", [Negative, Beyond, Crowd])
def test_the_laws_catch_a_sparse_encoder_that_breaks_them(evil):
    with pytest.raises(AssertionError, match=r"a weight a term|company"):
        obey_sparsely(evil())


def obey_token_by_token(encoder):
    assert isinstance(encoder, MultiVectorEncoder)
    for encode in (encoder.encode_document_tokens, encoder.encode_query_tokens):
        found = encode([*TEXTS, ""])
        assert len(found) == len(TEXTS) + 1, "vectors of every text"
        for one, text in zip(found, [*TEXTS, ""], strict=True):
            assert one.dtype == np.float32
            assert one.shape == (len(one), encoder.dimension), "vectors of every text"
            assert len(one) > 0, "vectors of every text"
            np.testing.assert_allclose(one, encode([text])[0], atol=1e-4, err_msg="company")
        assert list(encode([])) == [], "vectors of every text"


@pytest.mark.parametrize("name", sorted(MULTI_VECTOR_ENCODERS))
def test_every_multi_vector_encoder_embeds_tokens_whatever_the_company(name, weights):
    folder = weights(MULTI_VECTOR_ENCODER, name)
    obey_token_by_token(build(MULTI_VECTOR_ENCODER, name, weights=folder, device="cpu"))


def test_the_stand_in_is_a_multi_vector_encoder():
    obey_token_by_token(MultiVectorLetterEncoder())


class Empty(MultiVectorLetterEncoder):
    def encode_document_tokens(self, texts):
        return [self.encode_documents(text.split()) for text in texts]


class Padded(MultiVectorLetterEncoder):
    """Every text has as many vectors as the longest beside it."""

    def encode_document_tokens(self, texts):
        longest = max((len(text.split()) for text in texts), default=0)
        return [self.encode_documents([*text.split(), *" " * longest][: longest + 1]) for text in texts]


@pytest.mark.parametrize("evil", [Empty, Padded])
def test_the_laws_catch_a_multi_vector_encoder_that_breaks_them(evil):
    with pytest.raises(AssertionError, match=r"vectors of every text|company"):
        obey_token_by_token(evil())

import numpy as np
import pytest
from sentence_transformers import SparseEncoder

from rlc.data.errors import DataError, WeightsError
from rlc.data.protocols import SparseVector
from rlc.retrievers.encoders.splade import SpladeEncoder, strongest

SHORT = ["the cat sat", "a dog", "net income rose the bird sings", ""]
LONG = " ".join(["one two three four five six seven eight"] * 10)


@pytest.fixture(scope="module")
def splade(tiny_splade):
    return SpladeEncoder(str(tiny_splade), device="cpu")


def dense(vectors, dimension):
    rows = np.zeros((len(vectors), dimension), np.float32)
    for row, (terms, weights) in zip(rows, vectors, strict=True):
        row[terms] = weights
    return rows


def test_weights_are_those_of_the_paper(splade, tiny_splade):
    """max over tokens of ln(1 + ReLU(logit)), of the language model itself."""
    import torch
    from transformers import AutoTokenizer, BertForMaskedLM

    tokenizer, model = (
        AutoTokenizer.from_pretrained(tiny_splade),
        BertForMaskedLM.from_pretrained(tiny_splade),
    )
    with torch.inference_mode():
        logits = model(**tokenizer("the cat sat", return_tensors="pt")).logits[0]
    [found] = splade.weigh_documents(["the cat sat"])
    np.testing.assert_allclose(
        dense([found], splade.dimension)[0], logits.relu().log1p().amax(0), rtol=1e-5, atol=1e-6
    )
    assert (found.terms.dtype, found.weights.dtype) == (np.int32, np.float32)
    assert 0 < len(found.terms) < splade.dimension, "terms without weight are left out"


def test_equals_sentence_transformers_where_nothing_is_long(splade, tiny_splade):
    peer = SparseEncoder(str(tiny_splade), device="cpu")
    for encode, expected in (
        (splade.weigh_documents, peer.encode_document(SHORT)),
        (splade.weigh_queries, peer.encode_query(SHORT)),
    ):
        np.testing.assert_allclose(
            dense(encode(SHORT), splade.dimension), expected.to_dense(), rtol=1e-5, atol=1e-6
        )


def test_a_limit_of_terms_that_the_checkpoint_has_is_held(tiny_splade, tmp_path):
    model = SparseEncoder(str(tiny_splade), device="cpu", max_active_dims=3)
    model.save(str(tmp_path))
    limited = SpladeEncoder(str(tmp_path), device="cpu")
    np.testing.assert_allclose(
        dense(limited.weigh_documents(SHORT), limited.dimension),
        model.encode_document(SHORT).to_dense(),
        rtol=1e-5,
        atol=1e-6,
    )
    assert [len(one.terms) for one in limited.weigh_documents(SHORT)] == [3] * len(SHORT)


def test_by_hand_the_largest_weight_of_each_term():
    def vector(terms, weights):
        return SparseVector(np.array(terms, np.int32), np.array(weights, np.float32))

    terms, weights = strongest([vector([4, 1], [2, 1]), vector([4, 9], [3, 5]), vector([], [])])
    assert (terms.tolist(), weights.tolist()) == ([1, 4, 9], [1, 3, 5])


def test_a_long_text_is_read_whole_in_windows(tiny_splade):
    encoder = SpladeEncoder(str(tiny_splade), device="cpu")
    # 80 words in windows of 30: three of equal length.
    words = LONG.split()
    windows = encoder.weigh_documents([" ".join(words[a:b]) for a, b in ((0, 27), (27, 54), (54, 80))])
    assert encoder.pooled == 0
    [found] = encoder.weigh_documents([LONG])
    assert encoder.pooled == 1
    np.testing.assert_allclose(
        dense([found], encoder.dimension)[0], dense(windows, encoder.dimension).max(axis=0), rtol=1e-5
    )
    with pytest.raises(DataError, match="1 of 2 texts are longer than the window of 32 tokens, the first at"):
        SpladeEncoder(str(tiny_splade), device="cpu", long_text="refuse").weigh_documents(["a", LONG])


def test_queries_without_a_model(splade, tiny_splade, tmp_path):
    """A query is then its own words, each with its weight in a table; a long one is no matter."""
    import torch
    from sentence_transformers.base.modules import Router
    from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding

    both = SparseEncoder(str(tiny_splade), device="cpu")
    table = torch.arange(len(both.tokenizer), dtype=torch.float32)
    asking = SparseStaticEmbedding(both.tokenizer, weight=table)
    router = Router.for_query_document(query_modules=[asking], document_modules=list(both))
    SparseEncoder(modules=[router], similarity_fn_name="dot").save(str(tmp_path))
    encoder = SpladeEncoder(str(tmp_path), device="cpu")
    ids = both.tokenizer.convert_tokens_to_ids
    query, long, empty = encoder.weigh_queries(["cat the cat", LONG, ""])
    assert dict(zip(query.terms, query.weights, strict=True)) == {ids(w): ids(w) for w in ("the", "cat")}
    assert long.terms.tolist() == sorted(ids(LONG.split()[:8]))
    assert empty.terms.tolist() == []
    for mine, other in zip(encoder.weigh_documents(SHORT), splade.weigh_documents(SHORT), strict=True):
        np.testing.assert_allclose(
            dense([mine], splade.dimension), dense([other], splade.dimension), rtol=1e-5, atol=1e-6
        )


def test_bad_models_and_settings(tiny_splade, tiny_folder, tmp_path):
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    with pytest.raises(WeightsError, match="does not say that it was trained as a SparseEncoder"):
        SpladeEncoder(str(tiny_folder))
    plain = AutoModelForMaskedLM.from_pretrained(tiny_splade)  # a language model as anybody saves it
    plain.save_pretrained(tmp_path / "plain")
    AutoTokenizer.from_pretrained(tiny_splade).save_pretrained(tmp_path / "plain")
    with pytest.raises(WeightsError, match=r'SparseEncoder\(.*plain"\).save'):
        SpladeEncoder(str(tmp_path / "plain"))
    SparseEncoder(str(tmp_path / "plain"), device="cpu").save(str(tmp_path / "said"))
    assert SpladeEncoder(str(tmp_path / "said"), device="cpu").dimension
    with pytest.raises(WeightsError, match="no model folder at"):
        SpladeEncoder("./nowhere")
    with pytest.raises(ValueError, match="window must be between 1 and the model's 32 positions, got 33"):
        SpladeEncoder(str(tiny_splade), window=33)
    with pytest.raises(ValueError, match="long_text must be one of pool, refuse"):
        SpladeEncoder(str(tiny_splade), long_text="cut")
    SparseEncoder(str(tiny_splade), similarity_fn_name="cosine").save(str(tmp_path))
    with pytest.raises(WeightsError, match="compares texts by cosine"):
        SpladeEncoder(str(tmp_path))

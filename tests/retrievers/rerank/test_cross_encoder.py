import numpy as np
import pytest
from langchain_core.documents import Document
from sentence_transformers import CrossEncoder

from rlc.data.errors import DataError, WeightsError
from rlc.retrievers.rerank import CrossEncoderReranker

TEXTS = ["the cat sat", "a dog", "net income rose and the bird sings", "the cat"]
LONG = " ".join(["one two three four five six seven eight"] * 10)


@pytest.fixture
def reranker(tiny_cross_encoder):
    return CrossEncoderReranker(model=str(tiny_cross_encoder), dtype="float32", device="cpu")


def test_scores_are_sentence_transformers_logits(reranker, tiny_cross_encoder):
    from torch.nn import Identity

    peer = CrossEncoder(str(tiny_cross_encoder), device="cpu", activation_fn=Identity())
    expected = peer.predict([("the cat", text) for text in TEXTS])
    np.testing.assert_allclose(reranker.scores("the cat", TEXTS), expected, atol=1e-5)


def test_best_first_with_what_was_before(reranker):
    given = [Document(id=f"d{i}", page_content=text) for i, text in enumerate(TEXTS)]
    scores = reranker.scores("the cat", TEXTS)
    found = reranker.compress_documents(given, "the cat")
    assert [document.id for document in found] == [f"d{i}" for i in np.argsort(-scores, kind="stable")]
    assert [document.metadata["rank"] for document in found] == [1, 2, 3, 4]
    assert {f"d{document.metadata['rank_before'] - 1}" == document.id for document in found} == {True}
    assert all(document.metadata == {} for document in given)


def test_a_long_passage_scores_as_its_best_window(reranker):
    words = LONG.split()  # 80 tokens beside a query of 2 and 3 special tokens: 3 windows of 27, 27 and 26
    windows = [" ".join(words[a:b]) for a, b in ((0, 27), (27, 54), (54, 80))]
    assert reranker.scores("the cat", [LONG])[0] == pytest.approx(
        max(reranker.scores("the cat", windows)), abs=1e-5
    )
    assert reranker.pooled == 1


def test_a_long_passage_is_refused_where_told(tiny_cross_encoder):
    strict = CrossEncoderReranker(model=str(tiny_cross_encoder), long_text="refuse", device="cpu")
    with pytest.raises(DataError, match="1 of 2 passages do not fit into 32 tokens"):
        strict.scores("the cat", ["a", LONG])


def test_bad_input(reranker, tiny_cross_encoder, tiny_folder, tmp_path):
    with pytest.raises(DataError, match="fill the window of 32"):
        reranker.scores(LONG, ["a"])
    with pytest.raises(WeightsError, match="cannot load the cross-encoder"):
        CrossEncoderReranker(model=str(tmp_path)).scores("q", ["a"])
    with pytest.raises(WeightsError, match="lack 2 of the weights that BertForSequenceClassification needs"):
        CrossEncoderReranker(model=str(tiny_folder)).scores("q", ["a"])
    with pytest.raises(ValueError, match="window must be at most the model's 32"):
        CrossEncoderReranker(model=str(tiny_cross_encoder), window=64, device="cpu").scores("q", ["a"])


def test_scores_in_half_precision_are_near(tiny_cross_encoder, reranker):
    half = CrossEncoderReranker(model=str(tiny_cross_encoder), dtype="bfloat16", device="cpu")
    np.testing.assert_allclose(half.scores("the cat", TEXTS), reranker.scores("the cat", TEXTS), atol=0.1)
    probed = CrossEncoderReranker(model=str(tiny_cross_encoder), dtype="auto", device="cpu")
    np.testing.assert_allclose(probed.scores("the cat", TEXTS), reranker.scores("the cat", TEXTS), atol=0.1)

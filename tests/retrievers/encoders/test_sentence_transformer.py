import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from rlc.data.errors import DataError, WeightsError
from rlc.data.protocols import Encoder
from rlc.retrievers.encoders import sentence_transformer
from rlc.retrievers.encoders.sentence_transformer import SentenceEncoder, is_close
from rlc.retrievers.encoders.support.loading import load_model

SHORT = ["the cat sat", "a dog", "", "net income rose the bird sings"]
LONG = " ".join(["one two three four five six seven eight"] * 10)


def test_is_an_encoder(tiny):
    assert isinstance(tiny, Encoder)
    assert (tiny.dimension, tiny.window, tiny.pooling) == (16, 32, "mean")


def test_equals_sentence_transformers_where_nothing_is_long(tiny, tiny_folder):
    peer = SentenceTransformer(str(tiny_folder), device="cpu")
    peer.max_seq_length = 32
    expected = peer.encode(SHORT, normalize_embeddings=True)
    np.testing.assert_allclose(tiny.encode_documents(SHORT), expected, atol=1e-6)
    np.testing.assert_allclose(tiny.encode_queries(SHORT), expected, atol=1e-6)


def test_order_and_company_do_not_matter(tiny):
    together = tiny.encode_documents(SHORT)
    alone = np.concatenate([tiny.encode_documents([text]) for text in SHORT])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)


def test_the_window_is_the_models_not_the_shipped_one(tiny):
    """The model ships cut to 8 tokens: a word at place 20 must still count."""
    text = " ".join(["cat"] * 20)
    assert not np.allclose(tiny.encode_documents([text]), tiny.encode_documents([text + " dog"]), atol=1e-4)


def test_a_long_text_is_the_weighted_mean_of_its_windows(tiny):
    before = tiny.pooled
    pieces = LONG.split()  # 80 tokens: 3 windows of 27, 27 and 26 with room for 30
    windows = [" ".join(pieces[a:b]) for a, b in ((0, 27), (27, 54), (54, 80))]
    expected = np.average(tiny.encode_documents(windows), axis=0, weights=[27, 27, 26])
    found = tiny.encode_documents([LONG])[0]
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), atol=1e-5)
    assert tiny.pooled == before + 1


def test_a_long_text_is_refused_where_told(tiny_folder):
    encoder = SentenceEncoder(str(tiny_folder), dtype="float32", long_text="refuse", device="cpu")
    with pytest.raises(DataError, match="1 of 2 texts are longer than the window of 32 tokens"):
        encoder.encode_documents(["a cat", LONG])


def test_prompts_are_read_but_not_part_of_the_text(tiny_folder, tiny):
    prompted = SentenceEncoder(str(tiny_folder), dtype="float32", query_prompt="the ", device="cpu")
    np.testing.assert_allclose(
        prompted.encode_queries(["cat sat"]), tiny.encode_documents(["the cat sat"]), atol=1e-6
    )
    np.testing.assert_allclose(
        prompted.encode_documents(["cat sat"]), tiny.encode_documents(["cat sat"]), atol=1e-6
    )
    assert prompted.name != tiny.name


def test_token_states_mean_is_the_sentence_but_for_special_tokens(tiny):
    text = "the cat sat"
    states = tiny.encode_tokens([text, "a"])[0]
    assert [text[a:b] for a, b in states.offsets] == ["the", "cat", "sat"]
    assert states.vectors.shape == (3, 16)
    assert states.vectors.dtype == np.float32
    with pytest.raises(DataError, match="longer than the window"):
        tiny.encode_tokens([LONG])


def test_no_texts(tiny):
    assert tiny.encode_documents([]).shape == (0, 16)


@pytest.mark.parametrize(("cosine", "dtype"), [(0.9995, "bfloat16"), (0.5, "float32")])
def test_bfloat16_if_it_keeps_the_vectors(tiny_folder, monkeypatch, cosine, dtype):
    turned = np.array([[cosine, (1 - cosine**2) ** 0.5]], np.float32)
    made = iter([np.array([[1, 0]], np.float32), turned])
    monkeypatch.setattr(sentence_transformer, "forward", lambda *_: next(made))
    encoder = SentenceEncoder(str(tiny_folder), device="cpu", dtype="bfloat16-if-close")
    assert encoder.dtype == dtype
    assert f" dtype={dtype} " in encoder.name


def test_a_model_against_itself_is_close(tiny_folder):
    assert is_close(load_model("SentenceTransformer", str(tiny_folder), None, "cpu"), 32)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window": 33}, "window must be between 1 and the model's 32 positions, got 33"),
        ({"dtype": "int8"}, "dtype must be one of"),
        ({"long_text": "cut"}, "long_text must be one of pool, refuse"),
    ],
)
def test_bad_settings(tiny_folder, settings, message):
    with pytest.raises(ValueError, match=message):
        SentenceEncoder(str(tiny_folder), device="cpu", **settings)


def test_no_model_there(tmp_path):
    with pytest.raises(WeightsError, match="cannot load the encoder"):
        SentenceEncoder(str(tmp_path), device="cpu")


@pytest.mark.weights
def test_minilm_reads_512_tokens_and_bfloat16_agrees():
    try:
        exact = SentenceEncoder("minilm", dtype="float32")
    except WeightsError as error:
        pytest.skip(str(error))
    fast = SentenceEncoder("minilm", dtype="bfloat16")
    texts = ["Net income was $1,093,095 in fiscal 2019. " * n for n in (1, 5, 30)]
    agreement = (exact.encode_documents(texts) * fast.encode_documents(texts)).sum(axis=1)
    assert exact.window == 512
    assert agreement.min() > 0.999

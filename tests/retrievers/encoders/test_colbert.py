import json
import shutil

import numpy as np
import pytest

from rlc.data.errors import DataError, WeightsError
from rlc.data.protocols import Encoder, MultiVectorEncoder
from rlc.retrievers.encoders.colbert import ColBERTEncoder

LONG = " ".join(
    ["one two three four five six seven eight"] * 3
)  # 24 tokens, and 4 for what stands around them


@pytest.fixture(scope="module")
def colbert(tiny_colbert):
    return ColBERTEncoder(str(tiny_colbert), device="cpu")


@pytest.fixture(scope="module")
def by_hand(tiny_colbert):
    """Unit vectors of the tokens, projected; `[MASK]` is read by nobody and reads the others."""
    import torch
    from safetensors.torch import load_file
    from transformers import AutoTokenizer, BertModel

    tokenizer, weights = (
        AutoTokenizer.from_pretrained(tiny_colbert),
        load_file(tiny_colbert / "model.safetensors"),
    )
    model = BertModel.from_pretrained(tiny_colbert).eval()

    def vectors(tokens):
        ids = torch.tensor([tokenizer.convert_tokens_to_ids(tokens.split())])
        seen = torch.tensor([[int(token != "[MASK]") for token in tokens.split()]])
        with torch.inference_mode():
            states = (
                model(input_ids=ids, attention_mask=seen).last_hidden_state[0] @ weights["linear.weight"].T
            )
        return (states / states.norm(dim=-1, keepdim=True)).numpy()

    return vectors


def test_a_query_has_its_marker_and_is_filled_up(colbert, by_hand):
    asked, long = colbert.encode_query_tokens(["the cat sat", LONG])
    expected = by_hand("[CLS] [unused0] the cat sat [SEP] " + "[MASK] " * 6)
    np.testing.assert_allclose(asked, expected, atol=1e-5)
    np.testing.assert_allclose(long, by_hand(f"[CLS] [unused0] {LONG} [SEP]"), atol=1e-5)


def test_a_document_has_its_marker_and_no_punctuation(colbert, by_hand):
    [found] = colbert.encode_document_tokens(["the cat , sat ."])
    expected = by_hand("[CLS] [unused1] the cat , sat . [SEP]")
    np.testing.assert_allclose(found, expected[[0, 1, 2, 3, 5, 7]], atol=1e-5)


def test_a_long_document_is_read_whole_in_windows(colbert, by_hand):
    assert colbert.window == 24
    [found] = colbert.encode_document_tokens([LONG])
    words = LONG.split()
    halves = [by_hand(f"[CLS] [unused1] {' '.join(half)} [SEP]") for half in (words[:12], words[12:])]
    np.testing.assert_allclose(found, np.concatenate(halves), atol=1e-5)


def test_a_folder_of_pylate_is_read_alike(colbert, tiny_colbert, tmp_path):
    from safetensors.torch import load_file, save_file

    weights = load_file(tiny_colbert / "model.safetensors")
    folder = tmp_path / "pylate"
    (folder / "1_Dense").mkdir(parents=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_colbert / name, folder)
    save_file({"linear.weight": weights.pop("linear.weight")}, folder / "1_Dense" / "model.safetensors")
    bare = {name.removeprefix("bert."): value for name, value in weights.items()}
    save_file(bare, folder / "model.safetensors", metadata={"format": "pt"})
    config = {**json.loads((tiny_colbert / "config.json").read_text()), "architectures": ["BertModel"]}
    dense = {"in_features": 16, "out_features": 8, "bias": False}
    files = {
        "config.json": config,
        "sentence_bert_config.json": {"max_seq_length": 24, "do_lower_case": False},
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Dense", "type": "pylate.models.Dense.Dense"},
        ],
        "config_sentence_transformers.json": {
            "model_type": "ColBERT",
            "query_prefix": "[unused0] ",
            "document_prefix": "[unused1] ",
            "query_length": 12,
            "document_length": 24,
            "attend_to_expansion_tokens": False,
            "skiplist_words": [".", ","],
        },
        "1_Dense/config.json": {**dense, "activation_function": "torch.nn.modules.linear.Identity"},
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    other = ColBERTEncoder(str(folder), device="cpu")
    for mine, its in (
        (
            colbert.encode_query_tokens(["the cat sat", LONG]),
            other.encode_query_tokens(["the cat sat", LONG]),
        ),
        (colbert.encode_document_tokens(["a dog .", LONG]), other.encode_document_tokens(["a dog .", LONG])),
    ):
        for one, two in zip(mine, its, strict=True):
            np.testing.assert_allclose(one, two, atol=1e-5)


def test_it_is_no_encoder_of_whole_texts(colbert):
    assert isinstance(colbert, MultiVectorEncoder)
    assert not isinstance(colbert, Encoder)


def test_bad_models_and_input(colbert, tiny_colbert, tiny_folder):
    with pytest.raises(WeightsError, match="does not say that it was trained as a MultiVectorEncoder"):
        ColBERTEncoder(str(tiny_folder))
    with pytest.raises(ValueError, match="window must be between 1 and the model's 32 positions, got 33"):
        ColBERTEncoder(str(tiny_colbert), window=33)
    with pytest.raises(
        DataError, match="query 1 has 51 tokens and the model 32 positions: ask in fewer words"
    ):
        colbert.encode_query_tokens(["a", f"{LONG} {LONG}"])

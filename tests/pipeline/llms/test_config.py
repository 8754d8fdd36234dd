"""Configurations of models, read without loading them."""

import json

import pytest

from rlc.data.errors import WeightsError
from rlc.pipeline.llms.support.config import read_config


def written(folder, **settings):
    (folder / "config.json").write_text(json.dumps(settings))
    return read_config("mine", folder)


def test_gpt2_names_its_sizes_otherwise(tmp_path):
    """The engine reads such a model one prompt after the other; that its layers are not Llama's is said by what needs them."""
    config = written(tmp_path, model_type="gpt2", n_positions=64, n_layer=2, n_head=4, n_embd=32)
    assert [config[name] for name in ("max_position_embeddings", "num_hidden_layers")] == [64, 2]
    assert [config[name] for name in ("num_attention_heads", "hidden_size")] == [4, 32]


def test_todays_name_goes_before_an_older_one(tmp_path):
    assert written(tmp_path, max_position_embeddings=8, n_positions=64)["max_position_embeddings"] == 8


def test_what_has_no_positions_is_no_language_model(tmp_path):
    with pytest.raises(WeightsError, match="mine does not state max_position_embeddings"):
        written(tmp_path, model_type="resnet")

"""Which heads give up what, by hand."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rlc.data.errors import UsageError
from rlc.pipeline.kv import DuoAttention
from rlc.pipeline.kv.duo_attention import Split, induction_scores, of_keys, read_scores
from rlc.pipeline.kv.engine import KvLLM
from rlc.pipeline.llms.hf import HfLLM

SCORES = np.array([[0.9, 0.1], [0.3, 0.5]], np.float32)


def test_heads_that_retrieve_least_give_up_first():
    split = Split(DuoAttention(ratio=0.4, sinks=1, recent=2), SCORES)
    assert split.given_up(10).tolist() == [[0, 7], [7, 2]]  # 16 of 40
    assert split.press.footprint(10).kept == 0.6
    far = Split(DuoAttention(ratio=0.9, sinks=1, recent=2), SCORES)
    assert far.given_up(10).tolist() == [[7, 7], [7, 7]]
    assert far.press.footprint(10).kept == 0.3, "sinks and recent tokens stay in any case"
    assert Split(DuoAttention(ratio=0.0), SCORES).given_up(1000).max() == 0
    assert Split(DuoAttention(), SCORES).given_up(100).max() == 0, "no longer than what all keep"


def test_what_a_head_gives_up_stands_behind_the_sinks():
    module = SimpleNamespace(layer_idx=1, masked_key_indices=None)
    states = torch.zeros(1, 2, 10, 4)
    keys, values = Split(DuoAttention(ratio=0.4, sinks=1, recent=2), SCORES).compress(
        module, states, states, states, None, {}
    )
    assert keys is values is states
    assert [one.tolist() for one in module.masked_key_indices] == [
        [0] * 9,
        [0] * 7 + [1] * 2,
        [1, 2, 3, 4, 5, 6, 7, 1, 2],
    ]


def test_scores_of_a_file(tmp_path):
    file = tmp_path / "heads.json"
    file.write_text(json.dumps({"scores": [[0.1, 0.4, 0.2, 0.0]]}))
    config = {"num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2}
    assert read_scores(file, config).tolist() == [[pytest.approx(0.4), pytest.approx(0.2)]]
    config["num_hidden_layers"] = 2
    with pytest.raises(UsageError, match=r"shape \(1, 4\), and the model has 2 layers of 4.*retrieval_heads"):
        read_scores(file, config)
    file.write_text("{}")
    with pytest.raises(UsageError, match="cannot read scores of heads"):
        read_scores(file, config)
    with pytest.raises(ValueError, match="at least 0, got -1"):
        DuoAttention(sinks=-1)
    assert of_keys(np.array([[1, 2, 3, 4]], np.float32), 1).tolist() == [[4]]


def test_scores_of_another_model_are_refused_when_the_engine_is_made(tiny_llm_folder, tmp_path):
    file = tmp_path / "heads.json"
    file.write_text(json.dumps({"scores": [[0.1, 0.4, 0.2, 0.0]]}))
    for fit, words in [(file, r"shape \(1, 4\)"), (tmp_path / "none.json", "cannot read scores of heads")]:
        with pytest.raises(UsageError, match=words):
            KvLLM(str(tiny_llm_folder), DuoAttention(fit=str(fit)), device="cpu")


def test_heads_are_found_on_tokens_said_twice(tiny_llm_folder):
    model = HfLLM(str(tiny_llm_folder), dtype="float32", device="cpu")._model
    found = induction_scores(model)
    assert found.shape == (2, 2)
    assert (found > 0).all()
    assert (found < 1).all()
    assert found.tolist() == induction_scores(model).tolist()
    model.set_attn_implementation("eager")
    ids = torch.randint(model.config.vocab_size, (1, 256), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        shown = model(torch.cat([ids, ids], 1), output_attentions=True).attentions[0][0]
    model.set_attn_implementation("sdpa")
    both = [shown[h, 256 + i, i] + shown[h, 256 + i, i + 1] for h in (2, 3) for i in range(255)]
    heads = torch.stack(both).reshape(2, 255).mean(1)
    assert found[0, 1] == pytest.approx(float(heads.max()), rel=1e-4)

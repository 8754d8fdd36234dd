"""Random checkpoints of a few kilobytes in the two published layouts."""

import json
import shutil

import pytest


def save(folder, tiny_folder, config, tensors):
    from safetensors.torch import save_file

    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    save_file({name: value.contiguous() for name, value in tensors.items()}, folder / "model.safetensors")
    shutil.copy(tiny_folder / "tokenizer.json", folder)
    return folder


@pytest.fixture(scope="session")
def open_provence(tiny_folder, tmp_path_factory):
    """(folder, the classifier, the pruning head) as OpenProvence stores them."""
    import torch
    from transformers import ModernBertConfig, ModernBertForSequenceClassification

    torch.manual_seed(3)
    config = ModernBertConfig(
        vocab_size=26,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=64,
        pad_token_id=0,
        cls_token_id=2,
        sep_token_id=3,
        bos_token_id=2,
        eos_token_id=3,
        local_attention=8,
        classifier_pooling="mean",
        num_labels=1,
        initializer_range=0.5,
    )
    model = ModernBertForSequenceClassification(config).eval()
    torch.nn.init.normal_(model.model.final_norm.weight, mean=1.0)  # or the norm would hardly matter
    head = torch.nn.Linear(16, 2)
    tensors = {f"ranking_model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"pruning_head.classifier.{name}": value for name, value in head.state_dict().items()}
    stored = {
        "model_type": "open_provence",
        "base_model_config": json.loads(config.to_json_string(use_diff=False)),
        "max_length": 32,
        "auto_map": {"AutoModel": "modeling_open_provence_standalone.OpenProvenceModel"},
    }
    folder = save(tmp_path_factory.mktemp("open") / "model", tiny_folder, stored, tensors)
    return folder, model, head


@pytest.fixture(scope="session")
def naver(tiny_folder, tmp_path_factory):
    """(folder, the classifier, the token classifier) as naver stores them."""
    import torch
    from transformers import DebertaV2Config, DebertaV2ForSequenceClassification

    torch.manual_seed(4)
    config = DebertaV2Config(
        vocab_size=26,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        type_vocab_size=0,
        relative_attention=True,
        position_buckets=8,
        pos_att_type=["p2c", "c2p"],
        share_att_key=True,
        norm_rel_ebd="layer_norm",
        position_biased_input=False,
        pooler_hidden_size=16,
        num_labels=1,
        initializer_range=0.5,
    )
    model = DebertaV2ForSequenceClassification(config).eval()
    head = torch.nn.Linear(16, 2)
    tensors = dict(model.state_dict()) | {
        f"token_classifier.{name}": v for name, v in head.state_dict().items()
    }
    stored = json.loads(config.to_json_string(use_diff=False)) | {"model_type": "Provence", "max_length": 32}
    folder = save(tmp_path_factory.mktemp("naver") / "model", tiny_folder, stored, tensors)
    return folder, model, head

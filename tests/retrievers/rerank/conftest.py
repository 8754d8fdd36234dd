import pytest


@pytest.fixture(scope="session")
def tiny_cross_encoder(tiny_folder, tmp_path_factory):
    """The tiny BERT with a random head of one label."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    folder = tmp_path_factory.mktemp("cross")
    torch.manual_seed(1)
    config = BertConfig.from_pretrained(tiny_folder, num_labels=1)
    model = BertForSequenceClassification(config)
    # A random head of the usual scale gives logits too close to tell apart.
    torch.nn.init.normal_(model.classifier.weight, std=2.0)
    torch.nn.init.normal_(model.bert.pooler.dense.weight, std=1.0)
    model.save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder, model_max_length=32)
    tokenizer.save_pretrained(folder)
    return folder

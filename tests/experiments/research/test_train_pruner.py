import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from rlc.data.tokens import ApproximateTokenizer, FastTokenizer
from rlc.experiments.research.pruner_data import Question, labelled
from rlc.experiments.research.pruner_features import (
    Features,
    batches,
    collate,
    encode,
    load_features,
    make_row,
)
from rlc.experiments.research.train_pruner import (
    Settings,
    compression_at,
    schedule,
    train,
    training_rows,
    unit_probabilities,
)

SETTINGS = Settings(rank=2, epochs=2, warm_epochs=1, clozes=2, batch_tokens=64, rate=1e-2)


def features():
    """Eight questions whose answers stand in the unit that repeats the question's token."""
    random = np.random.default_rng(0)
    units, labels, groups, queries = [], [], [], []
    for q in range(8):
        token = 110 + q
        queries.append(np.array([token]))
        units += [[random.integers(120, 190, 4), np.array([token] * 3)], [random.integers(120, 190, 5)]]
        labels += [np.array([0, 1]), np.array([0])]
        groups.append([2 * q, 2 * q + 1])
    splits = ["train"] * 5 + ["tune"] * 3
    sources = ["nq", "nq", "nq", "cloze", "cloze", "nq", "nq", "lara-location"]
    return Features(queries, groups, splits, sources, [np.array([105])] * 16, units, labels)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("base")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=200, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    BertModel(config).save_pretrained(folder)
    return folder


def test_features_survive_their_file(tmp_path, monkeypatch):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    words = ["boats", "sank", "may", "when", "ferry", "."]
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="."))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    monkeypatch.setattr("rlc.data.tokens.load_tokenizer", lambda _: FastTokenizer("words", backend))
    first = labelled("Boats sank. When.", lambda unit: "sank" in unit, title="ferry")
    second = labelled("May.", lambda _: False)
    asked = [
        Question("q1", "when sank", "train", "nq", "d1", (first, second)),
        Question("q2", "ferry", "tune", "lara-location", "d2", (second,)),
    ]
    np.savez(tmp_path / "made.npz", **encode(asked))
    found = load_features(tmp_path / "made.npz")
    assert [ids.tolist() for ids in found.queries] == [[3, 1], [4]]
    assert found.groups == [[0, 1], [2]]
    assert [ids.tolist() for ids in found.titles] == [[4], [], []]
    assert [[ids.tolist() for ids in passage] for passage in found.units] == [
        [[0, 1, 5], [3, 5]],
        [[2, 5]],
        [[2, 5]],
    ]
    assert [labels.tolist() for labels in found.labels] == [[1, 0], [0], [0]]
    assert (found.of("tune", "nq", "lara"), found.of("train", "lara")) == ([1], [])
    monkeypatch.setattr("rlc.data.tokens.load_tokenizer", lambda _: ApproximateTokenizer())
    with pytest.raises(TypeError, match="minilm has no fast tokenizer"):
        encode(asked)


def test_a_row_by_hand():
    row = make_row(features(), 0, [0], 7, title=True)
    assert row.ids[:4].tolist() == [101, 110, 102, 105]
    assert row.ids[-1] == 102
    assert row.types.tolist() == [0, 0, 0, *[1] * 9]
    assert row.unit.tolist() == [-1] * 4 + [0] * 4 + [1] * 3 + [-1]
    short = make_row(features(), 0, [0], 7, title=False, room=9)
    assert len(short.ids) == 9
    assert short.labels.tolist() == [0, 1]


def test_batches_stay_within_their_tokens():
    rows = [make_row(features(), q, [2 * q], q, title=False) for q in range(8)]
    found = list(batches(rows, 30))
    assert [row for batch in found for row in batch] == rows
    assert all(len(batch) * max(len(row.ids) for row in batch) <= 30 for batch in found)


def test_the_mean_of_a_units_tokens():
    rows = [make_row(features(), q, [2 * q], q, title=False) for q in range(2)]
    batch = collate(rows, "cpu")
    keep = torch.logit(torch.where(batch["unit"] == 3, 0.9, 0.25))
    assert unit_probabilities(keep, batch["unit"], 4).tolist() == pytest.approx([0.25, 0.25, 0.25, 0.9])


def test_training_is_seeded_and_goes_on_from_a_checkpoint(base, tmp_path, monkeypatch):
    from safetensors.torch import load_file

    whole = train(features(), base, tmp_path / "whole", SETTINGS, "cpu")
    again = train(features(), base, tmp_path / "again", SETTINGS, "cpu")
    assert [e["loss"] for e in whole["epochs"]] == [e["loss"] for e in again["epochs"]]

    saved = torch.save
    calls = []

    def stop_after_one(state, file):
        saved(state, file)
        calls.append(file)
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", stop_after_one)
    with pytest.raises(KeyboardInterrupt):
        train(features(), base, tmp_path / "cut", SETTINGS, "cpu")
    resumed = train(features(), base, tmp_path / "cut", SETTINGS, "cpu")
    assert [e["loss"] for e in resumed["epochs"]] == [e["loss"] for e in whole["epochs"]]
    first, second = (load_file(tmp_path / name / "provence-mini.safetensors") for name in ("whole", "cut"))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert json.loads((tmp_path / "cut" / "report.json").read_text())["settings"]["rank"] == 2


def test_training_goes_on_from_adapters(base, tmp_path):
    from safetensors.torch import load_file

    train(features(), base, tmp_path / "one", SETTINGS, "cpu")
    start = tmp_path / "one" / "provence-mini.safetensors"
    train(features(), base, tmp_path / "two", replace(SETTINGS, rate=0.0), "cpu", start)
    first, second = load_file(start), load_file(tmp_path / "two" / "provence-mini.safetensors")
    assert all(torch.allclose(first[name], second[name], atol=1e-3) for name in first)


def test_rows_of_a_question():
    random = np.random.default_rng(0)
    plain = replace(SETTINGS, negatives=1, spliced=0.0, titles=0.0)
    assert len(training_rows(features(), 0, 0, plain, random)) == 2
    assert len(training_rows(features(), 0, 0, replace(plain, negatives=0), random)) == 1
    assert len(training_rows(features(), 0, 0, replace(plain, spliced=1.0), random)) == 3


def test_all_of_the_base_can_be_trained(base, tmp_path):
    report = train(
        features(), base, tmp_path / "full", replace(SETTINGS, rank=0, epochs=1, warm_epochs=0), "cpu"
    )
    assert len(report["epochs"]) == 1
    assert not (tmp_path / "full" / "provence-mini.safetensors").exists()


def test_compression_at_a_retention_by_hand():
    probabilities, lengths = np.array([0.1, 0.2, 0.3, 0.9]), np.array([10, 10, 10, 10])
    labels = np.array([0, 1, 0, 1])
    assert compression_at(probabilities, lengths, labels, 1.0) == 0.25
    assert compression_at(probabilities, lengths, labels, 0.5) == 0.75


def test_the_rate_rises_and_falls():
    assert (schedule(0), schedule(0.06)) == (0, 1)
    assert schedule(1) == pytest.approx(0)

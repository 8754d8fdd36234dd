"""The GPU bench runs from end to end with something that stands in for vLLM; what it measures there means nothing."""

import json
import sys

import pytest

from rlc.experiments.bench import gpu


@pytest.fixture
def bench(tmp_path, monkeypatch, place):
    monkeypatch.setattr(gpu, "LONG", 64)
    monkeypatch.setattr(gpu, "LONGER", 96)
    monkeypatch.setattr(gpu, "PASSAGES", 32)
    backend = place / "vllm" / "v1" / "attention" / "backends"
    backend.mkdir(parents=True)
    (backend / "flash_attn.py").write_text("def cascade_attention():\n    ...\n")

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["gpu.py", str(tmp_path / "out"), *words])
        gpu.main()
        return {file.stem: json.loads(file.read_text()) for file in (tmp_path / "out").glob("*.json")}

    return run


def test_the_shape_and_its_questions(bench):
    tables = bench("questions", "shape")
    assert [row["what"] for row in tables["questions-8b"]] == [f"{n} a document" for n in gpu.QUESTIONS]
    assert all(row["seconds"] > 0 for row in tables["questions-8b"])
    said = " ".join(row["what"] for row in tables["shape-8b"])
    for what in ("cold prefill, 64", "no reuse, 96", "grouped, 64", "ratios, 96", "retrieval", "shuffled"):
        assert what in said


def test_every_setting_has_a_row(bench):
    [rows] = bench("settings").values()
    said = " ".join(row["what"] for row in rows)
    assert all(name in said for name in gpu.VARIANTS)
    assert not any("failed" in row or "skipped" in row for row in rows)


def test_a_setting_that_does_not_load_leaves_its_error(bench, monkeypatch):
    monkeypatch.setenv("FAKE_VLLM_LOAD", "die")
    [[row]] = bench("settings", "--only", "weights in fp8").values()
    assert "could not load" in row["failed"]

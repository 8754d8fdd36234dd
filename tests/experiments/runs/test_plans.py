import json
from dataclasses import asdict

import pytest
from click.testing import CliRunner

from rlc.data.errors import UsageError
from rlc.data.records import Dataset
from rlc.experiments.cli.main import main
from rlc.experiments.runs.plans import machine_named, plans, readings
from rlc.pipeline.gpu_cost import MACHINES


class Characters:
    name = "characters"

    def count(self, text):
        return len(text)


@pytest.fixture
def data(make_example):
    long, short = "x" * 900, "y" * 100
    examples = (
        make_example("1", "Who?", long, "long"),
        make_example("2", "What is it?", long, "long"),
        make_example("3", "Why?", short, "short"),
    )
    return Dataset("own", examples, {e.document_id: e.document for e in examples}, "r")


def test_what_the_long_arm_reads(data):
    long, short = readings({"use": "long", "max_tokens": 32}, data, 512, Characters())
    assert (long.document, long.questions, long.answer_tokens) == ("long", 2, 32)
    assert long.tokens == 512 - 32 - 64 - (11 + 64)  # what the window leaves beside the longest question
    assert short.tokens == 100
    refusing = {"use": "long", "max_tokens": 32, "overflow": "refuse"}
    assert readings(refusing, data, 512, Characters())[0].tokens == 900


def test_what_the_retrieving_arm_reads(data):
    spec = {"use": "rag", "max_tokens": 32, "retriever": {"k": 3}, "chunker": {"size": 100}}
    read = readings(spec, data, 512, Characters())
    assert [r.tokens for r in read] == [300, 300, 300]
    assert [r.question_tokens for r in read] == [68, 75, 68]


def test_only_vllm_is_planned(data, tiny_llm_folder):
    llm = {"use": "vllm", "model": str(tiny_llm_folder), "kv_cache_dtype": "fp8"}
    specs = {
        "long": {"use": "long", "llm": llm, "max_tokens": 8},
        "other": {"use": "long", "llm": {**llm, "use": "hf"}, "max_tokens": 8},
        "auto": {"use": "length"},
    }
    found = plans(specs, data, MACHINES["h100"])
    assert list(found) == ["long"]
    assert found["long"].fits
    assert found["long"].order == ("long", "short")
    stretched = {"long": {**specs["long"], "llm": {**llm, "rope": "yarn", "rope_factor": 4.0}}}
    assert (
        plans(stretched, data, MACHINES["h100"])["long"].window > found["long"].window
    )  # nothing is cut any more
    with pytest.raises(UsageError, match="--reader vllm:MODEL"):
        plans({"auto": specs["auto"]}, data, MACHINES["h100"])


def test_machines(tmp_path):
    file = tmp_path / "gpu.json"
    file.write_text(json.dumps(asdict(MACHINES["h200"])))
    assert machine_named(str(file)) == machine_named("h200")
    with pytest.raises(UsageError, match="h100"):
        machine_named("h10")
    file.write_text("{}")
    with pytest.raises(UsageError, match="memory_rate"):
        machine_named(str(file))


def test_command(tmp_path, tiny_llm_folder):
    (tmp_path / "a.txt").write_text("Anna lives in Paris. " * 100)
    (tmp_path / "questions.jsonl").write_text('{"question": "Where?", "document": "a.txt"}\n')
    reader = f"vllm:{tiny_llm_folder}"
    wanted = ["plan", "--dataset", str(tmp_path), "--arms", "long", "--reader", reader]
    shown = CliRunner().invoke(main, wanted)
    assert shown.exit_code == 0, shown.output
    assert "fits" in shown.output
    known = json.loads(CliRunner().invoke(main, [*wanted, "--json"]).output)
    assert known["plans"]["long"]["fits"]
    dry = CliRunner().invoke(main, ["compare", *wanted[1:], "--dry-run", "--out", str(tmp_path / "runs")])
    assert "fits" in dry.output  # the engine is not loaded
    refused = CliRunner().invoke(main, [*wanted, "--set", "readers.long.overflow=refuse"])
    assert "does NOT fit" in refused.output
    assert "rope_factor = 5" in refused.output

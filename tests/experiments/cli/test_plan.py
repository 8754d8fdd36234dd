"""`rlc plan`, and a dry run of an engine that is planned."""

import json

from click.testing import CliRunner

from rlc.experiments.cli.main import main


def test_command(tmp_path, tiny_llm_folder):
    (tmp_path / "a.txt").write_text("Anna lives in Paris. " * 100)
    (tmp_path / "questions.jsonl").write_text('{"question": "Where?", "document": "a.txt"}\n')
    reader = f"vllm:{tiny_llm_folder}"
    wanted = ["plan", "--dataset", str(tmp_path), "--arms", "long", "--model", reader]
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


def test_nothing_to_plan_is_said(shell):
    refused = shell("plan", "--dataset", "mine", "--recipe", "recipe.toml", code=2)
    assert "--model vllm:MODEL" in refused.output

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
    assert "fits; 1 document does not fit the model's window" in shown.output
    known = json.loads(CliRunner().invoke(main, [*wanted, "--json"]).output)
    assert known["plans"]["long"]["fits"]
    dry = CliRunner().invoke(main, ["compare", *wanted[1:], "--dry-run", "--out", str(tmp_path / "runs")])
    assert "fits" in dry.output  # the engine is not loaded
    refused = CliRunner().invoke(main, [*wanted, "--set", "readers.long.overflow=refuse"])
    assert "does NOT fit" in refused.output
    assert "rope_factor = 5" in refused.output


def test_what_it_costs_at_a_price(shell, tmp_path):
    (tmp_path / "prices.toml").write_text("[scripted]\nprompt = 10_000\noutput = 0\ncache_write = 20_000\n")
    words = ("plan", "--dataset", "mine", "--recipe", "recipe.toml", "--prices", "prices.toml")
    figures = json.loads(shell("compare", *words[1:], "--dry-run", "--json").stdout)
    told = json.loads(shell(*words, "--json").stdout)
    assert told["plans"] == {}
    assert told["dollars"] == {one["reader"]: one["prompt_tokens"] * 0.02 for one in figures}
    said = " ".join(shell(*words).stdout.split())
    for one in figures:
        assert f"{one['reader']}: 3 questions, at most {one['prompt_tokens']:,} prompt tokens" in said
        assert f"at most ${one['prompt_tokens'] * 0.02:,.2f}, nothing cached" in said
    (tmp_path / "prices.toml").write_text("[other]\nprompt = 1\noutput = 1\n")
    assert "no price for model 'scripted'" in shell(*words, code=2).stderr


def test_nothing_to_plan_is_said(shell):
    refused = shell("plan", "--dataset", "mine", "--recipe", "recipe.toml", code=2)
    assert "--model vllm:MODEL" in refused.output

"""The command line, as a user meets it."""

import json
import os
import re

import pytest
from click.testing import CliRunner

from rlc.experiments.cli.main import GROUPS, main
from rlc.pipeline.llms import ScriptedLLM
from rlc.pipeline.readers.rag import RagReader

COMPARE = ("compare", "--dataset", "mine", "--recipe", "recipe.toml", "--router", "auto")


def test_compare_prints_a_table_and_keeps_everything(shell, tmp_path):
    result = shell(*COMPARE)
    assert "auto (buy-then-choose)" in result.stdout
    assert "resolved to buy-then-choose" in result.stdout
    assert "mine (own), 3 questions, 2 documents" in result.stdout
    [folder] = (tmp_path / "runs").glob("mine-own-*")
    assert {"results.parquet", "recipe.json", "provenance.json", "mlflow.json"} <= {
        f.name for f in folder.iterdir()
    }


def test_json_is_all_of_stdout(shell):
    found = json.loads(shell(*COMPARE, "--json", "--no-track").stdout)
    assert [reader["reader"] for reader in found["readers"]] == ["rag", "long", "auto"]
    accuracy = found["readers"][0]["accuracy"]
    assert (accuracy["value"], accuracy["n"]) == (0.5, 2)  # a question without gold is not scored
    assert accuracy["low"] <= 0.5 <= accuracy["high"]
    assert len(found["answer"]) == 3
    assert found["labels"] == {"auto": "auto (buy-then-choose)"}


def test_settings_filters_and_environment(shell):
    options = ("--no-track", "--json", "--set", "readers.rag.retriever.k=1", "--where", "document=mill.md")
    found = json.loads(shell(*COMPARE, *options, RLC_COMPARE_ARMS="rag,long").stdout)
    assert [reader["n"] for reader in found["readers"]] == [2, 2, 2]
    found = json.loads(shell(*COMPARE, "--no-track", "--json", RLC_COMPARE_LIMIT="1").stdout)
    assert [reader["n"] for reader in found["readers"]] == [1, 1, 1]


def test_a_reader_without_any_answer_is_an_error_after_the_table(shell, tmp_path):
    recipe = (
        (tmp_path / "recipe.toml")
        .read_text()
        .replace(
            '[readers.long]\nuse = "long"\nllm = "@llm"',
            '[readers.long]\nuse = "long"\nllm = { use = "scripted", answers = { nothing = "x" } }',
        )
    )
    (tmp_path / "recipe.toml").write_text(recipe)
    result = shell(*COMPARE[:-2], "--no-track", code=3)
    assert "mine (own), 3 questions" in result.stdout
    assert "long: no question was answered" in result.stderr
    assert list((tmp_path / "runs").glob("*/results.parquet"))


def test_dry_run_lists_what_is_not_estimated(shell, monkeypatch):
    monkeypatch.setattr(RagReader, "reads", lambda self, examples: None)
    told = shell(*COMPARE, "--dry-run").stdout
    assert "rag: not estimated" in told
    assert "long: 3 questions, at most" in told
    [rag, long] = json.loads(shell(*COMPARE, "--dry-run", "--json").stdout)
    assert (rag["reader"], rag["prompt_tokens"]) == ("rag", None)
    assert long["prompt_tokens"] > 0


def test_the_old_name_of_the_model_is_understood(shell):
    [old, new] = [shell(*COMPARE, name, "recorded:gpt-4o", code=2).stderr for name in ("--reader", "--model")]
    assert old == new
    assert "--reader" not in shell("compare", "--help").stdout


def test_every_command_is_in_one_group_of_the_help():
    listed = [name for names in GROUPS.values() for name in names]
    assert sorted(listed) == main.list_commands(None)


def test_help_names_every_command(shell):
    told = shell("--help").stdout
    assert all(re.search(rf"^  {name} +[A-Z]", told, re.MULTILINE) for name in main.list_commands(None))


@pytest.mark.parametrize("name", main.list_commands(None))
def test_help_of_a_command_is_laid_out_for_80_columns(shell, name):
    told = shell(name, "--help").stdout
    assert "\\b" not in told
    assert max(map(len, told.splitlines())) <= 80
    assert '[default: ""]' not in told


def test_dry_run_asks_nothing_that_may_cost_unless_it_is_wished(shell, tmp_path, monkeypatch):
    asked = []
    generate = ScriptedLLM.generate
    monkeypatch.setattr(ScriptedLLM, "generate", lambda *a, **k: asked.append(1) or generate(*a, **k))
    result = " ".join(shell(*COMPARE, "--dry-run").stdout.split())
    assert "long: 3 questions, at most" in result
    assert "scripted: not timed" in result
    assert not asked
    assert not (tmp_path / "runs").exists()
    timed = shell(*COMPARE, "--dry-run", "--time-servers").stdout
    assert "not timed" not in timed
    assert asked


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["compare", "--dataset", "lraa"], 2, "no data set 'lraa'; did you mean 'lara'"),
        (["compare", "--dataset", "lara", "--data-root", "nowhere"], 1, "LaRA"),
        (
            [*COMPARE, "--set", "readers.rag.chunker.siez=3"],
            2,
            "readers.rag.chunker.siez: no setting 'siez'; did you",
        ),
        (
            [*COMPARE, "--set", "readers.rag.chunker.use=recusive"],
            2,
            "no chunker 'recusive'; did you mean 'recursive'",
        ),
        ([*COMPARE, "--set", "readers.rag.chunker.size=0"], 2, "at least 1 token"),
        (
            [*COMPARE, "--set", "readers.rag.retriever.k=0"],
            2,
            "readers.rag.retriever: k: Input should be greater than or equal to 1, got 0",
        ),
        ([*COMPARE, "--router", "lenght"], 2, "no router 'lenght'; did you mean 'length'"),
        ([*COMPARE, "--arms", "rga"], 2, "no reader 'rga'; did you mean 'rag'"),
        ([*COMPARE, "--where", "task=none"], 2, "no question is left"),
        ([*COMPARE, "--limit", "0"], 2, "0 is not in the range"),
        ([*COMPARE, "--model", "recorded:gpt-4o"], 2, "no recorded answers to"),
        (["compare", "--recipe", "missing.toml"], 2, "cannot read the recipe"),
        (["list", "chunker"], 2, "did you mean 'chunkers'"),
        (["fetch", "model", "minilmm"], 2, "did you mean 'minilm'"),
        (["fetch", "dataset", "lora"], 2, "did you mean 'lara'"),
        (["ui"], 1, "run `rlc compare` first"),
    ],
    ids=lambda value: " ".join(map(str, value[-2:])) if isinstance(value, list) else None,
)
def test_mistakes_are_one_message(shell, words, code, message):
    result = shell(*words, code=code)
    assert message in result.stderr
    assert result.stderr.count("error: ") + result.stderr.count("Error: ") == 1


def test_a_setting_refused_by_its_class_names_the_place(shell):
    result = shell(*COMPARE, "--set", "readers.rag.chunker.size=0", code=2)
    assert "readers.rag.chunker: " in result.stderr


def test_an_unreachable_endpoint_stops_with_advice(shell, tmp_path):
    endpoint = (
        'parts.llm={use="endpoint", model="m", window=2000, base_url="http://127.0.0.1:9/v1", retries=0}'
    )
    result = shell(*COMPARE, "--set", endpoint, code=1)
    assert "127.0.0.1:9" in result.stderr
    assert not list((tmp_path / "runs").glob("*/results.parquet"))


def test_an_empty_document_is_left_out_and_said_beside_the_figures(shell, tmp_path):
    (tmp_path / "mine" / "empty.txt").write_text(" \n")
    result = shell(*COMPARE)
    assert "left out: empty.txt: holds no text" in result.stderr
    assert "left out: empty.txt: holds no text" in " ".join(result.stdout.split())


def test_a_failing_tracking_store_is_a_warning(shell):
    result = shell(*COMPARE, MLFLOW_TRACKING_URI="sqlite:////proc/nowhere/mlflow.db")
    assert "warning: MLflow" in result.stderr
    assert "auto (buy-then-choose)" in result.stdout


def test_a_run_is_tracked_later(shell, tmp_path):
    shell(*COMPARE, "--no-track")
    [folder] = (tmp_path / "runs").glob("mine-own-*")
    assert len(shell("track", folder.name).stdout.strip()) == 32
    assert (folder / "mlflow.json").is_file()


def test_list_names_methods_with_what_they_do(shell):
    lines = shell("list", "routers").stdout.splitlines()
    assert lines[0].split()[:4] == ["auto", "(stands", "for", "buy-then-choose)"]
    everything = shell("list").stdout
    assert "chunkers:" in everything
    assert "RULER (Hsieh et al., COLM 2024" in everything, "whose a data set is, not how it is loaded"


def test_doctor_and_version(shell):
    assert "disk" in shell("doctor").stdout
    assert "version" in shell("--version").stdout


def test_an_internal_error_is_one_message_and_debug_shows_all(shell, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("rlc.experiments.cli.comparing.choose_questions", broken)
    result = shell("compare", code=1)
    assert re.search(r"ZeroDivisionError: oops \(at \S*test_main:\d+\); --debug", result.stderr)
    assert isinstance(CliRunner().invoke(main, ["--debug", "compare"]).exception, ZeroDivisionError)


def test_mlflow_does_not_report_its_use(shell, monkeypatch):
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    shell("list", "readers")
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    shell("list", "readers")
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "false"


def test_a_run_on_a_folder_finds_its_documents_again(shell):
    found = json.loads(shell(*COMPARE, "--no-track", "--json").stdout)
    shown = shell("show", found["run"], "Who keeps the lamp").output
    assert "not at hand" not in shown
    assert "The lamp was lit in 1871." in shown

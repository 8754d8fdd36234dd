"""`rlc init` and what the Tab key offers."""

import os
import subprocess
import sys

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from rlc.experiments.cli.init import recipe_text
from rlc.experiments.cli.lists import TABLES
from rlc.experiments.cli.main import main
from rlc.experiments.runs.recipes import packaged_recipes, recipe_file
from rlc.experiments.sweep.recipe import sweep_of
from rlc.pipeline.recipe_files import load_recipe, read_tables


def test_the_written_recipe_is_the_built_in_one_with_every_choice_beside_it():
    text = recipe_text("mine.toml")
    written, builtin = load_recipe(text).completed(), load_recipe(recipe_file(None)).completed()
    assert written == builtin
    for kind in ("engines", "chunkers", "retrievers", "rerankers", "selectors", "pruners", "routers"):
        for name in TABLES[kind]:
            assert f"#   {name} " in text
    assert len(sweep_of(read_tables(text), load_recipe(text)).specs()) == 4
    assert max(map(len, text.splitlines())) <= 125


def test_init_writes_once(tmp_path):
    file = tmp_path / "mine.toml"
    assert CliRunner().invoke(main, ["init", str(file)]).exit_code == 0
    before = file.read_text()
    result = CliRunner().invoke(main, ["init", str(file)])
    assert (result.exit_code, file.read_text()) == (2, before)
    assert "is there already, and is not overwritten" in result.stderr
    assert CliRunner().invoke(main, ["init", str(tmp_path / "none" / "mine.toml")]).exit_code == 1


@pytest.fixture
def offer(tmp_path, monkeypatch):
    """What is offered for the last word, in a folder with one run."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs" / "made-own-1"
    folder.mkdir(parents=True)
    import polars as pl

    pl.DataFrame({"example_id": ["a1", "a1", "b2"]}).write_parquet(folder / "results.parquet")
    shell = ShellComplete(main, {}, "rlc", "_RLC_COMPLETE")
    return lambda *words: [
        item.value for item in shell.get_completions(list(words[:-1]), words[-1]) if item.type == "plain"
    ]


def test_what_is_offered(offer):
    assert offer("show", "ma") == ["made-own-1"]
    assert offer("show", "made-own-1", "") == ["a1", "b2"]
    assert offer("show", "none", "") == []
    assert offer("diff", "made-own-1", "") == ["made-own-1"]
    assert offer("list", "re") == ["readers", "recipes", "rerankers", "retrievers"]
    assert offer("compare", "--dataset", "s") == ["sample", "scbench"]
    assert offer("compare", "--arms", "rag,") == ["rag,closed", "rag,long"]
    assert offer("compare", "--router", "learned-") == ["learned-after-both", "learned-after-rag"]
    assert offer("compare", "--set", "readers.rag.or") == ["readers.rag.order="]
    assert offer("compare", "--recipe", "missing.toml", "--set", "r") == []
    assert set(offer("sweep", "")) == set(packaged_recipes())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_rlc(shell):
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0, result.output
    assert "_RLC_COMPLETE" in result.stdout


@pytest.mark.parametrize("asked", [["--help"], ["compare", "--help"]], ids=" ".join)
def test_help_imports_nothing_heavy(asked):
    code = (
        f"import sys; from rlc.experiments.cli.main import main; main({asked}, standalone_mode=False); "
        "heavy = {'polars', 'torch', 'langchain_core', 'pydantic', 'scipy', 'numpy'}; sys.exit(len(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ}, capture_output=True, check=False)
    assert done.returncode == 0

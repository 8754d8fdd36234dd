"""What the base install does: everything that needs no model in this process, without the packages of the extras."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LACKING = (
    "torch",
    "transformers",
    "sentence_transformers",
    "mlflow",
    "faiss",
    "accelerate",
    "gguf",
    "safetensors",
    "vllm",
    "kvpress",
    "starlette",
    "uvicorn",
)
# The torch modules of Provence, of fusion, of the looks and of the transformers engine, and the pages of `rlc view`; only
# these are loaded later than their users.
LOCAL = {
    "rlc.pipeline.fusion.support.adaptive",
    "rlc.pipeline.fusion.support.passages",
    "rlc.pipeline.llms.support.growing_layer",
    "rlc.pipeline.looks.support.bound",
    "rlc.retrievers.prune.support.layouts",
    "rlc.retrievers.prune.support.network",
    "rlc.experiments.view.app",
}
BLOCK = f"""
import sys
from importlib.machinery import PathFinder


class Base(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {LACKING} else super().find_spec(name, path, target)


sys.meta_path[sys.meta_path.index(PathFinder)] = Base
"""
RECIPE = """
[parts.llm]
use = "scripted"
answers = { "" = "Ada keeps the lamp." }

[readers.rag]
use = "rag"
chunker = "recursive"
retriever = "bm25"
llm = "@llm"

[readers.long]
use = "long"
llm = "@llm"
"""


@pytest.fixture
def base(tmp_path):
    """Runs code where the extras are not installed."""

    def run(code, *words):
        return subprocess.run(
            [sys.executable, "-c", BLOCK + code, *words],
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def rlc(base):
    return lambda *words: base("from rlc.experiments.cli.main import main; main()", *words)


def test_every_module_but_the_torch_ones_is_imported_without_the_extras(base):
    modules = sorted(
        "rlc." + ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for shelf in ("data", "chunkers", "retrievers", "pipeline", "experiments")
        for file in (ROOT / shelf).rglob("*.py")
        if not {"research", "bench"} & set(file.parts)
    )
    assert set(modules) > LOCAL
    done = base(f"import importlib\nfor name in {sorted({*modules} - LOCAL)}: importlib.import_module(name)")
    assert done.returncode == 0, done.stderr


def test_a_comparison_by_bm25_runs_and_says_once_that_mlflow_is_not_there(rlc, tmp_path):
    (tmp_path / "recipe.toml").write_text(RECIPE)
    done = rlc("compare", "--dataset", "sample", "--recipe", "recipe.toml", "--limit", "4")
    assert done.returncode == 0, done.stderr
    assert "rag" in done.stdout
    assert done.stderr.count("not logged to MLflow: mlflow is not installed: pip install 'rlc[track]'") == 1
    [run] = (tmp_path / "runs").glob("*/results.parquet")
    report = rlc("report", str(run.parent))
    assert report.returncode == 0, report.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["compare", "--dataset", "sample"], "pip install 'rlc[local]'"),
        (["compare", "--dataset", "sample", "--track"], "pip install 'rlc[track]'"),
        (["view"], "starlette is not installed: pip install 'rlc[view]'"),
        (["ui"], "mlflow is not installed: pip install 'rlc[track]'"),
    ],
)
def test_a_missing_extra_is_named_with_the_line_to_type(rlc, words, message):
    done = rlc(*words)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_what_this_machine_lacks_is_no_fault_of_it(rlc):
    done = rlc("doctor")
    assert done.returncode == 0, done.stderr
    assert "torch is not installed: pip install 'rlc[local]'" in done.stdout

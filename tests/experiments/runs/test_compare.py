"""`import rlc`: few names, each there, none of them paid for before it is used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[3] / "api" / "__init__.py"
rlc = pytest.importorskip("rlc")
if not hasattr(rlc, "__all__"):
    pytest.skip("installed before rlc had a front door: pip install -e .", allow_module_level=True)


def test_the_door_is_narrow_and_every_name_is_behind_it():
    assert len(rlc.__all__) <= 40
    assert dir(rlc) == sorted(rlc.__all__)
    for name in rlc.__all__:
        assert getattr(rlc, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'comapre'"):
        rlc.comapre  # noqa: B018


def test_type_checkers_see_the_same_names():
    imported = {
        alias.asname: f"{node.module}:{alias.name}"
        for node in ast.walk(ast.parse(SOURCE.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }
    assert imported == rlc.TARGETS


def test_the_door_opens_at_once():
    code = "import sys, rlc; rlc.__version__; print(sorted({'torch', 'polars', 'numpy', 'click', 'mlflow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_comparison_from_python(findable, scripted_recipe, tmp_path):
    recipe = rlc.load_recipe(scripted_recipe)
    run = rlc.compare(findable, recipe, routers=["length"], out=tmp_path)
    assert run.frame["reader"].unique(maintain_order=True).to_list() == ["rag", "long", "length"]
    assert {"results.parquet", "estimate.json"} <= {file.name for file in run.folder.iterdir()}
    assert rlc.compare(findable, recipe, routers=["length"], out=tmp_path).frame.equals(run.frame)
    assert rlc.open_run(run.folder.name, tmp_path).frame.equals(run.frame)

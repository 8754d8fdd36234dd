"""The examples run as they stand, and show what they say."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name):
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]()


def test_plain_python():
    cost, *_, builder = run("retrieval_plain_python")
    assert "$1,093,095" in cost.page_content
    assert "Ada Lowe" in builder.page_content


def test_in_a_chain():
    assert run("retrieval_in_a_chain") == "Ada Lowe"


def test_with_your_vector_store():
    first = run("retrieval_with_your_vector_store")[0]
    assert first.id == "b"
    assert first.metadata["rank_bm25"] == 1
    assert "rank_vectorstore" in first.metadata


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("retrieval_*.py")), ids=lambda file: file.stem)
def test_runs_as_a_script(file):
    done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, check=True)
    assert done.stdout

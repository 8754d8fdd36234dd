"""What is said to the threads of torch's loops before torch is imported."""

import os
import runpy
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("given", "spins"),
    [({}, "3000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, None)],
)
def test_threads_that_wait_spin_briefly_unless_told_otherwise(monkeypatch, given, spins):
    monkeypatch.setattr(os, "environ", dict(given))
    runpy.run_path(str(Path(__file__).parent.parent / "api" / "__init__.py"))
    assert os.environ.get("GOMP_SPINCOUNT") == spins

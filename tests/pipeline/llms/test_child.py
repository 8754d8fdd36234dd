import os

import pytest

from rlc.pipeline.llms.support.child import Child, ChildDiedError

PARENT = """
import subprocess
from rlc.pipeline.llms.support.child import serve
helper = subprocess.Popen(["sleep", "60"])
serve(lambda message: {"helper": helper.pid, "said": message["say"]})
"""


@pytest.fixture
def child(tmp_path, monkeypatch):
    (tmp_path / "parent_of_one.py").write_text(PARENT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    child = Child("parent_of_one")
    yield child
    child.end()


def test_a_message_is_answered(child):
    assert child.ask({"say": "hello"})["said"] == "hello"


def test_nothing_of_its_group_lives_when_it_has_ended(child):
    helper = child.ask({"say": ""})["helper"]
    assert os.getpgid(helper) == child.pid
    child.end()
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, 0)


def test_a_message_that_breaks_it_tells_how_it_died(child):
    with pytest.raises(ChildDiedError, match="KeyError: 'say'"):
        child.ask({"unknown": 1})

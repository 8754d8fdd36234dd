import os
import subprocess
import sys
import time
from pathlib import Path

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


def test_a_killed_parent_leaves_no_child(tmp_path):
    """The child is at work, so it does not notice that its input is closed."""
    module = tmp_path / "busy.py"
    module.write_text(
        "import time\nfrom rlc.pipeline.llms.support.child import serve\n"
        "def answer(message):\n    time.sleep(60)\n    return {}\nserve(answer)\n"
    )
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from rlc.pipeline.llms.support.child import Child\nchild = Child('busy')\nprint(child.pid, flush=True)\nchild.ask({})",
        ],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    child = int(parent.stdout.readline())
    time.sleep(3)  # until it is at work
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and _alive(child):
        time.sleep(0.1)
    assert not _alive(child)


def _alive(process):
    """Whether a process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False

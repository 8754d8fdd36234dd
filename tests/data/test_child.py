"""A process of its own: answers, ends with all that it started, and outlives nobody."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from rlc.data.child import Child, ChildDiedError

MODULE = """
import signal, subprocess, time
from rlc.data.child import messages, serve

helpers = []

def reply(message):
    if "helper" in message:
        helpers.append(subprocess.Popen(["sleep", "60"]))
        return helpers[-1].pid
    print("a library that prints")
    return message["say"]

def echo(connection):
    serve(connection, reply)

def busy(connection):
    pid = subprocess.Popen(["sleep", "60"]).pid
    connection.send(pid)
    time.sleep(60)

def note(connection):
    file = connection.recv()
    list(messages(connection))
    time.sleep(0.5)
    open(file, "w").write("alone")
    time.sleep(60)
"""
PARENT = """
from rlc.data.child import Child
child = Child("held:{function}", "a child", farewell={farewell})
{then}
print(child.pid, flush=True)
import time; time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _held(tmp_path, monkeypatch):
    (tmp_path / "held.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.fixture
def child():
    child = Child("held:echo", "a child", log=tempfile.TemporaryFile())  # noqa: SIM115 - closed with the child
    yield child
    child.end()


def test_what_is_asked_is_answered_until_it_dies_and_nothing_of_its_group_is_left(child):
    assert child.ask({"say": ("hello", 1)}) == ("hello", 1)
    helper = child.ask({"helper": True})
    assert os.getpgid(helper) == child.pid
    with pytest.raises(
        ChildDiedError, match=r"a child ended \(exit code 1\); its last words: .*KeyError: 'say'"
    ):
        child.ask({"unknown": 1})
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, 0)
    with pytest.raises(ChildDiedError):
        child.ask({"say": "again"})


def test_a_killed_one_is_heard_though_what_it_started_lives(child):
    child.ask({"helper": True})
    os.kill(child.pid, signal.SIGKILL)
    assert child.speaks(10)
    with pytest.raises(ChildDiedError, match="signal SIGKILL"):
        child.hear()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_stopped_one_is_said_once(child, recwarn):
    assert child.ask({"say": 1}) == 1
    assert not child.speaks(0)
    assert not recwarn.list
    os.kill(child.pid, signal.SIGSTOP)
    until(child.is_stopped)
    assert child.speaks(0) is child.speaks(0) is False
    assert [str(one.message) for one in recwarn.list] == [
        f"a child (process {child.pid}) is stopped: waiting until it goes on (`kill -CONT {child.pid}`) or ends"
    ]
    os.kill(child.pid, signal.SIGCONT)
    assert child.ask({"say": 2}) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_killed_parent_leaves_nothing():
    """The child is at work, so it does not notice that nobody listens; what it started is in its group."""
    pid, parent = started("busy", 0, "helper = child.hear()\nprint(helper, flush=True)")
    helper, pid = pid, int(parent.stdout.readline())
    assert runs(helper)
    assert runs(pid)
    parent.kill()
    parent.wait()
    assert until(lambda: not runs(helper) and not runs(pid))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_one_with_a_farewell_ends_what_it_is_at_first(tmp_path):
    noted = tmp_path / "noted"
    pid, parent = started("note", 2, f"child.send({str(noted)!r})")
    parent.kill()
    parent.wait()
    assert until(lambda: noted.exists() and noted.read_text() == "alone")
    assert until(lambda: not runs(pid))


def started(function, farewell, then=""):
    """A parent with a child, and the first number that it prints."""
    code = PARENT.format(function=function, farewell=farewell, then=then)
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    return int(parent.stdout.readline()), parent


def until(holds, seconds=20):
    """Whether something holds before so many seconds have passed."""
    end = time.monotonic() + seconds
    while not (now := holds()) and time.monotonic() < end:
        time.sleep(0.05)
    return now


def runs(pid):
    """Whether a process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

"""Ctrl-C ends a process within a second, whatever it waits for, and nothing outlives it."""

import os
import signal
import subprocess
import sys
import time

import pytest

BEFORE = "import sys, time, threading\nfrom rlc.experiments.cli import interrupts\ninterrupts.watch()\n"
WAITS = {
    "a lock that never comes": "threading.Lock().acquire(); lock = threading.Lock(); lock.acquire(); ready(); lock.acquire()",
    "a step that does not hear signals": "import re; ready(); re.match(r'(a+)+b', 'a' * 60)",
    "threads that are joined at the end": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "pool = ThreadPoolExecutor(1); pool.submit(time.sleep, 600); ready()\ntime.sleep(600)"
    ),
    "a handler that swallows interrupts": (
        "import signal\nsignal.signal(signal.SIGINT, lambda *_: None)\nready()\nwhile True: time.sleep(600)"
    ),
}


def started(code):
    process = subprocess.Popen(
        [sys.executable, "-c", f"{BEFORE}def ready(): print('ready', flush=True)\n{code}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("wait", WAITS)
def test_every_wait_ends(wait):
    process = started(WAITS[wait])
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    if process.returncode != -signal.SIGINT:  # it ended by itself
        assert process.returncode == 130
        assert "stopped; what is answered is stored" in said
    assert time.monotonic() - begun < 3  # 0.7 s, and what a busy machine adds


def test_a_second_one_ends_it_at_once():
    process = started(f"interrupts.PATIENCE = 600\n{WAITS['a handler that swallows interrupts']}")
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130


PARENT = """
import multiprocessing, os, time
from rlc.experiments.runs.stopped import end_with_parent
def work():
    end_with_parent()
    time.sleep(600)
if __name__ == "__main__":
    child = multiprocessing.get_context("spawn").Process(target=work, daemon=True)
    child.start()
    print(child.pid, flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_worker_ends_when_its_parent_is_killed(tmp_path):
    (tmp_path / "parent.py").write_text(PARENT)
    process = subprocess.Popen([sys.executable, tmp_path / "parent.py"], stdout=subprocess.PIPE, text=True)
    worker = int(process.stdout.readline())
    time.sleep(3)  # the child has to be up
    process.kill()
    process.communicate()
    end = time.monotonic() + 30
    while _runs(worker) and time.monotonic() < end:
        time.sleep(0.1)
    assert not _runs(worker)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_stopped_child_is_said_once(recwarn):
    from rlc.experiments.runs.stopped import is_stopped, say_if_stopped

    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        said: set[int] = set()
        say_if_stopped(child.pid, "a worker", said)
        assert not recwarn.list
        os.kill(child.pid, signal.SIGSTOP)
        end = time.monotonic() + 10
        while not is_stopped(child.pid) and time.monotonic() < end:
            time.sleep(0.05)
        for _ in range(2):
            say_if_stopped(child.pid, "a worker", said)
        assert [str(one.message) for one in recwarn.list] == [
            f"a worker (process {child.pid}) is stopped: waiting until it goes on (`kill -CONT {child.pid}`) or ends"
        ]
    finally:
        child.kill()
        child.wait()
    assert not is_stopped(child.pid)


def _runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

"""Ctrl-C ends a process within a second, whatever it waits for."""

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


HEARS, DEAF = "time.sleep(600)", "import hashlib; hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)"
SAYS = """
ready()
with interrupts.farewell():
    try:
        {wait}
    except KeyboardInterrupt:
        time.sleep(1.5)  # longer than a command is given that says nothing
        print("what there is", flush=True)
{then}
"""


@pytest.mark.parametrize(
    ("wait", "then", "said"),
    [
        (HEARS, "interrupts.leave()", "what there is\n"),
        (HEARS, HEARS, "what there is\n"),  # it has said what it has, and stays no longer
        (DEAF, "", ""),
    ],
)
def test_a_command_that_heard_it_says_what_it_has(wait, then, said):
    process = started(SAYS.format(wait=wait, then=then))
    time.sleep(0.5)  # it waits by then
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert (out, process.returncode) == (said, 130)
    assert time.monotonic() - begun < 6

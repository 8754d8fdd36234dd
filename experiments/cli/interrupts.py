"""Ctrl-C ends a command within a second, whatever it waits for.

Python hears a signal only between two of its own steps: a matrix product, a server that sends nothing or a library that
joins its threads at the end may keep it for minutes. A thread hears the signal at once. It gives the command a moment to
end by itself, and then ends the process, as a second Ctrl-C does at once. That is safe by design: a kill at any time loses
no stored answer, and workers and the process that logs notice that they are alone. A comparison that Python has told of it
is given longer, to show what it has.
"""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

PATIENCE = 0.7  # seconds between Ctrl-C and the end by force
LONGEST = 10.0  # seconds from then on in which a command may say what it has
MOMENT = 0.05
CODE = 130  # what shells expect of a command that was interrupted
STOPPED = "stopped; what is answered is stored, the same command goes on from there"

_watched = threading.Event()
_told = threading.Event()
_heard = threading.Event()
_has_to_say = threading.Event()


@contextmanager
def farewell() -> Iterator[None]:
    """Have a command that hears Ctrl-C in this block go on to the block's end, where it says what it has."""
    _has_to_say.set()
    try:
        yield
    finally:
        _has_to_say.clear()


def leave() -> NoReturn:
    """Say that the command was stopped, and end the process; the interpreter's own farewell takes seconds."""
    _told.set()
    sys.stderr.write(f"error: {STOPPED}\n")
    if not _watched.is_set():  # one command of many in somebody's program
        sys.exit(CODE)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # nobody reads it any more
            stream.flush()
    os._exit(CODE)


def watch(end: Callable[[int], None] = os._exit) -> None:
    """Have Ctrl-C end this process from now on, by `end` where it does not end by itself."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) in (
        signal.SIG_IGN,
        None,
    ):
        return
    _watched.set()
    signal.signal(signal.SIGINT, _interrupt)
    heard, woken = socket.socketpair()
    woken.setblocking(False)
    signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_listen, args=(heard, woken, end), daemon=True).start()


def _interrupt(*_: object) -> NoReturn:
    _heard.set()
    raise KeyboardInterrupt


def _listen(heard: socket.socket, woken: socket.socket, end: Callable[[int], None]) -> None:
    while signal.SIGINT not in heard.recv(64):
        continue
    again = _heard_again(heard, PATIENCE)
    end_at = time.monotonic() + LONGEST
    while not again and _heard.is_set() and _has_to_say.is_set() and time.monotonic() < end_at:
        again = _heard_again(heard, MOMENT)
    if not again and not _told.is_set():
        sys.stderr.write(f"error: {STOPPED}\n")
        sys.stderr.flush()
    woken.close()
    end(CODE)


def _heard_again(heard: socket.socket, seconds: float) -> bool:
    """Whether there is a second Ctrl-C within so many seconds."""
    heard.settimeout(seconds)
    try:
        while signal.SIGINT not in heard.recv(64):
            continue
    except TimeoutError:
        return False
    return True

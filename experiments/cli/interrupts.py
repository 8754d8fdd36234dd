"""Ctrl-C ends a command within a second, whatever it waits for.

Python hears a signal only between two of its own steps: a matrix product, a server that sends nothing or a library that
joins its threads at the end may keep it for minutes. A thread hears the signal at once. It gives the command a moment to
end by itself, and then ends the process, as a second Ctrl-C does at once. That is safe by design: a kill at any time loses
no stored answer, and workers and the process that logs notice that they are alone. A comparison that has heard it stays a
little longer, to show what it has.
"""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

PATIENCE = 0.7  # seconds between Ctrl-C and the end by force
FAREWELL = 10.0  # the same for one that stays to say what it has
CODE = 130  # what shells expect of a command that was interrupted
STOPPED = "stopped; what is answered is stored, the same command goes on from there"

_watched = threading.Event()
_told = threading.Event()
_staying = threading.Event()


def stay() -> None:
    """Ask for a moment longer: the command has heard that it is to end, and tells what it has."""
    _staying.set()


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
    heard, woken = socket.socketpair()
    woken.setblocking(False)
    signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_listen, args=(heard, woken, end), daemon=True).start()


def _listen(heard: socket.socket, woken: socket.socket, end: Callable[[int], None]) -> None:
    while signal.SIGINT not in heard.recv(64):
        continue
    again = _heard_again(heard, PATIENCE) or (_staying.is_set() and _heard_again(heard, FAREWELL))
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

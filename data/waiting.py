"""Waiting with a deadline, in turns so short that a Ctrl-C is heard."""

import math
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import TypeVar, cast

T = TypeVar("T")

TURN = 0.2
"""Seconds that a thread waits at a stretch."""


def take(queue: SimpleQueue[T], seconds: float = math.inf) -> T:
    """The next thing of a queue, waited for in short turns.

    A Ctrl-C that comes just before a wait begins is heard only when the wait ends, so none is long.

    Raises:
        Empty: after so many seconds.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return queue.get(timeout=max(0.0, min(TURN, deadline - time.monotonic())))
        except Empty:
            if time.monotonic() >= deadline:
                raise


def within(seconds: float, call: Callable[[], T]) -> T:
    """Call with a deadline: what is not back by then is left alone, whatever it is waiting for.

    Raises:
        TimeoutError: after so many seconds.
    """
    outcome: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()

    def work() -> None:
        try:
            outcome.put((call(), None))
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            outcome.put((None, error))

    threading.Thread(target=copy_context().run, args=(work,), daemon=True).start()
    try:
        result, error = take(outcome, seconds)
    except Empty:
        raise TimeoutError(f"not done in {seconds:.0f} s") from None
    if error is not None:
        raise error
    return cast("T", result)

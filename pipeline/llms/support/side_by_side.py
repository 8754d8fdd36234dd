"""Answers side by side: one pass over the weights a step for all prompts that are being answered."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rlc.data.records import Usage
from rlc.pipeline.llms.support.strip import Path, Strip
from rlc.pipeline.llms.support.writing import Writing


@dataclass
class _Running:
    """An answer on its way, and what it has cost; of a step with others it is charged its share."""

    place: int
    writing: Writing
    path: Path
    kv_bytes: int
    cached: int
    waited: float
    read: float
    written: float = 0.0

    def settle(self, latency: float) -> tuple[int, Writing]:
        """Charge the answer, which has ended so many seconds after the call."""
        self.writing.charge(
            Usage(
                cached_tokens=self.cached,
                kv_bytes=self.kv_bytes,
                queue_seconds=self.waited,
                first_token_seconds=self.waited + self.read,
                prefill_seconds=self.read,
                decode_seconds=self.written,
                seconds=self.read + self.written,
                latency_seconds=latency,
            )
        )
        return self.place, self.writing


def answer_side_by_side(
    strip: Strip, writings: Sequence[tuple[int, Writing]], most: int
) -> Iterator[tuple[int, Writing]]:
    """Write the answers, at most so many at a time and as many as the strip has room for; each comes as it ends.

    An answer that ends makes room for the next prompt, while the others go on. One that fails carries its error, and
    what fails several together is done for each apart.
    """
    called = time.perf_counter()
    waiting = deque(writings)
    running: list[_Running] = []
    strip.expect([writing.ids for _, writing in writings])
    try:
        while waiting or running:
            while waiting and _has_room(strip, waiting[0][1], len(running), most):
                place, writing = waiting.popleft()
                try:
                    running.append(_begin(strip, place, writing, called))
                except (RuntimeError, MemoryError) as error:  # torch's own failures are RuntimeErrors
                    if running:  # it may have room when these have ended
                        waiting.appendleft((place, writing))
                        most = len(running)
                        break
                    strip.clear()
                    writing.error = error
                    yield place, writing
            _step(strip, [one for one in running if not one.writing.is_ended])
            for one in [one for one in running if one.writing.is_ended]:
                running.remove(one)
                strip.close(one.path)
                yield one.settle(time.perf_counter() - called)
    finally:  # nobody wants the others any more
        for one in running:
            strip.close(one.path)


def _has_room(strip: Strip, writing: Writing, running: int, most: int) -> bool:
    return running == 0 or (running < most and strip.fits(writing.ids, writing.limit))


def _begin(strip: Strip, place: int, writing: Writing, called: float) -> _Running:
    """Read a prompt and write its first token."""
    started = time.perf_counter()
    path, cached, logits = strip.open(writing.ids)
    try:
        writing.take(logits)
    except RuntimeError:
        strip.close(path)
        raise
    read = time.perf_counter() - started
    return _Running(place, writing, path, strip.bytes_of(path), cached, started - called, read)


def _step(strip: Strip, running: Sequence[_Running]) -> None:
    """Write one token of each answer."""
    if not running:
        return
    started = time.perf_counter()
    try:
        logits = strip.advance([one.path for one in running], [one.writing.tokens[-1] for one in running])
        logits = logits.cpu()  # one wait for the device for all of them
    except (RuntimeError, MemoryError) as error:
        if len(running) == 1:
            running[0].writing.error = error
        else:
            for one in running:
                _step(strip, [one])
        return
    for one, row in zip(running, logits, strict=True):
        try:
            one.writing.take(row)
        except RuntimeError as error:
            one.writing.error = error
    share = (time.perf_counter() - started) / len(running)
    for one in running:
        one.written += share

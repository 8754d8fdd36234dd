"""Lanes in actors of a Ray cluster, on one host or many.

Ray's usage statistics are off, and its token authentication is on: what reaches a cluster without may run any code on
it. Every host needs the token (`~/.ray/auth_token`) and an environment with this version of rlc.
"""

import importlib
import os
import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

from rlc.data.child import ChildDiedError
from rlc.data.errors import EngineUnavailableError, UsageError, require
from rlc.data.lane_side import serve
from rlc.data.lanes import Lanes, Line, Work
from rlc.data.trust import ALLOWED

HUSHED = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token"}
END = object()


class FarEnd:
    """An actor: a lane that serves in a thread, between two queues."""

    def __init__(self, work: Work) -> None:
        self._heard: SimpleQueue[Any] = SimpleQueue()
        self._said: SimpleQueue[Any] = SimpleQueue()
        self._heard.put(work)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        try:
            serve(self)
        finally:
            self._said.put(END)

    def hear(self, message: object) -> None:
        """Take what the asking process says."""
        self._heard.put(message)

    def listen(self) -> Iterator[object]:
        """Yield what the lane says, as it says it."""
        while (said := self._said.get()) is not END:
            yield said

    def send(self, message: object) -> None:
        """Say something: the lane's end of the line."""
        self._said.put(message)

    def recv(self) -> Any:  # noqa: ANN401 - what the asking process says
        """Wait for what the asking process says: the lane's end of the line."""
        return self._heard.get()


class RayLine:
    """The asking process's end of the line to an actor."""

    def __init__(self, ray: Any, actor: Any) -> None:  # noqa: ANN401 - Ray is not typed
        self._ray, self._actor = ray, actor
        self._said = actor.listen.options(num_returns="streaming").remote()

    def send(self, message: object) -> None:
        """Send a message; whether it arrives, only a reply tells."""
        self._actor.hear.remote(message)

    def hear(self) -> Any:  # noqa: ANN401 - what the lane says
        """Wait for what the lane says.

        Raises:
            ChildDiedError: if the actor is gone; Ray's reason names the signal where it knows it.
        """
        try:
            return self._ray.get(next(self._said))
        except (StopIteration, self._ray.exceptions.RayError) as error:
            reason = " ".join(str(error).split()) or "it stopped by itself"
            raise ChildDiedError(f"a worker of the cluster ended ({reason})") from error

    def terminate(self) -> None:
        """Nothing is told: `end` is at once."""

    def end(self, grace: float) -> None:  # noqa: ARG002 - a line's face
        """End the actor and what it holds."""
        self._ray.kill(self._actor)


def open_lines(lanes: Lanes, work: Work) -> Iterator[Line]:
    """Start one actor after the other.

    Raises:
        MissingExtraError: if Ray is not installed.
        EngineUnavailableError: if there is no such cluster, or it refuses.
        UsageError: if the cluster has not what the lanes want.
    """
    ray = connect(str(lanes.cluster))
    gpus = lanes.gpus_per_worker or 0
    for resource, each in (("CPU", 1), ("GPU", gpus)):
        there = int(ray.cluster_resources().get(resource, 0))
        if each * lanes.workers > there:
            raise UsageError(
                f"--workers {lanes.workers} need {each * lanes.workers} {resource}s, and the cluster has {there}: ask for "
                "fewer workers, or add hosts with `ray start --address=...`"
            )
    allowed = {name: os.environ[name] for name in (ALLOWED,) if name in os.environ}
    actor = ray.remote(FarEnd).options(
        num_cpus=1, num_gpus=gpus, max_concurrency=2, runtime_env={"env_vars": allowed} if allowed else None
    )
    for _ in range(lanes.workers):
        yield RayLine(ray, actor.remote(work))


def connect(address: str) -> Any:  # noqa: ANN401 - Ray is not typed
    """Join a cluster, unless this process is in one already; it leaves when it ends.

    Raises:
        MissingExtraError: if Ray is not installed.
        UsageError: on an address of Ray's client, which hands on nothing as it comes.
        EngineUnavailableError: if nothing answers there, or it refuses.
    """
    if address.startswith("ray://"):
        raise UsageError(
            f"--cluster {address}: expected the head's own address, such as 10.0.0.1:6379, not that of its client server"
        )
    require("ray")
    for name, value in HUSHED.items():
        os.environ.setdefault(name, value)
    ray = importlib.import_module("ray")
    if not ray.is_initialized():
        try:
            ray.init(address=address, log_to_driver=False, include_dashboard=False, logging_level="warning")
        except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            raise EngineUnavailableError(
                f"no Ray cluster at {address!r}: {error}; start one with `ray start --head`, and let this host have the "
                "head's ~/.ray/auth_token"
            ) from error
        # It prints a worker's death to standard output, which is for results, and has no public switch for it.
        ray._private.worker._worker_logs_enabled = False
    return ray

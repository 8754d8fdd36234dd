"""Lanes in processes of this machine, among which its GPUs are dealt out."""

import os
import subprocess
from collections.abc import Iterator, Sequence

from rlc.data.child import Child
from rlc.data.errors import UsageError
from rlc.data.lanes import Lanes, Line, Work

GPUS = "CUDA_VISIBLE_DEVICES"


def open_lines(lanes: Lanes, work: Work) -> Iterator[Line]:
    """Start one process after the other, each with its share of the processor's cores and of the GPUs.

    Raises:
        UsageError: if there are fewer GPUs than the lanes want.
    """
    threads = str(max(1, (os.cpu_count() or 1) // lanes.workers))
    gpus = gpus_here()
    for number in range(lanes.workers):
        environment = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", threads)}
        if gpus or lanes.gpus_per_worker is not None:
            environment |= {GPUS: ",".join(share(gpus, number, lanes)), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
        child = Child("rlc.data.lane_side:serve", "a worker", environment=environment)
        child.send(work)
        yield child


def share(gpus: Sequence[str], number: int, lanes: Lanes) -> Sequence[str]:
    """The GPUs of one lane: as many as each wants, else an even share; where there are fewer than lanes, one for several.

    >>> share(["0", "1", "2", "3"], 1, Lanes(workers=2)), share(["0", "1"], 2, Lanes(workers=3))
    (['2', '3'], ['0'])

    Raises:
        UsageError: if there are fewer than are wanted.
    """
    each = lanes.gpus_per_worker
    if each is None:
        each = max(1, len(gpus) // lanes.workers)
    elif each * lanes.workers > len(gpus):
        raise UsageError(
            f"--workers {lanes.workers} with --gpus-per-worker {each} need {each * lanes.workers} GPUs, and this machine "
            f"shows {len(gpus)}: fewer of either, or more hosts (--cluster)"
        )
    first = number * each % max(1, len(gpus))
    return gpus[first : first + each]


def gpus_here() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them; none where there is no NVIDIA driver."""
    shown = os.environ.get(GPUS)
    if shown is None:
        try:
            shown = subprocess.run(
                ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"],  # noqa: S607 - wherever the driver put it
                capture_output=True,
                text=True,
                check=True,
            ).stdout.replace("\n", ",")
        except (OSError, subprocess.CalledProcessError):
            shown = ""
    return [name.strip() for name in shown.split(",") if name.strip()]

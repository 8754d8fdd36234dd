"""What GPUs can do: a table of measured ones, and how to measure the one at hand."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from rlc.data.errors import UnsupportedError, UsageError, require, unknown
from rlc.data.plain import parse_json

GIB = 1024**3


@dataclass(frozen=True)
class Machine:
    """Measured ceilings of one GPU: floating-point operations and bytes (read plus written) per second, bytes.

    `matrix_rate` is what it holds: a burst of a tenth of a second is a fifth faster.
    """

    name: str
    matrix_rate: float
    memory_rate: float
    memory: float


# bf16 product of two 8192 x 8192 matrices of random numbers, for seconds, and a device-to-device copy, through PyTorch
# 2.11. The H100 was measured in bursts only; what it holds follows from its prefill, which took 1.02 times an H200's.
MACHINES = {
    "h100": Machine("NVIDIA H100 80GB", 656e12, 3.0e12, 79.1 * GIB),
    "h200": Machine("NVIDIA H200", 669e12, 4.3e12, 139.8 * GIB),
}


def machine_named(name: str) -> Machine:
    """A GPU of the table, or a JSON file with the fields of `Machine`, as `rlc plan --measure` prints them.

    Raises:
        UsageError: if it is neither.
    """
    if name in MACHINES:
        return MACHINES[name]
    file = Path(name)
    if not file.is_file():
        raise UsageError(unknown("GPU", name, [*MACHINES, "a JSON file"]))
    try:
        return Machine(**parse_json(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        wanted = ", ".join(field.name for field in fields(Machine))
        raise UsageError(f"{file}: expected a JSON object with {wanted}: {error}") from error


def machine_installed() -> Machine:
    """This machine's GPU as the table has it, by the name that nvidia-smi tells; else an H100, which the plan names.

    Unlike `machine_here` it touches no GPU: the memory is left to the engine.
    """
    try:
        told = subprocess.run(
            ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],  # noqa: S607 - wherever the driver put it
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        told = ""
    return next((machine for name, machine in MACHINES.items() if name in told.lower()), MACHINES["h100"])


def machine_here() -> Machine:
    """This machine's GPU as measured; where there is none, an H100, which the plan then names."""
    try:
        return measure_machine()
    except UnsupportedError:
        return MACHINES["h100"]


def measure_machine(size: int = 8192, seconds: float = 2.0) -> Machine:
    """Measure what this machine's GPU holds: bf16 matrix products of random numbers for so long, and copies of 4 GiB.

    Raises:
        UnsupportedError: without a CUDA device.
    """
    require("torch")
    import torch

    if not torch.cuda.is_available():
        raise UnsupportedError(
            f"there is no CUDA device to measure; name one of {', '.join(MACHINES)} instead"
        )
    left, right = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    source = torch.empty(4 * GIB, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    product = _held(lambda: torch.matmul(left, right), seconds)
    copy = _seconds(lambda: target.copy_(source), 10)
    memory = torch.cuda.get_device_properties(0).total_memory
    return Machine(
        torch.cuda.get_device_name(), 2 * size**3 / product, 2 * source.numel() / copy, float(memory)
    )


def _held(work: Callable[[], object], seconds: float) -> float:
    """Seconds of one call that queues work on the GPU, after so many seconds of them have warmed it."""
    rounds = max(10, int(seconds / _seconds(work, 10)))
    _seconds(work, rounds)
    return _seconds(work, rounds)


def _seconds(work: Callable[[], object], rounds: int) -> float:
    """Time of one call that queues work on the GPU, after three that warm it up."""
    import torch

    for _ in range(3):
        work()
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(rounds):
        work()
    torch.cuda.synchronize()
    return (time.perf_counter() - started) / rounds

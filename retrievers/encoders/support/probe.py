"""Probe for the faster number format of a model on this machine."""

from collections.abc import Callable
from time import perf_counter
from typing import Literal, TypeVar

import numpy as np

Dtype = Literal["float32", "bfloat16"]
Result = TypeVar("Result")
ROUNDS = 3
GAIN = 1.2  # below it, exact figures are worth more than the time


def faster_dtype(
    exact: Callable[[], Result], half: Callable[[], Result], close: Callable[[Result, Result], bool]
) -> Dtype:
    """`bfloat16` where it is at least 1.2 times as fast and close enough, else `float32`.

    Args:
        exact: runs a small batch in float32.
        half: runs the same batch in bfloat16.
        close: whether their results, in this order, agree well enough.
    """
    seconds: dict[Dtype, float] = {}
    results: dict[Dtype, Result] = {}
    runs: dict[Dtype, Callable[[], Result]] = {"float32": exact, "bfloat16": half}
    for _ in range(ROUNDS):  # in turn, so that other work on the machine disturbs both alike
        for dtype, run in runs.items():
            start = perf_counter()
            results[dtype] = run()
            seconds[dtype] = min(seconds.get(dtype, float("inf")), perf_counter() - start)
    faster = seconds["float32"] >= GAIN * seconds["bfloat16"]
    return "bfloat16" if faster and close(results["float32"], results["bfloat16"]) else "float32"


def random_tokens(vocabulary: int, length: int, count: int = 8) -> list[list[int]]:
    """A batch to probe with, [count, length]; the lower half of the vocabulary holds the special tokens."""
    found: list[list[int]] = (
        np.random.default_rng(0).integers(vocabulary // 2, vocabulary, (count, length)).tolist()
    )
    return found

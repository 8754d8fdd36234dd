"""Number formats of models: what `dtype = "auto"` is on this machine.

The instructions that the machine has decide, never a clock: a busy machine must not be another engine under one name.
Completed specs have it written out, so that it stands in a run's recipe and in every answer's key, and all lanes take it.
"""

from collections.abc import Callable
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

from rlc.data.spec import Spec

IF_CLOSE = "bfloat16-if-close"  # what a model's weights decide, alike on every machine
OF_BFLOAT16 = {"amx_bf16", "avx512_bf16"}  # instructions, as Linux names them


def native_dtype(device: str | None = None) -> str:
    """Take `bfloat16` where the device has instructions for it; else `float16` on a GPU, and `float32` elsewhere.

    Args:
        device: of torch; `auto` and None stand for a GPU where there is one.
    """
    import torch

    if device in ("auto", None):
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    return "bfloat16" if device == "cpu" and OF_BFLOAT16 & instructions() else "float32"


def native_if_close(device: str | None = None) -> str:
    """Take `bfloat16-if-close` where `native_dtype` is bfloat16, else `float32`: for models that find passages."""
    return IF_CLOSE if native_dtype(device) == "bfloat16" else "float32"


def settled(spec: Spec, native: Callable[[str | None], str] = native_dtype) -> Spec:
    """Write out the `dtype` of a completed spec; without torch here it stays for the machine that will have it."""
    if spec["dtype"] != "auto" or find_spec("torch") is None:
        return spec
    return {**spec, "dtype": native(spec["device"])}


settled_if_close = partial(settled, native=native_if_close)


@cache
def instructions() -> frozenset[str]:
    """Name the instructions that this machine's processor has; none where Linux does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(word for line in lines if line.startswith("flags") for word in line.split())

"""Putting passages together: how keys and values of passages that were read apart make one prompt."""

from rlc.data.lazy import lazy_attributes
from rlc.data.plugins import with_plugins

FUSIONS = {
    "prompt-cache": "rlc.pipeline.fusion.methods:prompt_cache",
    "parallel-windows": "rlc.pipeline.fusion.methods:parallel_windows",
    "ape": "rlc.pipeline.fusion.methods:ape",
    "cache-blend": "rlc.pipeline.fusion.methods:cache_blend",
}
FUSIONS = with_plugins("fusions", FUSIONS)

__getattr__, __dir__ = lazy_attributes(__name__, FUSIONS)
__all__ = __dir__()

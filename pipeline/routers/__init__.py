"""Routers: readers that hold two readers and decide, question by question, which of them answers."""

from rlc.data.lazy import lazy_attributes

ROUTERS = {
    "length": "rlc.pipeline.routers.length:LengthRouter",
}

AUTO = "length"  # what `auto` stands for; every output says so

__getattr__, __dir__ = lazy_attributes(__name__, ROUTERS)

"""Routers: readers that hold two readers and decide, question by question, which of them answers."""

from rlc.data.lazy import lazy_attributes

ROUTERS = {
    "length": "rlc.pipeline.routers.length:LengthRouter",
    "table": "rlc.pipeline.routers.table:TableRouter",
    "self-route": "rlc.pipeline.routers.self_route:SelfRoute",
    "pre-route": "rlc.pipeline.routers.pre_route:PreRoute",
    "learned": "rlc.pipeline.routers.learned:LearnedRouter",
    "learned-after-rag": "rlc.pipeline.routers.learned_after_rag:LearnedAfterRagRouter",
}

AUTO = "learned"  # what `auto` stands for; every output says so

__getattr__, __dir__ = lazy_attributes(__name__, ROUTERS)
__all__ = __dir__()

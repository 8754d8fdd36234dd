"""Routers: readers that hold two readers and decide, question by question, which of them answers."""

from rlc.data.lazy import lazy_attributes
from rlc.data.plugins import with_plugins

ROUTERS = {
    "length": "rlc.pipeline.routers.length:LengthRouter",
    "table": "rlc.pipeline.routers.table:TableRouter",
    "self-route": "rlc.pipeline.routers.self_route:SelfRoute",
    "pre-route": "rlc.pipeline.routers.pre_route:PreRoute",
    "learned": "rlc.pipeline.routers.learned:LearnedRouter",
    "learned-after-rag": "rlc.pipeline.routers.learned_after_rag:LearnedAfterRagRouter",
    "learned-after-both": "rlc.pipeline.routers.learned_after_both:LearnedAfterBothRouter",
    "buy-then-choose": "rlc.pipeline.routers.buy_then_choose:BuyThenChoose",
    "believe-refusal": "rlc.pipeline.routers.believe_refusal:BelieveRefusal",
    "verified": "rlc.pipeline.routers.verified:Verified",
    "p-true": "rlc.pipeline.routers.p_true:PTrue",
    "cascade": "rlc.pipeline.routers.cascade:Cascade",
}
ROUTERS = with_plugins("routers", ROUTERS)

# What `auto` stands for; every output says so. Where only one arm may be asked a question, it is ONE_CALL.
AUTO, ONE_CALL = "buy-then-choose", "learned"

__getattr__, __dir__ = lazy_attributes(__name__, ROUTERS)
__all__ = __dir__()

"""Looking: how a token attends to what stands before it, in place of the model's own attention."""

from rlc.data.lazy import lazy_attributes
from rlc.data.plugins import with_plugins

LOOKS = {
    "self-extend": "rlc.pipeline.looks.self_extend:SelfExtend",
    "dpe": "rlc.pipeline.looks.dpe:Dpe",
    "dual-chunk": "rlc.pipeline.looks.dual_chunk:DualChunk",
    "rope-contraction": "rlc.pipeline.looks.rope_contraction:RopeContraction",
    "quest": "rlc.pipeline.looks.quest:Quest",
    "double-sparsity": "rlc.pipeline.looks.double_sparsity:DoubleSparsity",
    "long-heads": "rlc.pipeline.looks.long_heads:LongHeads",
    "squeezed": "rlc.pipeline.looks.squeezed:Squeezed",
    "recycled": "rlc.pipeline.looks.recycled_attention:RecycledAttention",
}
LOOKS = with_plugins("looks", LOOKS)

__getattr__, __dir__ = lazy_attributes(__name__, LOOKS)
__all__ = __dir__()

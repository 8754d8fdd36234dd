"""A transformers cache whose layers grow in blocks; transformers is loaded when one is made."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers.cache_utils import Cache


def growing_cache() -> "Cache":
    """Make an empty cache for a model whose layers all attend to everything before them."""
    from transformers.cache_utils import Cache

    from rlc.pipeline.llms.support.growing_layer import GrowingLayer

    return Cache(layer_class_to_replicate=GrowingLayer)

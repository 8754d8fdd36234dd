"""Texts to probe a model with: whether it gives in bfloat16 what it gives in float32."""

import numpy as np


def random_tokens(vocabulary: int, length: int, count: int = 8) -> list[list[int]]:
    """Draw a batch, [count, length]; the lower half of the vocabulary holds the special tokens."""
    found: list[list[int]] = (
        np.random.default_rng(0).integers(vocabulary // 2, vocabulary, (count, length)).tolist()
    )
    return found

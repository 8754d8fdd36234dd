"""What long context may cost: tokens by estimate, and which questions are worth them."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CHARACTERS_PER_TOKEN = 4.2  # English prose and tables, over the tokenizers of the usual models


def estimated_tokens(characters: int) -> float:
    """About how many tokens so many characters are; tables have more, prose has fewer, and it costs nothing to say."""
    return characters / CHARACTERS_PER_TOKEN


def paid_share(questions: float, cached: float) -> float:
    """The share of a document's tokens that one of its questions pays: 1 / q + (1 - 1 / q) * cached.

    The first of q questions pays for reading the document, every further one `cached` times that, because the engine
    keeps what it has read; the mean over them is what each is charged. That every question pays the same, whichever
    others are asked beside it, keeps a decision from depending on what is in the store already. It supposes that all q
    questions read the document whole: where only some do, reading costs these more.

    Args:
        questions: asked about a document, at least 1; 1 charges every question in full.
        cached: what a token costs that was read before, as a share of a new one's cost, 0 to 1.
    """
    return 1 / questions + (1 - 1 / questions) * cached


def worth_it(gains: Floats, extra_tokens: Floats, price: float) -> NDArray[np.bool_]:
    """Tell for which questions long context is expected to gain more than it costs.

    At price 0 all that counts is gain > 0. A question costs at least a token's price, so that none is free where the
    price is infinite.

    Args:
        gains: Expected gain in accuracy (1 = from certainly wrong to certainly right).
        extra_tokens: What long context reads beyond retrieval, as far as the question pays for it.
        price: Gain demanded per 1,000 extra tokens.
    """
    cost = price * np.maximum(extra_tokens, 1.0) / 1000 if price else 0.0
    return np.asarray(gains > cost)

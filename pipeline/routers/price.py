"""What long context may cost: tokens by estimate, and which questions are worth them."""

from collections import defaultdict
from collections.abc import Hashable, Sequence

CHARACTERS_PER_TOKEN = 4.2  # English prose and tables, over the tokenizers of the usual models


def estimated_tokens(characters: int) -> float:
    """About how many tokens so many characters are; tables have more, prose has fewer, and it costs nothing to say."""
    return characters / CHARACTERS_PER_TOKEN


def worth_it(
    gains: Sequence[float],
    extra_tokens: Sequence[float],
    documents: Sequence[Hashable],
    price: float,
    cached: float,
) -> list[bool]:
    """For which questions long context is expected to gain more than it costs.

    The first question of a document that is read whole pays price * extra tokens / 1000, every further one `cached`
    times that, because the engine keeps what it has read. So a document's questions are judged together: those whose
    gain exceeds their own cost are read whole if their surplus together exceeds the cost of loading, and otherwise
    none is. With `cached` = 1 every question stands alone; with `price` = 0 all that counts is gain > 0.

    Args:
        gains: Expected gain in accuracy (1 = from certainly wrong to certainly right).
        extra_tokens: What long context reads beyond retrieval.
        documents: Whose document is whose.
        price: Gain demanded per 1,000 extra tokens.
        cached: What a token costs that was read before, as a share of a new one's cost, 0 to 1.
    """
    surplus = [
        gain - price * cached * max(0.0, extra) / 1000
        for gain, extra in zip(gains, extra_tokens, strict=True)
    ]
    together: dict[Hashable, float] = defaultdict(float)
    loading: dict[Hashable, float] = {}
    for document, value, extra in zip(documents, surplus, extra_tokens, strict=True):
        together[document] += max(0.0, value)
        loading[document] = price * (1 - cached) * max(0.0, extra) / 1000
    return [
        value > 0 and together[document] > loading[document]
        for document, value in zip(documents, surplus, strict=True)
    ]

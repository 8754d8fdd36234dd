"""AttnTrace: which texts of its prompt an answer rests on, by what the model looks at while it says it."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from rlc.data.protocols import Attending, Floats, Prompt, Seen
from rlc.data.records import Usage

Span = tuple[int, int]


class Attribution(NamedTuple):
    """How much an answer rests on each text, float32 [texts], and what finding it out cost."""

    scores: Floats
    usage: Usage


def attn_trace(
    llm: Attending,
    prompt: Prompt,
    texts: Sequence[Span],
    answer: str,
    *,
    tokens: int = 5,
    share: float = 0.4,
    subsets: int = 30,
    seed: int = 0,
    told: Callable[[int], None] = lambda _: None,
) -> Attribution:
    """Attribute an answer to the texts of its prompt.

    The answer is put into the model's mouth, behind what stood there. What its tokens pay to a token of the prompt is their mean over all layers
    and heads; a text's score is the mean of its `tokens` most looked-at tokens. Since attention is shared among all that
    says the same, this is done for random subsets of the texts, and a text's score is the mean over those that hold it. A
    text that no subset held has 0.

    Args:
        llm: Shows what it looks at.
        prompt: What was answered.
        texts: Their spans in the prompt's prefix, in order, none within another.
        answer: What was said; at least one token.
        tokens: The most looked-at ones of a text that count; 5 in the authors' code.
        share: Of the texts that a subset holds; 0.4 there. With 1 one subset is all.
        subsets: How many; 30 there.
        seed: Of the subsets.
        told: Called with the number of every subset that is done, from 1.

    Raises:
        ValueError: if there is no text or no answer, or a setting is out of range.
        ContextOverflowError: if prompt and answer do not fit the window.
        UnsupportedError: if the model's attention cannot be shown.

    Source: Wang et al., AttnTrace, 2025, arXiv 2508.03793.
    """
    if not texts or not answer.strip():
        raise ValueError(f"expected texts and an answer, got {len(texts)} texts and {answer!r}")
    if min(tokens, subsets) < 1 or not 0 < share <= 1:
        raise ValueError(
            f"tokens and subsets must be at least 1 and share in (0, 1]; got tokens={tokens}, subsets={subsets}, "
            f"share={share}"
        )
    generator = np.random.default_rng(seed)
    sums, times = np.zeros(len(texts)), np.zeros(len(texts))
    costs = []
    size = max(1, int(share * len(texts)))
    for number in range(1, 1 + (subsets if size < len(texts) else 1)):
        held = np.sort(generator.permutation(len(texts))[:size])
        asked, spans = only(prompt, texts, set(held.tolist()))
        said = replace(asked, reply=asked.reply + answer)
        layers, usage = llm.watch(said, _per_token(spans), since=len(asked.text))
        costs.append(replace(usage, calls=1, rounds=1))
        paid = [np.mean(np.stack(of_text), axis=0) for of_text in zip(*layers, strict=True)]
        sums[held] += [_mean_of_highest(text, tokens) for text in paid]
        times[held] += 1
        told(number)
    return Attribution((sums / np.maximum(times, 1)).astype(np.float32), Usage.total(costs))


def only(prompt: Prompt, texts: Sequence[Span], held: Collection[int]) -> tuple[Prompt, list[Span]]:
    """The prompt without the other texts, and where those that are held stand in its prefix."""
    kept: list[str] = []
    spans: list[Span] = []
    length = end = 0
    for number, (start, stop) in enumerate(texts):
        between, text = prompt.prefix[end:start], prompt.prefix[start:stop] if number in held else ""
        kept += [between, text]
        length += len(between) + len(text)
        if number in held:
            spans.append((length - len(text), length))
        end = stop
    return replace(prompt, prefix="".join([*kept, prompt.prefix[end:]])), spans


def _per_token(spans: Sequence[Span]) -> Callable[[Seen], list[Floats]]:
    def see(seen: Seen) -> list[Floats]:
        paid = np.asarray(seen.attention.mean((0, 1)), np.float32)
        return [paid[seen.within(*span)] for span in spans]

    return see


def _mean_of_highest(paid: Floats, tokens: int) -> float:
    return float(np.sort(paid)[-tokens:].mean()) if len(paid) else 0.0

"""LongLLMLingua: a language model's surprise, with and without the question, chooses passages and tokens."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from langchain_core.documents import Document
from pydantic import Field

from rlc.data.protocols import Floats, Scorer, TokenLogprobs
from rlc.retrievers.prune.base import Asked, Kept, Pruner, Share, Span, joined
from rlc.retrievers.prune.support.units import Unit

RESTRICTION = " We can get the answer to this question in the given documents."


class LongLLMLinguaPruner(Pruner):
    """Keeps the tokens that the question makes less surprising, of the passages that make the question so.

    Coarse: passages in ascending order of the mean loss of "{question} We can get the answer ..." given the passage,
    until they hold the target plus `spare` tokens (the one that overflows included). Fine: a token's worth is its
    loss without the question less its loss with the question in front; the target is shared out so that the best
    passage keeps `dynamic` more of its tokens and the last as much less, and every passage keeps its worthiest.

    The target, (1 - ratio) of the tokens by the model's own count, is never exceeded. Differences from the authors'
    code: passages are read whole, not in segments of 200 tokens after what is left of those before; instruction,
    question and reader's prompt are outside the budget. Rows of tables do not bring their headers.

    Attributes:
        llm: an engine that gives log-probabilities of given texts, such as `hf`. The authors use a model of 7 billion
            parameters.
        ratio: share of tokens to remove, over all passages of a question.
        dynamic: how much more the best passage keeps than the average, and the last less; 0.3 in the paper.
        spare: tokens beyond the target that the coarse choice may take; 100 in the paper.
        order: `retrieved` leaves the passages' order, `perplexity` puts the best first.

    Source: Jiang et al., LongLLMLingua, ACL 2024, arXiv 2310.06839.
    """

    llm: Scorer
    ratio: Share = 0.5
    dynamic: Share = 0.3
    spare: int = Field(default=100, ge=0)
    order: Literal["retrieved", "perplexity"] = "retrieved"

    def keep(self, asked: Sequence[Asked]) -> list[list[Kept]]:
        """The spans of the tokens that stay; a passage's score is minus its mean loss of the question.

        Raises:
            ContextOverflowError: if question and passage do not fit the engine's window together.
        """
        return [self._kept(one.query, [document.page_content for document in one.documents]) for one in asked]

    def arrange(self, documents: list[Document]) -> list[Document]:
        """The passages as they came, or the best first."""
        if self.order == "retrieved":
            return documents
        order = sorted(range(len(documents)), key=lambda i: (-documents[i].metadata["prune_score"], i))
        return [documents[i] for i in order]

    def _kept(self, query: str, texts: Sequence[str]) -> list[Kept]:
        question = query + RESTRICTION
        asked = self.llm.logprobs(texts, [question] * len(texts))
        scores = [float(one.values.mean()) for one in asked]
        if self.ratio == 0:
            return [
                Kept(((0, len(text)),) if text else (), score)
                for text, score in zip(texts, scores, strict=True)
            ]
        plain = self.llm.logprobs([""] * len(texts), texts)
        counts = [len(one.values) for one in plain]
        target = int((1 - self.ratio) * sum(counts) + 1e-6)
        ranked = sorted(range(len(texts)), key=lambda i: (-scores[i], i))
        chosen = coarse([counts[i] for i in ranked], target + self.spare)
        shares = allowances([counts[i] for i in ranked[:chosen]], target, self.dynamic)
        allowed = {i: share for i, share in zip(ranked, shares, strict=False) if share}
        after = self.llm.logprobs([question] * len(allowed), [texts[i] for i in allowed])
        spans = {
            i: fine(plain[i], given, share) for (i, share), given in zip(allowed.items(), after, strict=True)
        }
        return [Kept(spans.get(i, ()), score) for i, score in enumerate(scores)]


def fine(plain: TokenLogprobs, asked: TokenLogprobs, count: int) -> tuple[Span, ...]:
    """The spans of the `count` tokens that gain most likelihood from `plain` to `asked`, of equals the first."""
    return joined(Unit(*plain.spans[place]) for place in highest(asked.values - plain.values, count))


def coarse(counts: Sequence[int], budget: int) -> int:
    """How many of the passages, best first, are taken: until they exceed the budget, that one included."""
    totals = np.cumsum(counts)
    return min(len(counts), int(np.searchsorted(totals, budget, side="right")) + 1)


def allowances(counts: Sequence[int], target: int, dynamic: float) -> list[int]:
    """How many tokens each passage, best first, may keep: at most `target` together.

    share_i = clip(target / total + dynamic * (1 - 2 * i / (n - 1)), 0, 1); scaled down where they exceed the target.
    """
    if not counts or sum(counts) == 0:
        return [0] * len(counts)
    base = target / sum(counts)
    tilt = np.linspace(dynamic, -dynamic, len(counts)) if len(counts) > 1 else np.zeros(1)
    wanted = np.clip(base + tilt, 0, 1) * np.array(counts)
    if wanted.sum() > target:
        wanted *= target / wanted.sum()
    return [int(value + 1e-6) for value in wanted]


def highest(worth: Floats, count: int) -> list[int]:
    """The places of the highest values, ascending; of equals the first."""
    return sorted(np.argsort(-worth, kind="stable")[:count].tolist())

"""Paying: an engine that is asked only for what a purse holds."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from rlc.data.completed import generations_as_completed, in_order
from rlc.data.errors import SpentError
from rlc.data.protocols import LLM, Generation, Prompt, Sampling
from rlc.data.purse import Purse
from rlc.data.records import Usage
from rlc.data.tokens import ApproximateTokenizer
from rlc.pipeline.llms.support.engine import CompletingEngine
from rlc.pipeline.llms.support.forwarding import Forwarding, all_that
from rlc.pipeline.llms.support.remote import TEMPLATE_TOKENS

Cost = Callable[[Usage], float]
"""Dollars for a usage."""


@dataclass
class PayingLLM(Forwarding, CompletingEngine):
    """Generate what can be paid. Made by `paying`.

    Every prompt is promised at its most before it is sent: all of its tokens in full, at the price of keeping them where
    that is higher, and an answer of the greatest length.
    Prompts that are answered one by one are sent as far as the purse goes, the others all or none. A generation that failed
    has cost what its usage says.
    """

    cost: Cost
    purse: Purse

    def around(self, llm: LLM, identity: str) -> "PayingLLM":  # noqa: ARG002 - it keeps nothing
        return paying(llm, self.cost, self.purse)

    def most(self, prompt: Prompt, sampling: Sampling) -> float:
        """The dollars that a call can cost."""
        longest: Callable[[int], int] = getattr(self.llm, "limit", int)
        read = most_tokens(self.llm, prompt, sampling)
        most = Usage(prompt_tokens=read, output_tokens=longest(sampling.max_tokens))
        # Keeping it may cost more.
        return max(self.cost(most), self.cost(replace(most, cache_write_tokens=read)))

    def _generate_all(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Generation]:
        most = [self.most(prompt, sampling) for prompt in prompts]
        if prompts and not self.purse.promise(sum(most)):
            raise self._spent(sum(most), len(prompts))
        return in_order(self._paid(list(range(len(prompts))), prompts, most, sampling))

    def generate_as_completed(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[tuple[int, Generation]]:
        """Answer prompts as far as the purse goes, each with its place as it ends.

        Raises:
            SpentError: before a prompt that cannot be paid, when all before it are answered.
        """
        most = [self.most(prompt, sampling) for prompt in prompts]
        first = 0
        while first < len(prompts):
            last = first
            while last < len(prompts) and self.purse.promise(most[last]):
                last += 1
            if last == first:
                raise self._spent(most[first], 1)
            yield from self._paid(list(range(first, last)), prompts, most, sampling)
            first = last

    def _paid(
        self, places: Sequence[int], prompts: Sequence[Prompt], most: Sequence[float], sampling: Sampling
    ) -> Iterator[tuple[int, Generation]]:
        """The generations of promised prompts; what is broken off stays promised, for it may have to be paid."""
        for i, generation in generations_as_completed(
            self.llm, [prompts[place] for place in places], sampling
        ):
            self.purse.settle(most[places[i]], self.cost(generation.usage))
            yield places[i], generation

    def _spent(self, dollars: float, calls: int) -> SpentError:
        what = "the next call" if calls == 1 else f"the next {calls} calls"
        return SpentError(
            f"{what} of {self.name} may cost ${dollars:,.4f}, and that is more than is left of what may be spent; what is "
            "answered is stored: the same command with a higher --spend goes on from there"
        )


def most_tokens(llm: LLM, prompt: Prompt, sampling: Sampling) -> int:
    """The most tokens that a prompt can have for an engine: its count by the model's own tokenizer, else its bytes.

    A token is a byte at the least. The schema of an answer is read with the prompt.
    """
    schema = len(json.dumps(sampling.schema)) if sampling.schema is not None else 0
    if llm.tokenizer.name != ApproximateTokenizer.name:
        return llm.count(prompt) + schema
    texts = [part.encode("utf-8", "surrogatepass") for part in prompt.parts]
    return sum(map(len, texts)) + TEMPLATE_TOKENS + schema


def paying(llm: LLM, cost: Cost, purse: Purse) -> PayingLLM:
    """Let an engine be paid from a purse."""
    return all_that(llm, PayingLLM)(llm, cost, purse)

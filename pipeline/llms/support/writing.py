"""An answer that is being written: each token is chosen from logits, until one of them ends it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from rlc.data.protocols import Generation, Prompt, Sampling
from rlc.data.records import Usage
from rlc.pipeline.llms.support.chat import Chat
from rlc.pipeline.llms.support.spelling import scored_tokens
from rlc.pipeline.llms.support.stopping import cut_at_stop

if TYPE_CHECKING:
    import torch


@dataclass
class Writing:
    """The answer to one prompt, as far as it is written.

    Attributes:
        prompt: What is answered.
        ids: Its tokens.
        limit: The most new tokens, a thought's included.
        sampling: What is wished for.
        heat: The temperature; 0 is greedy.
        chat: Turns tokens into text.
        ends: Tokens that end an answer.
        tokens: The new ones.
        scores: Their log-probabilities, where they are wished for.
        text: What the tokens say.
        reason: Why it ended, `stop` or `length`; empty while it goes on.
        error: What broke it off.
        usage: What it cost.
    """

    prompt: Prompt
    ids: list[int]
    limit: int
    sampling: Sampling
    heat: float
    chat: Chat
    ends: frozenset[int]
    tokens: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    text: str = ""
    reason: str = ""
    error: Exception | None = None
    usage: Usage = Usage()

    @property
    def is_ended(self) -> bool:
        """Whether no token follows."""
        return bool(self.reason or self.error)

    def take(self, logits: "torch.Tensor") -> None:
        """Choose the next token from logits, float32 [vocabulary], and see whether the answer ends with it.

        Raises:
            RuntimeError: if one of them is no number: any token would do.
        """
        import torch

        logits = logits.cpu()  # one wait for the device, not one for every question that is asked of them
        if logits.max().isnan():
            raise RuntimeError(
                "the model's logits are no numbers (NaN), as where its arithmetic overflows: set dtype = 'float32'"
            )
        if self._generator is None:
            token = int(logits.argmax())
        else:
            weights = torch.softmax(logits / self.heat, dim=-1).cpu()
            token = int(torch.multinomial(weights, 1, generator=self._generator))
        if self.sampling.logprobs:
            self.scores.append(float(torch.log_softmax(logits, dim=-1)[token]))
        self.add(token)

    def add(self, token: int) -> None:
        """Note a token, and see whether the answer ends with it."""
        self.tokens.append(token)
        text, stopped = cut_at_stop(self.chat.decode(self.tokens), self.sampling.stop)
        self.text = text.strip()
        if stopped or token in self.ends:
            self.reason = "stop"
        elif len(self.tokens) == self.limit:
            self.reason = "length"

    def charge(self, usage: Usage) -> None:
        """Note what it cost, and count its tokens."""
        self.usage = replace(usage, prompt_tokens=len(self.ids), output_tokens=len(self.tokens))

    @property
    def generation(self) -> Generation:
        """What came of it, a thought not yet parted from it."""
        if self.error is not None:
            return failed(self.error)
        wanted = self.sampling.logprobs
        scores = scored_tokens(self.chat.decode, self.tokens, self.scores, self.text) if wanted else None
        return Generation(self.text, self.reason, self.usage, scores)

    @cached_property
    def _generator(self) -> "torch.Generator | None":
        import torch

        seed = self.sampling.seed_of(self.prompt)
        return torch.Generator().manual_seed(_seed_of(seed, self.ids)) if self.heat else None


def failed(error: Exception) -> Generation:
    """A generation that an error broke off."""
    return Generation("", "error", error=f"{type(error).__name__}: {error}".rstrip(": "))


def _seed_of(seed: int, ids: Sequence[int]) -> int:
    """One seed per prompt, so that an answer does not depend on what was asked before it."""
    digest = hashlib.blake2b(f"{seed}:{','.join(map(str, ids))}".encode(), digest_size=7)
    return int.from_bytes(digest.digest(), "big")

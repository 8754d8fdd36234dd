"""Voting: several readers answer, and what most of them say is the answer."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

from rlc.data.errors import EngineError
from rlc.data.loads import Foreseeable, PromptLoad
from rlc.data.protocols import Reader, Role
from rlc.data.records import Answer, Example
from rlc.pipeline.readers.support.moves import what_it_says
from rlc.pipeline.readers.support.samples import ask_ahead, check_samples_differ, sample
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, read


@dataclass(frozen=True)
class Vote(Strategy):
    """Let several readers answer and keep what most of them say.

    Answers agree that are the same words, whatever their case, marks and spaces; all refusals agree. Of answers with
    equally many votes the first in the order of `voters` wins, and its evidence and route are the answer's. Voters that
    fail have no vote. One reader votes several times by `samples`, each with a seed of its own; a greedy engine says the
    same each time, and is refused. Passages in another order, other models and other strategies are voters just as well.

    Source: self-consistency, Wang et al., ICLR 2023, arXiv 2203.11171, whose voters are samples; over whole answers in
    place of the last figure of a reasoning.

    Args:
        voters: the readers.
        samples: how often each of them answers; at least two answers are voted on.
        temperature: at which their engines write; None is each engine's own. The paper's is 0.5 to 0.7.

    The voters are asked one after the other, the questions of a batch together, and are charged so: what each of them took is
    measured alone, and `--workers` keeps several servers busy, each with a batch of its own. Samples of a reader that
    asks once a question are asked in one batch, where its engine takes a seed for each prompt.

    Raises:
        UsageError: at the first question, if two voters must say the same.
    """

    role: ClassVar[Role] = "both"

    voters: Sequence[Reader]
    samples: int = 1
    temperature: float | None = None

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError(f"samples must be at least 1, got {self.samples}")
        if len(self.voters) * self.samples < 2:
            raise ValueError(
                f"a vote needs at least two voters, or samples of one, got {len(self.voters)} and "
                f"samples={self.samples}"
            )

    @cached_property
    def _panel(self) -> list[Reader]:
        """All that vote, the samples of one reader beside each other."""
        check_samples_differ(self.voters, self.samples, self.temperature)
        return [
            sample(voter, number, self.temperature) for voter in self.voters for number in range(self.samples)
        ]

    def answer_as_completed(self, examples: Sequence[Example], /) -> Iterator[tuple[int, Answer]]:
        """Yield each answer with its example's place."""
        panel = self._panel
        for first in range(0, len(panel) if self.samples > 1 else 0, self.samples):
            ask_ahead(panel[first : first + self.samples], examples)
        return super().answer_as_completed(examples)

    def talk(self, example: Example) -> Talk[Answer]:
        answers = []
        for number, voter in enumerate(self._panel):
            answers.append((yield from read(voter, example, name=f"voter {number}")))
        valid = [answer for answer in answers if answer.error is None]
        if not valid:
            raise EngineError(f"none of {len(answers)} voters answered; the first: {answers[0].error}")
        votes = Counter(what_it_says(answer.text) for answer in valid)
        most = max(votes.values())
        winner = next(answer for answer in valid if votes[what_it_says(answer.text)] == most)
        return replace(winner, steps=(), details={"votes": most, "voters": len(valid)})

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad] | None:
        """Bound the prompts of all samples but the voters' own answers, which count as a router's arms; None where one cannot say."""
        further = self.samples - (self.temperature is None)
        loads: list[PromptLoad] = []
        for voter in self.voters if further else ():
            said = voter.reads(examples) if isinstance(voter, Foreseeable) else None
            if said is None:
                return None
            loads += said * further
        return loads

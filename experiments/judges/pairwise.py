"""Pairwise preference: which of two answers is better, asked in both orders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

from rlc.data.protocols import Prompt
from rlc.data.records import Answer, Example
from rlc.experiments.judges.base import UNPARSED, Bounds, Case, ModelJudge, neutralise, reference_of, word_of
from rlc.experiments.scorers.rule import Verdict

WON, LOST, TIE = 1.0, 0.0, 0.5


@dataclass(frozen=True)
class Pairwise(ModelJudge):
    """How often an answer is preferred to the other arms' answers; a preference that flips with the order is a tie.

    Each pair is asked about twice, once with either answer first: models favour a place. Only who wins in both orders
    wins. Equal answers are a tie without being asked about.

    Source: Zheng et al., Judging LLM-as-a-Judge, 2023, arXiv:2306.05685, section 3.4.
    """

    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "ask.system": (),
        "ask.prefix": ("fences?",),
        "ask.question": ("question", "reference", "first", "second"),
        "fences.text": (),
        "reference.none": (),
        "reference.one_of": ("reference",),
        "reply.first": (),
        "reply.second": (),
        "reply.tie": (),
    }
    prefers: ClassVar[bool] = True
    needs_gold: ClassVar[bool] = False

    def loads(self, example: Example, arms: Sequence[Bounds]) -> list[int]:
        """Two prompts a pair of arms, each with both answers."""
        empty = self.llm.count(self.prompts(Case(example, Answer("", "")))[0])
        pairs = combinations(arms, 2)
        return [empty + one.answer + other.answer for one, other in pairs for _ in range(2)]

    def without_asking(self, case: Case) -> Verdict | None:
        """Equal answers are as good as each other."""
        if case.answer.text == case.rival:
            return Verdict(True, TIE, "tie")
        return super().without_asking(case)

    def prompts(self, case: Case) -> list[Prompt]:
        """The answer first, then its rival first."""
        both = case.answer.text, case.rival
        fields = {
            "question": case.example.question,
            "reference": reference_of(self.texts, case.example),
        }
        places = {name: neutralise(text) for name, text in fields.items()}
        fences = self.texts.texts["fences.text"]
        return [
            self.texts.prompt(
                "ask", **places, first=neutralise(first), second=neutralise(second), fences=fences
            )
            for first, second in (both, both[::-1])
        ]

    def grade(self, case: Case, replies: Sequence[str]) -> tuple[float | None, str]:  # noqa: ARG002
        """1 where the answer wins in both orders, 0 where its rival does, else 0.5."""
        words = {name: self.texts.texts[f"reply.{name}"] for name in ("first", "second", "tie")}
        said = [word_of(reply, words) for reply in replies]
        if None in said:
            return None, UNPARSED
        if said == ["first", "second"]:
            return WON, "preferred"
        return (LOST, "not preferred") if said == ["second", "first"] else (TIE, "tie")

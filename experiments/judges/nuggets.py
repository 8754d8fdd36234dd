"""Nuggets: how many of the vital facts of the gold answer does an answer hold?"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

from rlc.data.protocols import Prompt
from rlc.data.records import Answer, Example
from rlc.experiments.judges.base import UNPARSED, Bounds, Case, ModelJudge, neutralise, reference_of
from rlc.experiments.scorers.rule import Verdict

FACTS = "facts"  # where they stand in the verdict's source, as JSON
MOST = 20  # facts of a gold answer: a list that goes on and on is no list of vital ones

_ITEM = re.compile(r"\s*(?:[-*•]|\d+[.)、])\s*(.+)")


@dataclass(frozen=True)
class FactList(ModelJudge):
    """The vital facts of a question's gold answer, one a line: no verdict, they stand in its source."""

    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "list.system": (),
        "list.prefix": ("fences?",),
        "list.question": ("question", "reference"),
        "fences.text": (),
        "reference.none": (),
        "reference.one_of": ("reference",),
    }

    def without_asking(self, case: Case) -> Verdict | None:
        """Only a question without a gold answer needs no list: there is no answer here."""
        return super().without_asking(replace(case, answer=Answer("-", "")))

    def prompts(self, case: Case) -> list[Prompt]:
        """One prompt a question, whatever was answered."""
        fields = {
            "question": neutralise(case.example.question),
            "reference": neutralise(reference_of(self.texts, case.example)),
        }
        return [self.texts.prompt("list", **fields, fences=self.texts.texts["fences.text"])]

    def grade(self, case: Case, replies: Sequence[str]) -> tuple[float | None, str]:  # noqa: ARG002
        """Whether there is such a list."""
        count = len(facts_in(replies[0]))
        return (1.0, f"{count} facts") if 0 < count <= MOST else (None, UNPARSED)

    def beside(self, replies: Sequence[str]) -> Mapping[str, str]:
        """What is kept beside the verdict: the facts, as JSON."""
        return {FACTS: json.dumps(facts_in(replies[0]), ensure_ascii=False)}


@dataclass(frozen=True)
class Nuggets(ModelJudge):
    """The share of the gold answer's vital facts that an answer holds.

    The facts are listed once a question, so that all arms are held against the same ones; then every answer is asked which
    of them it supports. Upstream takes partial support for none, too, in its strict score; it lists facts of many texts, and
    this of the gold answer alone.

    Source: Pradeep et al., The Great Nugget Recall, 2025, arXiv:2504.15068.
    """

    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        **FactList.PROMPTS,
        "support.system": (),
        "support.prefix": ("fences?",),
        "support.question": ("question", "facts", "candidate"),
        "reply.none": (),
    }

    @cached_property
    def first(self) -> FactList:
        """What must be asked once a question before any answer is judged."""
        return FactList(self.llm, self.prompt, self.max_tokens, self.allow_self)

    def loads(self, example: Example, arms: Sequence[Bounds]) -> list[int]:
        """The list of facts, then every answer beside a list of the greatest length."""
        listing = self.first.loads(example, [Bounds(0, 0)])
        return [*listing, *(tokens + self.max_tokens for tokens in super().loads(example, arms))]

    def prompts(self, case: Case) -> list[Prompt]:
        """One prompt an answer, with the facts numbered from 1."""
        numbered = "\n".join(f"{i}. {fact}" for i, fact in enumerate(case.facts, start=1))
        fields = {"question": case.example.question, "facts": numbered, "candidate": case.answer.text}
        places = {name: neutralise(text) for name, text in fields.items()}
        return [self.texts.prompt("support", **places, fences=self.texts.texts["fences.text"])]

    def grade(self, case: Case, replies: Sequence[str]) -> tuple[float | None, str]:
        """The share of the facts whose numbers the reply names."""
        said = replies[0].strip().strip("*.。 ")
        total = len(case.facts)
        if said.casefold() == self.texts.texts["reply.none"].casefold():
            return 0.0, f"0 of {total} facts"
        if not re.fullmatch(r"\d+(?:\s*[,，、;]?\s*\d+)*", said):
            return None, UNPARSED
        named = {int(number) for number in re.findall(r"\d+", said)}
        if not named <= set(range(1, total + 1)):
            return None, UNPARSED
        return len(named) / total, f"{len(named)} of {total} facts"


def facts_in(reply: str) -> list[str]:
    r"""The items of a list, one a line, that stand behind a dash or a number; each once.

    >>> facts_in("Facts:\n- Ada keeps the lamp\n2. since 1871")
    ['Ada keeps the lamp', 'since 1871']
    """
    matches = (_ITEM.fullmatch(line) for line in reply.splitlines())
    return list(dict.fromkeys(match[1].strip() for match in matches if match))

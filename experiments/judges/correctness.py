"""Correctness: does an answer say what the gold answer says?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

from rlc.data.prompt_files import ENGLISH
from rlc.data.protocols import Prompt
from rlc.experiments.judges.base import UNPARSED, Case, ModelJudge, neutralise, reference_of, word_of
from rlc.experiments.scorers.authors_judge import AuthorsJudge, authors_judge, filled


@dataclass(frozen=True)
class Correctness(ModelJudge):
    """Whether an answer says what the gold answer says, or that the text does not tell where it does not.

    The prompts ask what LaRA's two prompts ask (one for questions that the document answers, one for those that it does
    not), in our own words and for yes or no. LaRA's own harness counts any reply that contains "true" and lets a model
    judge itself; this one does neither. A data set whose authors ask a model with prompts of their own is judged with
    those, unless the prompts are in another language or of one's own.

    Args:
        dataset: the data set that was asked about, whose authors' prompts are used where they have some.

    Source: Li et al., LaRA, 2025, arXiv:2502.09977.
    """

    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "ask.system": (),
        "ask.question": ("question", "reference", "candidate"),
        "answerable.prefix": ("fences?",),
        "unanswerable.prefix": ("fences?",),
        "fences.text": (),
        "reference.none": (),
        "reference.one_of": ("reference",),
        "reply.right": (),
        "reply.wrong": (),
    }
    VERSION: ClassVar[int] = 2

    dataset: str = ""

    @cached_property
    def authors(self) -> AuthorsJudge | None:
        """The prompts of the data set's authors, where these are asked."""
        return authors_judge(self.dataset) if self.prompt == ENGLISH else None

    def prompts(self, case: Case) -> list[Prompt]:
        """One prompt, the authors' where there is one; the instructions are the shared prefix."""
        example = case.example
        fields = {
            "question": example.question,
            "reference": reference_of(self.texts, example),
            "candidate": case.answer.text,
        }
        fields = {name: neutralise(text) for name, text in fields.items()}
        if self.authors:
            prefix, rest = filled(self.authors.template(example), fields)
            return [Prompt(prefix=prefix, question=rest, system=self.authors.system)]
        kind = "unanswerable" if example.answerable is False else "answerable"
        prefix = self.texts.fill(f"{kind}.prefix", fences=self.texts.texts["fences.text"])
        return [replace(self.texts.prompt("ask", **fields), prefix=prefix)]

    def grade(self, case: Case, replies: Sequence[str]) -> tuple[float | None, str]:  # noqa: ARG002
        """1 for the word for yes alone, 0 for that for no."""
        texts = self.texts.texts
        right, wrong = (
            (self.authors.right, self.authors.wrong)
            if self.authors
            else (texts["reply.right"], texts["reply.wrong"])
        )
        word = word_of(replies[0], {"yes": right, "no": wrong})
        return (None, UNPARSED) if word is None else (float(word == "yes"), word)

    def beside(self, replies: Sequence[str]) -> Mapping[str, str]:
        """Whose prompts were used, and how their authors would read the reply."""
        if self.authors is None:
            return {}
        accepted = ("no", "yes")[self.authors.accepts(replies[0])]
        return {"prompts": self.authors.upstream, "authors_say": accepted}

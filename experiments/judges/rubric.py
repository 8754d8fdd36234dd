"""A rubric: whatever a file of prompts asks about one answer, for yes or no or for a number."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rlc.data.errors import SpecError
from rlc.data.protocols import Prompt
from rlc.experiments.judges.base import UNPARSED, Case, ModelJudge, neutralise, reference_of, word_of
from rlc.experiments.scorers.rule import UNSCORED, Verdict

PLACES = ("question?", "reference?", "read?", "fences?")


@dataclass(frozen=True)
class Rubric(ModelJudge):
    """What a file of your own asks about an answer, for yes or no or for a number.

    The file's places are {candidate}, which `ask.question` must hold, and as wanted {question}, {reference} (the gold
    answers), {read} (what the reader was given) and {fences}. A file that shows gold answers gives no verdict where there
    are none; on questions that the text does not answer it does if `reference.none` says what stands there. Under `reply`
    stand either the words `right` and `wrong`, or the numbers `lowest` and `highest`, between which a reply becomes a share.
    """

    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "ask.system?": (),
        "ask.prefix?": PLACES,
        "ask.question": ("candidate", *PLACES),
        "fences.text?": (),
        "read.none?": (),
        "reference.none?": (),
        "reference.one_of?": ("reference",),
        "reply.right?": (),
        "reply.wrong?": (),
        "reply.lowest?": (),
        "reply.highest?": (),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        self._bounds  # noqa: B018 - refused here, not at the first answer

    @property
    def reads(self) -> bool:  # type: ignore[override] # as the file says
        """Whether the file shows what was read."""
        return self._shows("{read}")

    @property
    def needs_gold(self) -> bool:  # type: ignore[override] # as the file says
        """Whether the file shows the gold answers."""
        return self._shows("{reference}")

    def without_asking(self, case: Case) -> Verdict | None:
        """Where the file shows gold answers, and neither are there any nor words for that, there is no verdict."""
        unknown = self.needs_gold and not case.example.answers and "reference.none" not in self.texts.texts
        return super().without_asking(case) or (Verdict(None, 0.0, UNSCORED) if unknown else None)

    def _shows(self, place: str) -> bool:
        return any(place in self.texts.texts.get(f"ask.{part}", "") for part in ("prefix", "question"))

    @property
    def _bounds(self) -> tuple[float, float] | None:
        """The lowest and the highest number of a reply; None where it is a word."""
        said = [self.texts.texts.get(f"reply.{name}", "") for name in ("lowest", "highest", "right", "wrong")]
        given = [bool(text) for text in said]
        if given == [False, False, True, True]:
            return None
        try:
            low, high = float(said[0]), float(said[1])
        except ValueError:
            low = high = 0.0
        if given != [True, True, False, False] or not low < high:
            raise SpecError(
                f"the prompt file {self.prompt}: [reply] must hold either the words right and wrong, or the numbers lowest "
                f"and highest, the lowest first; got lowest {said[0]!r}, highest {said[1]!r}, right {said[2]!r}, wrong "
                f"{said[3]!r}"
            )
        return low, high

    def prompts(self, case: Case) -> list[Prompt]:
        """One prompt; what was read stands in the prefix where the file has it so, and is shared by its questions."""
        texts = self.texts.texts
        fields = {
            "question": case.example.question,
            "reference": reference_of(self.texts, case.example) if self.needs_gold else "",
            "read": case.read or texts.get("read.none", ""),
            "candidate": case.answer.text,
        }
        places = {name: neutralise(text) for name, text in fields.items()}
        return [self.texts.prompt("ask", **places, fences=texts.get("fences.text", ""))]

    def grade(self, case: Case, replies: Sequence[str]) -> tuple[float | None, str]:  # noqa: ARG002
        """1 or 0 for a word, else how far the number is from the lowest to the highest."""
        [reply] = replies
        texts = self.texts.texts
        if self._bounds is None:
            word = word_of(reply, {"yes": texts["reply.right"], "no": texts["reply.wrong"]})
            return (None, UNPARSED) if word is None else (float(word == "yes"), word)
        low, high = self._bounds
        match = re.fullmatch(r"[^\w.+-]*([+-]?\d+(?:[.,]\d+)?)\W*", reply)
        number = float(match[1].replace(",", ".")) if match else None
        if match is None or number is None or not low <= number <= high:
            return None, UNPARSED
        return (number - low) / (high - low), match[1]

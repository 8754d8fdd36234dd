"""A Python function of one's own as judge."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from rlc.data.errors import RlcError, UsageError, describe
from rlc.data.plugins import load_path
from rlc.data.text.escape import shorten
from rlc.experiments.judges.base import NOT_JUDGED, RIGHT_FROM, Case
from rlc.experiments.scorers.rule import FAILED, Verdict

NO_VERDICT = "no verdict"
"""The reason where the function returns None: it has been asked, and has nothing to say."""


@dataclass(frozen=True)
class FunctionJudge:
    """Ask a Python function: question, gold answers, answer and what was read; True, False, a share or None comes back.

    What it raises is a failure of that one answer, which is counted apart and asked again by the next run; what it returns
    must be one of these four, or the run stops and says at which question.

    Args:
        function: `package.module:function`, called with (str, tuple of str, str, str).
    """

    VERSION: ClassVar[int] = 1
    CODE: ClassVar[tuple[str, ...]] = ("function",)
    reads: ClassVar[bool] = True
    prefers: ClassVar[bool] = False

    function: str

    def __post_init__(self) -> None:
        self._function  # noqa: B018 - a function that is not there is refused here, not at the first answer

    @property
    def name(self) -> str:
        """Where the function stands."""
        return self.function

    @cached_property
    def _function(self) -> Callable[[str, tuple[str, ...], str, str], object]:
        found = load_path(self.function, "judge.function")
        if not callable(found):
            raise UsageError(f"judge.function: expected a function, got {self.function} = {found!r}")
        return found  # type: ignore[no-any-return] # whatever it returns is checked

    def __call__(self, cases: Sequence[Case], /) -> list[Verdict]:
        """Judge the cases, one after the other.

        Raises:
            UsageError: if the function returns anything else than a verdict.
        """
        return [self._verdict(case) for case in cases]

    def _verdict(self, case: Case) -> Verdict:
        if case.answer.error or not case.answer.text.strip():
            return Verdict(False, 0.0, FAILED)
        example, source = case.example, {"judge": self.function}
        try:
            said = self._function(example.question, example.answers, case.answer.text, case.read)
        except RlcError:
            raise
        except Exception as error:  # noqa: BLE001 - the user's code may raise anything, and costs one verdict
            return Verdict(None, 0.0, NOT_JUDGED, {**source, "error": f"{example.id}: {describe(error)}"})
        if said is None:
            return Verdict(None, 0.0, NO_VERDICT, source)
        value = getattr(said, "item", lambda: said)()  # numpy's numbers are no bools and floats
        if not isinstance(value, int | float) or not 0 <= value <= 1:
            raise UsageError(
                f"{self.function} returned {shorten(repr(said), 80)} for the question {example.id!r}: expected True, False, "
                "a number from 0 to 1, or None; what is judged is stored, so mend it and run the same command again"
            )
        figure = float(value)
        word = {1.0: "yes", 0.0: "no"}.get(figure, f"{figure:.3g}")
        return Verdict(figure >= RIGHT_FROM, figure, word, source)

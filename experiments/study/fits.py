"""What the fit of a router has seen of a run's questions: the mark that its figures carry."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rlc.data.errors import DataError
from rlc.data.spec import Spec
from rlc.pipeline.routers.support.fitted import FittedOn
from rlc.pipeline.routers.support.gain_model import GainModel, load_model
from rlc.pipeline.routers.table import TableModel, load_table

FITTED = ("table", "learned", "learned-after-rag", "learned-after-both", "buy-then-choose")
FILES: Mapping[str, Callable[[str], GainModel | TableModel]] = {
    "table": load_table
}  # the others are gain models
MARK = "*"  # behind the name of a router that is shown on what it was fitted on


class Question(NamedTuple):
    """A question that a router decided; `held_out` where a fit without its document did."""

    document_id: str
    text: str
    held_out: bool


@dataclass(frozen=True)
class Sight:
    """What a router's fit has seen of the questions and of the models that it chooses for.

    `seen` of `asked` questions are among those of the fit; `held_out` of these were decided by a fit without their
    document. `strangers` are the models behind the arms that the fit has no answers of. A fit that cannot be read any
    more has `fit` None.
    """

    asked: int
    seen: int = 0
    held_out: int = 0
    strangers: tuple[str, ...] = ()
    fit: FittedOn | None = None

    @property
    def in_sample(self) -> bool:
        """Whether figures on these questions flatter the router."""
        return self.seen > self.held_out


def is_fitted(spec: Spec) -> bool:
    """Whether a reader's completed spec names a fit."""
    return spec.get("use") in FITTED and "fit" in spec


def sight(spec: Spec, models: Sequence[str], questions: Sequence[Question]) -> Sight | None:
    """What a router has seen, from its completed spec; None for a reader that is fitted on nothing.

    Args:
        spec: The reader's spec.
        models: The language models behind its arms.
        questions: The questions that it decided.
    """
    if not is_fitted(spec):
        return None
    try:
        fit = FittedOn.of(_provenance(spec))
    except DataError:
        return Sight(len(questions))
    return Sight(
        asked=len(questions),
        seen=fit.seen((one.document_id, one.text) for one in questions),
        held_out=fit.seen((one.document_id, one.text) for one in questions if one.held_out),
        strangers=tuple(model for model in models if model not in fit.models),
        fit=fit,
    )


def _provenance(spec: Spec) -> Mapping[str, object]:
    read = FILES.get(spec["use"], load_model)
    return read(spec["fit"]).provenance or {}

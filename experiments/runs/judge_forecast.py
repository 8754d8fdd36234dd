"""What a run's judge will read and write at most, before anything is answered."""

from collections.abc import Mapping, Sequence
from typing import Any

from rlc.data.loads import PromptLoad
from rlc.data.spec import Spec
from rlc.experiments.judges.base import Bounds, ModelJudge
from rlc.experiments.judges.support.asking import Judging
from rlc.experiments.judges.support.naming import label_of
from rlc.experiments.runs.forecast import Forecast
from rlc.experiments.runs.run import Run
from rlc.pipeline.families import BUILDER, READER, role_of


def judge_forecast(run: Run, found: Sequence[Forecast]) -> list[Forecast]:
    """A forecast of the judge after those of the readers; none where no model judges.

    An answer is as long as its reader may write, and what was read as long as the text of its prompts. A reader that asks
    no model, such as a recording, is not among `found` and answers now. Routers hand on answers that are judged already.
    """
    if run.judge is None or run.judge["use"] == "function":
        return []
    judge: Any = Judging(run.judge).judge()
    told = {one.reader: one.loads for one in found}
    arms = [name for name, spec in run.specs.items() if role_of(spec) != "router"]
    bounds = [_said(run, run.specs[name]) if name not in told else _bounds(run, told[name]) for name in arms]
    known = [one for one in bounds if one is not None]
    loads = _loads(run, judge, known) if len(known) == len(bounds) else None
    return [Forecast(label_of(run.judge), len(run.dataset.examples), loads, judge.llm)]


def _loads(run: Run, judge: ModelJudge, arms: Sequence[Mapping[str, Bounds]]) -> list[PromptLoad]:
    return [
        PromptLoad(example.document_id, 0, 1, tokens, judge.max_tokens)
        for example in run.dataset.examples
        for tokens in judge.loads(example, [arm[example.id] for arm in arms])
    ]


def _bounds(run: Run, loads: Sequence[PromptLoad] | None) -> dict[str, Bounds] | None:
    """By question, from a reader's own bounds: those of its document's prompts."""
    if loads is None:
        return None
    answer = max(load.answer_tokens for load in loads)
    read: dict[str, int] = {}
    for load in loads:
        read[load.document] = max(read.get(load.document, 0), load.tokens)
    most = max(read.values())
    return {e.id: Bounds(answer, read.get(e.document_id, most)) for e in run.dataset.examples}


def _said(run: Run, spec: Spec) -> dict[str, Bounds]:
    """By question, of a reader that costs nothing: what it says."""
    reader = BUILDER.build(spec, READER, "reader")
    examples = run.dataset.examples
    return {
        example.id: Bounds(answer.usage.output_tokens, answer.usage.prompt_tokens)
        for example, answer in zip(examples, reader(examples), strict=True)
    }

"""Judges by name: what `--judge` and `--criteria` say, as a spec; and what a judge is called."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from rlc.data.errors import SpecError, UsageError, unknown
from rlc.data.plain import parse_toml
from rlc.data.plugins import is_path
from rlc.data.prompt_files import ENGLISH
from rlc.data.records import Dataset
from rlc.data.spec import Family, Spec
from rlc.experiments.judges import JUDGES, RULES
from rlc.experiments.judges.base import Judge
from rlc.experiments.metrics import pricing
from rlc.pipeline.families import BUILDER
from rlc.pipeline.identity import identity
from rlc.pipeline.llms import LLMS
from rlc.pipeline.llms.support.names import engine_spec
from rlc.pipeline.llms.support.providers import PROVIDERS
from rlc.pipeline.recipe import Recipe
from rlc.pipeline.recipe_settings import with_settings

JUDGE = Family("judge", JUDGES, [Judge])
CRITERIA = [name for name in JUDGES if name not in ("function", "rubric")]
OWN = "rubric"  # what a file of criteria is that names none of these


def judge_spec(judge: str, criteria: str = "", settings: Sequence[str] = ()) -> Spec | None:
    """`rules|ENGINE:MODEL|package.module:function` as a spec; None for the rules.

    Args:
        judge: who judges.
        criteria: what a model is asked: one of `CRITERIA`, with a language behind a dot where it is not English
            (`groundedness.de`), or a TOML file, which may say of which of them it is (`criterion = "nuggets"`).
        settings: `KEY=VALUE` of the judge, such as `max_tokens=64`, or of its engine, such as `llm.window=8192`.

    Raises:
        UsageError: if it is none of these, or criteria or settings are given to a judge that takes none.

    >>> judge_spec("endpoint:gpt-4o", "groundedness.de")
    {'use': 'groundedness', 'prompt': 'de', 'llm': {'use': 'endpoint', 'model': 'gpt-4o'}}
    """
    if judge == RULES:
        if criteria or settings:
            raise UsageError(
                "the rules take no criteria and no settings; name a model with --judge ENGINE:MODEL"
            )
        return None
    if _is_function(judge):
        if criteria:
            raise UsageError(
                f"--criteria is what a model is asked, and --judge {judge} is a function: leave it out"
            )
        spec: Spec = {"use": "function", "function": judge}
    else:
        spec = {**_criteria(criteria or "correctness"), "llm": engine_spec(judge)}
    changed = with_settings(
        Recipe({"judge": {}}, {"judge": spec}), [f"parts.judge.{one}" for one in settings]
    )
    return dict(changed.parts["judge"])


def _is_function(judge: str) -> bool:
    engine, _, name = judge.partition(":")
    if engine in LLMS or engine in PROVIDERS or not is_path(judge) or not name.isidentifier():
        return False
    return find_spec(engine.partition(".")[0]) is not None


def _criteria(criteria: str) -> Spec:
    if criteria.endswith(".toml"):
        try:
            said = parse_toml(Path(criteria).read_text(encoding="utf-8")).get("criterion", OWN)
        except (OSError, ValueError) as error:
            raise SpecError(f"the criteria {criteria} cannot be read: {error}") from error
        if said not in (*CRITERIA, OWN):
            raise SpecError(f"{criteria}: {unknown('criterion', said, [*CRITERIA, OWN])}")
        return {"use": said, "prompt": criteria}
    name, _, language = criteria.partition(".")
    if name not in CRITERIA:
        raise UsageError(
            f"--criteria: {unknown('criterion', name, CRITERIA)}; or name a .toml file of your own"
        )
    return {"use": name, "prompt": language or ENGLISH}


def completed_judge(spec: Spec, dataset: Dataset) -> Spec:
    """A judge's spec written out in full; one that knows prompts of data sets' authors is told which set it is.

    Raises:
        SpecError: on anything unknown or missing.
    """
    sets = {str(settings["use"]) for settings in dataset.settings}
    about = {"dataset": min(sets)} if spec.get("use") == "correctness" and len(sets) == 1 else {}
    return BUILDER.complete({**about, **spec}, JUDGE, "judge")


def identity_of(spec: Spec) -> str:
    """What stands for a completed judge in the names of runs and the keys of verdicts; leave to judge itself changes none."""
    return identity({key: value for key, value in spec.items() if key != "allow_self"}, JUDGE)


def label_of(spec: Spec) -> str:
    """What a completed judge is called in tables.

    >>> label_of({"use": "groundedness", "llm": {"use": "endpoint", "model": "gpt-4o"}, "prompt": "en"})
    'gpt-4o (groundedness)'
    """
    if spec["use"] == "function":
        return str(spec["function"])
    own = str(spec["prompt"]).endswith(".toml")
    asked = Path(spec["prompt"]).name if own else str(spec["use"])
    return f"{model_of(spec)} ({asked})"


def model_of(spec: Spec) -> str:
    """The model of a judge, as price sheets name it; empty for a function."""
    return pricing.model_of(spec["llm"]) if "llm" in spec else ""

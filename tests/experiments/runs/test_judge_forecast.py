"""A judge reads no more than was said before."""

import pytest

from rlc.experiments.judges.support.naming import CRITERIA
from rlc.experiments.runs.compare import compare
from rlc.experiments.runs.forecast import forecasts
from rlc.experiments.runs.judge_forecast import judge_forecast
from rlc.experiments.runs.run import plan_run
from rlc.pipeline.recipe_files import load_recipe

# What every judge takes for a verdict, and a list of facts.
SCRIPT = {
    "List the vital facts": "- Ada\n- since 1871",
    "Which facts": "1",
    "Which answer": "first",
    "from 0 to 10": "5",
    "": "yes",
}


@pytest.mark.parametrize("name", CRITERIA)
def test_the_forecast_holds(name, findable, scripted_recipe, tmp_path):
    recipe = load_recipe(
        scripted_recipe.replace(
            "[readers.rag]", "[parts.other]\nuse = 'scripted'\nanswers = {'' = 'Nobody.'}\n[readers.rag]"
        ).replace('use = "long"\nllm = "@llm"', 'use = "long"\nllm = "@other"')
    )
    judge = {"use": name, "llm": {"use": "scripted", "answers": SCRIPT, "name": "judge"}, "max_tokens": 16}
    planned = plan_run(findable, {"": recipe}, ["rag", "long"], ["length"], tmp_path, judge)
    [told] = judge_forecast(planned, forecasts(planned.specs, findable))
    assert told.reader == f"judge ({name})"
    figures = told.figures()
    run = compare(findable, recipe, routers=["length"], out=tmp_path, judge=judge)
    found = run.provenance["judged_by"]
    assert found["not_judged"] == 0
    assert found["judged"] > 0
    assert 0 < found["calls"] <= figures["calls"]
    assert 0 < found["prompt_tokens"] <= figures["prompt_tokens"]
    assert 0 < found["output_tokens"] <= figures["output_tokens"]


def test_no_model_judges_nothing_is_read(findable, scripted_recipe, tmp_path):
    plain = plan_run(findable, {"": load_recipe(scripted_recipe)}, ["rag"], [], tmp_path)
    own = plan_run(
        findable,
        {"": load_recipe(scripted_recipe)},
        ["rag"],
        [],
        tmp_path,
        {"use": "function", "function": "a:b"},
    )
    assert judge_forecast(plain, []) == judge_forecast(own, []) == []

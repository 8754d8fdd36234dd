"""Every method that asks a model keeps its words in files: they fit its places, in every language that ships."""

import inspect
from importlib.util import find_spec
from pathlib import Path

import pytest

from rlc.data.lazy import load
from rlc.data.prompt_files import PromptFile, read_prompts, shipped_languages
from rlc.pipeline.families import BUILDER

METHODS = {
    f"{family.kind} {name}": target for family in BUILDER.families for name, target in family.table.items()
}


def source(target):
    return Path(find_spec(target.partition(":")[0]).origin).read_text(encoding="utf-8")


ASKING = sorted(name for name, target in METHODS.items() if "PROMPTS" in source(target))


@pytest.mark.parametrize("name", ASKING)
def test_the_files_fit_the_places(name):
    method = load(METHODS[name])
    languages = shipped_languages(method)
    assert "en" in languages
    for language in languages:
        assert read_prompts(method, language).language == language


@pytest.mark.parametrize("name", ASKING)
def test_a_recipe_can_replace_them(name):
    method = load(METHODS[name])
    parameters = inspect.signature(method, eval_str=True).parameters
    assert parameters["prompt"].annotation in (PromptFile, str)

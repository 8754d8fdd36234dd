"""The package's recipes: each loads and completes, and the index says what each is for with commands that exist."""

import re
import shlex
from pathlib import Path

import click
import pytest

from rlc.experiments.cli.main import main
from rlc.experiments.cli.sweep import read_sweep
from rlc.experiments.runs.recipes import RECIPES, packaged_recipes, purpose, recipe_file
from rlc.pipeline.recipe import Recipe
from rlc.pipeline.recipe_files import load_recipe, read_tables

INDEX = (RECIPES / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", packaged_recipes())
def test_a_recipe_completes(name):
    tables = read_tables(recipe_file(Path(name)))
    if "sweep" in tables:
        assert read_sweep(Path(name)).specs()
        return
    recipe = load_recipe(recipe_file(Path(name)))
    if name == "recorded":  # what `--model recorded:MODEL` fills in
        source = {"model": "gpt-4o", "root": "LaRA", "revision": "1"}
        recipe = Recipe({arm: {**spec, **source} for arm, spec in recipe.readers.items()}, recipe.parts)
    arms = {arm.partition("-")[0] for arm in recipe.completed()}  # rag-5 is rag with five passages
    assert {"rag", "long"} <= arms


def test_every_recipe_is_in_the_index_and_says_what_it_is_for():
    for name in packaged_recipes():
        assert f"| `{name}` |" in INDEX
        assert len(purpose(name)) > 20


def test_the_sweep_has_the_settings_that_its_comment_counts():
    assert len(read_sweep(Path("sweep")).specs()) == 24


@pytest.mark.parametrize("words", [shlex.split(c) for c in re.findall(r"`rlc ([^`]+)`", INDEX)], ids=" ".join)
def test_the_commands_of_the_index_exist(words):
    command: click.Command = main
    while isinstance(command, click.Group) and words and (inner := command.get_command(None, words[0])):
        command, words = inner, words[1:]
    assert command is not main
    command.make_context("rlc", list(words), resilient_parsing=True)
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("script", re.findall(r"`python (?:-m )?([\w./]+)", INDEX))
def test_the_scripts_of_the_index_exist(script):
    root = RECIPES.parent.parent
    path = script if script.endswith(".py") else script.removeprefix("rlc.").replace(".", "/") + ".py"
    assert (root / path).is_file()

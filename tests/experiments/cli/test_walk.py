"""How far a comparison travels from the click to its answer: a stranger has to follow it."""

import json
import sys
from functools import cache
from pathlib import Path

from click.testing import CliRunner

import rlc.experiments.cli.compare
from rlc.data.records import Dataset
from rlc.experiments.cli.main import main
from rlc.experiments.runs.run import Run
from rlc.experiments.runs.stored import StoredRun
from rlc.experiments.study.study import Study
from rlc.pipeline.recipe import Recipe

ROOT = Path(rlc.experiments.cli.compare.__file__).parents[2]
COMPARISON = (Dataset, Recipe, Run, StoredRun, Study)  # what a comparison is, one after the other


def test_few_files_hand_a_comparison_on(tmp_path, scripted_recipe):
    """A file hands it on if a function in it gives the comparison, as it is by then, to one in another file."""
    folder, recipe = tmp_path / "papers", tmp_path / "recipe.toml"
    folder.mkdir()
    (folder / "lamp.txt").write_text("The lamp was lit in 1871. Ada keeps the lamp.")
    question = {"question": "Who keeps the lamp?", "document": "lamp.txt", "answer": "Ada"}
    (folder / "questions.jsonl").write_text(json.dumps(question) + "\n")
    recipe.write_text(scripted_recipe)
    words = ["compare", "--dataset", str(folder), "--recipe", str(recipe), "--out", str(tmp_path / "runs")]
    travelled: dict[str, set[str]] = {}

    def note(frame, event, _):
        if event == "call" and (here := file_of(frame)) and is_given_one(frame):
            caller = frame.f_back
            while caller is not None and file_of(caller) is None:
                caller = caller.f_back
            if caller is not None and file_of(caller) != here:
                travelled.setdefault(file_of(caller), set()).add(here)

    sys.setprofile(note)
    try:
        done = CliRunner().invoke(main, [*words, "--no-track", "--router", "length"])
    finally:
        sys.setprofile(None)
    assert done.exit_code == 0, done.output
    assert {"experiments/cli/comparing.py", "experiments/runs/run.py"} <= set(travelled)
    assert len(travelled) < 18, sorted(travelled.items())


def file_of(frame):
    """The file of rlc's that a frame runs in; none while a module is imported."""
    return None if frame.f_code.co_name == "<module>" else place_of(frame.f_code.co_filename)


@cache
def place_of(name):
    """A file's place in rlc, if it is there."""
    file = Path(name)
    place = file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else ""
    return place if place and not place.startswith((".venv", "tests")) else None


def is_given_one(frame):
    """Whether a comparison is among a function's arguments."""
    code = frame.f_code
    given = [
        frame.f_locals.get(name) for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    ]
    return any(
        isinstance(one, COMPARISON)
        or (isinstance(one, dict) and any(isinstance(v, Recipe) for v in one.values()))
        for one in given
    )

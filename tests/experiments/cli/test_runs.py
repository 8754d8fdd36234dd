"""The list of runs."""

from rlc.experiments.cli.runs import line
from rlc.experiments.runs.listing import read_listed

COMPARE = ("compare", "--dataset", "mine", "--recipe", "recipe.toml", "--no-track")


def test_runs_are_listed_with_what_was_right(shell, tmp_path):
    assert "holds no runs" in shell("runs").stdout
    first = shell(*COMPARE, "--name", "by words").stdout
    assert "were stored before" not in first
    again = shell(*COMPARE).stdout
    assert (
        "6 of 6 answers were stored before: they keep the tokens and seconds of when they were made" in again
    )
    [folder] = (tmp_path / "runs").glob("mine-own-*")
    listed = shell("runs").stdout
    assert listed.startswith(f"by words ({folder.name})")
    assert folder.name in shell("diff", "by words", folder.name).stdout
    assert "3 questions: rag 50.0%, long " in listed


def test_a_broken_run_is_named(tmp_path):
    (tmp_path / "summary.json").write_text("{")
    assert "cannot be read" in line(read_listed(tmp_path))

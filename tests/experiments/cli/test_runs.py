"""The list of runs."""

from rlc.experiments.cli.runs import line

COMPARE = ("compare", "--dataset", "mine", "--recipe", "recipe.toml", "--no-track")


def test_runs_are_listed_with_what_was_right(shell, tmp_path):
    assert "holds no runs" in shell("runs").stdout
    shell(*COMPARE)
    [folder] = (tmp_path / "runs").glob("mine-own-*")
    listed = shell("runs").stdout
    assert listed.startswith(folder.name)
    assert "3 questions: rag 50.0%, long " in listed


def test_a_broken_run_is_named(tmp_path):
    (tmp_path / "summary.json").write_text("{")
    assert "cannot be read" in line(tmp_path / "summary.json")

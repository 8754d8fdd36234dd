"""The list of runs."""

from rlc.experiments.cli.runs import line
from rlc.experiments.runs.listing import listed
from rlc.experiments.view.app import listen

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


def test_a_broken_run_is_named_and_one_that_has_written_nothing_is_none(tmp_path):
    folder = tmp_path / "one"
    folder.mkdir()
    (folder / "recipe.json").write_text("{}")
    assert listed(tmp_path) == []
    (folder / "summary.json").write_text("{")
    [run] = listed(tmp_path)
    assert "one: cannot be read" in line(run)


def test_the_papers_table_is_printed_in_every_format(shell):
    shell(*COMPARE, "--name", "first")
    assert r"rag & 50.0\% (" in shell("report", "first", "--format", "latex").stdout
    assert shell("report", "first", "--format", "csv").stdout.startswith("reader,all,all: detail\nrag,50.0%,")
    assert shell("report", "first", "--format", "markdown").stdout.startswith(
        "| reader | all |\n| --- | ---: |\n"
    )


def test_a_port_that_is_taken_is_told_and_runs_that_are_not_there_are_named(shell):
    with listen(0) as place:
        taken = place.getsockname()[1]
        told = shell("view", "--no-browser", "--port", taken, code=2).stderr
    assert f"port {taken} cannot be had" in told
    assert "no run 'x'" in shell("view", "x", "--no-browser", code=2).stderr

"""The runs that are shown."""

import shutil

import pytest

from rlc.data.errors import UsageError
from rlc.experiments.runs.results_file import RESULTS
from rlc.experiments.view.shelf import KEPT, Shelf


def test_rows_are_read_once_and_again_when_they_change(shelf, run):
    first = shelf.study(run)
    assert shelf.study(run) is first
    assert shelf.with_documents(run) is shelf.with_documents(run)
    (run.folder / RESULTS).touch()
    assert shelf.study(run) is not first
    assert shelf.example(run, first.examples["example_id"][0])[0].document.page_content


def test_no_more_runs_stay_in_memory_than_so_many(folder, run, tmp_path):
    for i in range(KEPT + 2):
        shutil.copytree(run.folder, tmp_path / f"copy-{i}")
    shelf = Shelf(tmp_path)
    for one in shelf.runs():
        shelf.study(one)
    assert len(shelf._open) == KEPT


def test_documents_that_are_not_at_hand_are_told(folder, run, tmp_path):
    example, absence = Shelf(folder / "runs", data_root=tmp_path / "nowhere").example(run, "x")
    assert example is None
    assert "nowhere" in absence


def test_runs_that_are_named_alone_are_shown(folder, run, tmp_path):
    shutil.copytree(run.folder, tmp_path / "other")
    assert [one.id for one in Shelf(tmp_path, [str(run.folder)]).runs()] == [run.id]
    shutil.copytree(run.folder, tmp_path / "more" / "other")
    with pytest.raises(UsageError, match="have one name"):
        Shelf(tmp_path, ["other", str(tmp_path / "more" / "other")])
    with pytest.raises(UsageError, match="no run 'other' here"):
        Shelf(tmp_path, [str(run.folder)]).run("other")

"""Names that people give to runs."""

import pytest

from rlc.data.errors import UsageError
from rlc.experiments.runs.naming import folder_named, give_name, name_of
from rlc.experiments.runs.run import RECIPE
from rlc.experiments.runs.stored import run_folder


def begin(folder):
    folder.mkdir(exist_ok=True)
    (folder / RECIPE).write_text("{}")


def test_a_named_run_is_found_by_its_name(tmp_path):
    run, other = tmp_path / "mine-own-1", tmp_path / "mine-own-2"
    give_name(run, "BM25 alone ")
    begin(run)
    begin(other)
    assert (name_of(run), name_of(other)) == ("BM25 alone", "")
    assert run_folder("BM25 alone", tmp_path) == run == run_folder("mine-own-1", tmp_path)
    give_name(run, "words")
    assert folder_named("words", tmp_path) == run
    assert folder_named("BM25 alone", tmp_path) is None


@pytest.mark.parametrize("name", ["", "  ", "a/b", "a\nb", "x" * 81])
def test_what_is_no_name(tmp_path, name):
    with pytest.raises(UsageError, match="expected one line of at most 80 characters"):
        give_name(tmp_path / "run", name)


def test_two_runs_have_two_names(tmp_path):
    give_name(tmp_path / "one", "mine")
    give_name(tmp_path / "one", "mine")  # the same command again
    begin(tmp_path / "one")
    with pytest.raises(UsageError, match="the run one is called so"):
        give_name(tmp_path / "two", "mine")
    assert not (tmp_path / "two").exists()


def test_a_run_that_never_began_has_no_name(tmp_path):
    give_name(tmp_path / "a-refused", "mine")  # its server was not there, say
    assert folder_named("mine", tmp_path) is None
    give_name(tmp_path / "b-right", "mine")
    begin(tmp_path / "b-right")
    assert folder_named("mine", tmp_path) == tmp_path / "b-right"

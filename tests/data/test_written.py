"""A file is replaced whole or not at all."""

import pytest

from rlc.data.written import written


def test_the_old_text_stands_until_the_new_one_is_whole(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("old")
    with written(file) as draft:
        draft.write_text("new")
        assert (file.read_text(), draft.parent) == ("old", tmp_path)
    assert file.read_text() == "new"
    assert list(tmp_path.iterdir()) == [file]


def fail(error):
    raise error


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_what_breaks_off_changes_nothing_and_leaves_nothing(tmp_path, error):
    file = tmp_path / "notes.txt"
    file.write_text("old")
    with pytest.raises(error), written(file) as draft:
        draft.write_text("ne") and fail(error)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_draft_may_lie_in_another_folder(tmp_path):
    (tmp_path / "held").mkdir()
    with written(tmp_path / "held" / "notes.txt", draft_in=tmp_path) as draft:
        draft.write_text("new")
        assert draft.parent == tmp_path
    assert [file.name for file in (tmp_path / "held").iterdir()] == ["notes.txt"]


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), written(tmp_path / "none" / "notes.txt") as draft:
        draft.write_text("new")

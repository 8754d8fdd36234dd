import json
import os
import re

import pytest

from rlc.data.errors import DataError
from rlc.data.formats.folder import load, load_documents


def ask(folder, *rows):
    (folder / "questions.jsonl").write_text("\n".join(json.dumps(row) for row in rows))


def test_every_kind_of_document_is_read(tmp_path, pdf):
    (tmp_path / "below").mkdir()
    (tmp_path / "a.txt").write_text("Plain.")
    (tmp_path / "below" / "b.md").write_text("# Marked")
    (tmp_path / "c.html").write_text("<title>The page</title><p>Tagged.</p>")
    (tmp_path / "D.PDF").write_bytes(pdf("Printed."))
    (tmp_path / ".hidden.txt").write_text("Unseen.")
    documents = load_documents(tmp_path)
    texts = {name: document.page_content for name, document in documents.items()}
    assert texts == {"D.PDF": "Printed.", "a.txt": "Plain.", "below/b.md": "# Marked", "c.html": "Tagged."}
    assert documents["c.html"].metadata == {"kind": "document", "title": "The page"}
    assert documents["below/b.md"].metadata == {"kind": "document", "title": "b"}
    assert [document.id for document in documents.values()] == list(documents)


def test_one_document_needs_no_name(tmp_path):
    (tmp_path / "a.txt").write_text("Plain.")
    ask(tmp_path, {"question": "How?", "answer": "Plainly."})
    dataset = load(tmp_path)
    assert dataset.examples[0].document_id == "a.txt"
    assert (dataset.name, dataset.variant) == (tmp_path.name, "own")


def test_two_documents_do(tmp_path):
    (tmp_path / "a.txt").write_text("Plain.")
    (tmp_path / "b.txt").write_text("Simple.")
    ask(tmp_path, {"question": "How?", "document": "b.txt"}, {"question": "How?"})
    with pytest.raises(DataError, match=r"questions\.jsonl: line 2: names no document.*'a\.txt', 'b\.txt'"):
        load(tmp_path)


def test_the_revision_follows_documents_and_questions(tmp_path):
    (tmp_path / "a.txt").write_text("Plain.")
    ask(tmp_path, {"question": "How?"})
    before = load(tmp_path).revision
    ask(tmp_path, {"question": "Why?"})
    between = load(tmp_path).revision
    (tmp_path / "a.txt").write_text("Plainer.")
    assert len({before, between, load(tmp_path).revision}) == 3


def test_an_empty_and_a_binary_document_are_named(tmp_path):
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(DataError, match=r"a\.txt: holds no text"):
        load_documents(tmp_path)
    (tmp_path / "a.txt").write_bytes(b"\x7fELF\0\0")
    with pytest.raises(DataError, match=r"a\.txt: holds NUL bytes"):
        load_documents(tmp_path)


def test_a_file_that_cannot_be_read_does_not_stop_the_others(tmp_path):
    (tmp_path / "a.txt").write_text("Plain.")
    (tmp_path / "b.txt").write_text("")
    (tmp_path / "c.pdf").write_bytes(b"no PDF")
    ask(tmp_path, {"question": "How?", "document": "a.txt"})
    left_out = (
        r"2 file\(s\) could not be read and are left out: b\.txt: holds no text.*c\.pdf: is no readable PDF"
    )
    with pytest.warns(UserWarning, match=left_out):
        dataset = load(tmp_path)
    assert list(dataset.documents) == ["a.txt"]
    [note] = dataset.notes
    assert re.search(left_out, note)
    assert str(tmp_path) not in note


def test_a_question_on_a_file_that_cannot_be_read_is_told_why(tmp_path):
    (tmp_path / "a.txt").write_text("Plain.")
    (tmp_path / "b.txt").write_text(" ")
    ask(tmp_path, {"question": "How?", "document": "b.txt"})
    with (
        pytest.warns(UserWarning, match="left out"),
        pytest.raises(DataError, match=r"line 1: .*'b\.txt'.*: holds no text"),
    ):
        load(tmp_path)


def test_a_question_without_a_document_is_not_moved_to_the_one_that_could_be_read(tmp_path):
    (tmp_path / "a.txt").write_text("Plain.")
    (tmp_path / "b.txt").write_text(" ")
    ask(tmp_path, {"question": "How?"})
    with (
        pytest.warns(UserWarning, match="left out"),
        pytest.raises(DataError, match=r"and there are 2: .*'a\.txt', 'b\.txt'"),
    ):
        load(tmp_path)


def test_what_is_not_read_is_said(tmp_path):
    (tmp_path / "a.txt").write_text("Plain.")
    (tmp_path / "b.odt").write_bytes(b"PK")
    with pytest.warns(UserWarning, match=r"1 file\(s\) are no documents and stay unread: b\.odt"):
        load_documents(tmp_path)


def test_a_folder_without_documents_or_questions(tmp_path):
    with pytest.raises(DataError, match=r"no such folder; expected one with \.txt, \.md"):
        load(tmp_path / "nowhere")
    with pytest.raises(DataError, match="holds no documents"):
        load(tmp_path)
    (tmp_path / "a.txt").write_text("Plain.")
    with pytest.raises(DataError, match=r'questions\.jsonl: no such file.*\{"question": "\.\.\.", "answer"'):
        load(tmp_path)


def test_where_it_lies_is_kept_so_that_a_run_finds_its_documents_again(tmp_path):
    (tmp_path / "a.txt").write_text("Plain.")
    ask(tmp_path, {"question": "What?"})
    assert load(tmp_path).root == tmp_path


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    own, secret = tmp_path / "own", tmp_path / "secret.txt"
    own.mkdir()
    secret.write_text("TOP SECRET")
    (own / "a.txt").write_text("Ada keeps the lamp.")
    (own / "b.txt").symlink_to(own / "a.txt")
    (own / "note.txt").symlink_to(secret)
    with pytest.warns(UserWarning, match=r"note\.txt: is a link out of the folder"):
        documents = load_documents(own)
    assert sorted(documents) == ["a.txt", "b.txt"]
    (own / "questions.jsonl").symlink_to(secret)
    with (
        pytest.warns(UserWarning, match="link out"),
        pytest.raises(DataError, match="is a link to a file elsewhere"),
    ):
        load(own)


def test_nothing_in_a_folder_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = "from pathlib import Path; Path('RAN').touch()"
    for name in ("sitecustomize.py", "__init__.py", "questions.py", "own.pth"):
        (tmp_path / name).write_text(code)
    (tmp_path / "page.html").write_text(
        f"<script>{code}</script><p onclick='x()'>Ada <img src=x onerror=y> keeps it.</p>"
    )
    with pytest.warns(UserWarning, match="no documents"):
        documents = load_documents(tmp_path)
    assert {name: one.page_content.strip() for name, one in documents.items()} == {
        "page.html": "Ada keeps it."
    }
    assert not (tmp_path / "RAN").exists()


def test_a_file_name_that_is_not_utf8_is_named(tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.txt")  # noqa: PTH118 - paths of bytes
    try:
        with open(path, "w") as file:  # noqa: PTH123
            file.write("Ada.")
    except OSError:
        pytest.skip("this file system takes no such name")
    with pytest.raises(DataError, match=r"caf\\udce9\.txt.* is not UTF-8; rename"):
        load_documents(tmp_path)


def test_pictures_inside_markdown_are_left_out_and_said(tmp_path):
    picture = "data:image/png;base64," + "iVBORw0KGgo" * 2000 + "=="
    (tmp_path / "a.md").write_text(f"# Report\n\n![chart]({picture})\n\nProfit rose.\n\n[p]: {picture}\n")
    with pytest.warns(UserWarning, match=r"a\.md: 2 embedded picture"):
        documents = load_documents(tmp_path)
    assert documents["a.md"].page_content == "# Report\n\n![chart]()\n\nProfit rose.\n\n[p]: \n"


def test_utf16_questions_are_told(tmp_path):
    (tmp_path / "a.txt").write_text("Ada.")
    (tmp_path / "questions.jsonl").write_text('{"question": "Who?"}', encoding="utf-16")
    with pytest.raises(DataError, match=r"questions\.jsonl: is UTF-16.*iconv"):
        load(tmp_path)

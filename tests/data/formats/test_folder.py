import json
import os

import pytest

from rlc.data.errors import DataError
from rlc.data.formats.folder import load, load_documents


def pdf(*pages: str) -> bytes:
    """A PDF with one line a page, written by hand."""
    count = len(pages)
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(count))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(pages):
        stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET" if text else ""
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>",
            f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        ]
    body, offsets = "%PDF-1.4\n", []
    for number, text in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{text}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    trailer = f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return f"{body}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{trailer}".encode()


def ask(folder, *rows):
    (folder / "questions.jsonl").write_text("\n".join(json.dumps(row) for row in rows))


def test_every_kind_of_document_is_read(tmp_path):
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


def test_pages_begin_where_they_say(tmp_path):
    (tmp_path / "a.pdf").write_bytes(pdf("One page.", "Another."))
    document = load_documents(tmp_path)["a.pdf"]
    assert document.page_content == "One page.\n\nAnother."
    assert document.metadata["pages"] == (0, 11)


def test_a_pdf_page_without_text_is_counted_and_a_scan_refused(tmp_path):
    (tmp_path / "a.pdf").write_bytes(pdf("One page.", ""))
    with pytest.warns(UserWarning, match=r"a\.pdf: 1 of 2 pages hold no text"):
        assert load_documents(tmp_path)["a.pdf"].metadata["pages"] == (0, 11)
    (tmp_path / "a.pdf").write_bytes(pdf("", ""))
    with pytest.raises(DataError, match=r"a\.pdf: no text in its 2 page\(s\).*ocrmypdf"):
        load_documents(tmp_path)


@pytest.mark.parametrize(
    "damage", [lambda raw: b"", lambda raw: raw[:200], lambda raw: b"text", lambda raw: raw[300:]]
)
def test_a_damaged_pdf_is_named(tmp_path, damage):
    (tmp_path / "a.pdf").write_bytes(damage(pdf("One page.")))
    with pytest.raises(DataError, match=r"a\.pdf: "):
        load_documents(tmp_path)


def test_a_locked_pdf_is_named(tmp_path):
    from pypdf import PdfWriter

    (tmp_path / "open.pdf").write_bytes(pdf("One page."))
    writer = PdfWriter(tmp_path / "open.pdf")
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(tmp_path / "a.pdf")
    (tmp_path / "open.pdf").unlink()
    with pytest.raises(DataError, match=r"a\.pdf: is locked with a password"):
        load_documents(tmp_path)


def test_an_empty_and_a_binary_document_are_named(tmp_path):
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(DataError, match=r"a\.txt: holds no text"):
        load_documents(tmp_path)
    (tmp_path / "a.txt").write_bytes(b"\x7fELF\0\0")
    with pytest.raises(DataError, match=r"a\.txt: holds NUL bytes"):
        load_documents(tmp_path)


def test_what_is_not_read_is_said(tmp_path):
    (tmp_path / "a.txt").write_text("Plain.")
    (tmp_path / "b.docx").write_bytes(b"PK")
    with pytest.warns(UserWarning, match=r"1 file\(s\) are no documents and stay unread: b\.docx"):
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
    with pytest.warns(UserWarning, match=r"note\.txt \(a link out of the folder\)"):
        documents = load_documents(own)
    assert sorted(documents) == ["a.txt", "b.txt"]
    (own / "questions.jsonl").symlink_to(secret)
    with (
        pytest.warns(UserWarning, match="link out"),
        pytest.raises(DataError, match="is a link to a file elsewhere"),
    ):
        load(own)


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

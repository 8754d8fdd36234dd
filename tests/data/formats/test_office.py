"""Office files, tables, e-books and mail as documents."""

import zipfile

import pytest

from rlc.data.errors import DataError, MissingExtraError
from rlc.data.formats import folder, office
from rlc.data.formats.folder import load, load_documents

markitdown = pytest.importorskip("markitdown", reason="the extra `files` is not installed")

MAIL = """From: ada@example.org
Subject: The bill
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html; charset=utf-8

<p>Please pay <b>$35</b> by May 3.</p>
--b
Content-Type: image/png
Content-Disposition: attachment; filename=a.png

x
--b--
"""


def write_sheet(path):
    import openpyxl

    book = openpyxl.Workbook()
    book.active.title = "Sales"
    for row in (["region", "sum"], ["north", 12.5], ["south", 7]):
        book.active.append(row)
    book.save(path)


def write_slides(path):
    from pptx import Presentation

    show = Presentation()
    slide = show.slides.add_slide(show.slide_layouts[1])
    slide.shapes.title.text = "Harbour"
    slide.placeholders[1].text = "Twelve boats lie here."
    show.save(path)


def write_letter(path):
    """The smallest file that a word processor writes."""
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    kinds = "http://schemas.openxmlformats.org/package/2006/content-types"
    links = "http://schemas.openxmlformats.org/package/2006/relationships"
    office_document = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{kinds}"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.'
            'wordprocessingml.document.main+xml"/></Types>',
        )
        packed.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{links}"><Relationship Id="r1" Type="{office_document}" Target="word/document.xml"/>'
            "</Relationships>",
        )
        packed.writestr(
            "word/document.xml",
            f'<w:document xmlns:w="{word}"><w:body><w:p><w:r><w:t>Ada Lowe built the light in 1871.</w:t></w:r></w:p>'
            "</w:body></w:document>",
        )


def test_a_folder_of_strange_files(tmp_path):
    write_letter(tmp_path / "a.docx")
    write_slides(tmp_path / "b.pptx")
    write_sheet(tmp_path / "c.xlsx")
    (tmp_path / "d.csv").write_text("name,age\nAda,36\n")
    (tmp_path / "f.eml").write_text(MAIL)
    with pytest.warns(UserWarning, match=r"f\.eml: 1 attachment"):
        texts = {name: one.page_content for name, one in load_documents(tmp_path).items()}
    assert texts["a.docx"] == "Ada Lowe built the light in 1871."
    assert "# Harbour\nTwelve boats lie here." in texts["b.pptx"]
    assert "## Sales\n| region | sum |\n| --- | --- |\n| north | 12.5 |" in texts["c.xlsx"]
    assert "| Ada | 36 |" in texts["d.csv"]
    assert texts["f.eml"] == "From: ada@example.org\nSubject: The bill\n\nPlease pay $35 by May 3."


def test_what_made_the_text_belongs_to_the_revision(tmp_path, monkeypatch):
    (tmp_path / "d.csv").write_text("name,age\nAda,36\n")
    (tmp_path / "questions.jsonl").write_text('{"question": "How old is Ada?", "answer": "36"}\n')
    before = load(tmp_path).revision
    assert load(tmp_path).revision == before
    monkeypatch.setattr(office, "version", lambda _: "99")
    assert load(tmp_path).revision != before


@pytest.mark.parametrize("suffix", [".docx", ".pptx", ".xlsx", ".epub", ".msg"])
@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04 nonsense", b"\xd0\xcf\x11\xe0 nonsense"])
def test_a_damaged_file_is_named(tmp_path, suffix, raw):
    (tmp_path / f"a{suffix}").write_bytes(raw)
    with pytest.raises(DataError, match=rf"a\{suffix}: "):
        load_documents(tmp_path)


def test_a_damaged_list_of_what_is_packed_is_told(tmp_path):
    write_letter(tmp_path / "a.docx")
    raw = (tmp_path / "a.docx").read_bytes()
    (tmp_path / "a.docx").write_bytes(raw.replace(b"PK\x01\x02", b"PK\x09\x09"))
    with pytest.raises(DataError, match=r"a\.docx: cannot be read as \.docx"):
        load_documents(tmp_path)


def test_what_unpacks_beyond_use_is_refused(tmp_path, monkeypatch):
    write_letter(tmp_path / "a.docx")
    monkeypatch.setattr(office, "UNPACKED", 100)
    with pytest.raises(DataError, match="100 is the most that is read"):
        load_documents(tmp_path)


def test_pictures_in_the_text_are_left_out_and_counted(tmp_path, monkeypatch):
    text = "One. ![](data:image/png;base64,AAAA) Two. ![a](b.jpg) [a link](c.html)"
    monkeypatch.setattr(office, "_converter", lambda _: lambda _: text)
    (tmp_path / "d.csv").write_text("a,b\n")
    with pytest.warns(UserWarning, match=r"d\.csv: 2 picture"):
        assert load_documents(tmp_path)["d.csv"].page_content == "One.  Two.  [a link](c.html)"


def test_without_the_extra_they_stay_unread_and_that_is_said(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("Text.")
    (tmp_path / "b.docx").write_bytes(b"PK")

    def absent(_):
        raise MissingExtraError("markitdown is not installed")

    monkeypatch.setitem(folder._READERS, ".docx", absent)
    with pytest.warns(UserWarning, match=r"left out: b\.docx: rlc\[files\] reads it"):
        assert list(load_documents(tmp_path)) == ["a.txt"]

"""Scanned pages, read where Tesseract is installed."""

import io
import shutil

import pytest

from rlc.data.errors import DataError
from rlc.data.formats import pdf as reading
from rlc.data.formats import scan
from rlc.data.formats.folder import load_documents


@pytest.fixture
def scanned(tmp_path):
    """A PDF that is a picture of two lines."""
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(6, 3), dpi=150)
    figure.text(0.05, 0.7, "Ada Lowe built the light in 1871.", fontsize=16)
    figure.text(0.05, 0.4, "It cost 4,200 dollars.", fontsize=16)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    pyplot.close(figure)
    from PIL import Image

    Image.open(picture).convert("L").save(tmp_path / "scan.pdf", resolution=150)
    return tmp_path


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A cache of the test's own."""
    monkeypatch.setenv("RLC_CACHE", str(tmp_path / ".cache"))
    return tmp_path / ".cache" / "scans"


class Page:
    """A page that is one grey point."""

    def render(self, **_):
        return self

    def to_pil(self):
        from PIL import Image

        return Image.new("L", (1, 1))


def test_a_page_is_read_once_by_what_reads_it_and_again_where_what_was_kept_is_damaged(place, monkeypatch):
    asked = []
    monkeypatch.setattr(scan, "recogniser", lambda: "tesseract 9 (eng)")
    monkeypatch.setattr(scan, "_read", lambda picture, name: asked.append(name) or "Zo\u00eb.")
    assert [scan.recognise(Page(), name) for name in "ab"] == ["Zo\u00eb.", "Zo\u00eb."]
    assert asked == ["a"]
    [kept] = place.iterdir()
    kept.write_bytes(kept.read_bytes()[:-1] + b"!")
    assert scan.recognise(Page(), "c") == "Zo\u00eb."
    monkeypatch.setattr(scan, "recogniser", lambda: "tesseract 10 (eng)")
    scan.recognise(Page(), "d")
    assert asked == ["a", "c", "d"]


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
def test_a_scan_is_read_and_said_to_be_one(scanned):
    with pytest.warns(UserWarning, match="1 of 1 pages are scanned and were read by tesseract"):
        document = load_documents(scanned)["scan.pdf"]
    assert document.page_content == "Ada Lowe built the light in 1871.\n\nIt cost 4,200 dollars."
    assert document.metadata["read_by"].startswith("tesseract ")


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
def test_a_language_that_is_not_there_is_told(scanned, monkeypatch):
    monkeypatch.setenv(scan.LANGUAGES, "tlh")
    with pytest.raises(DataError, match="RLC_OCR_LANGUAGES names the languages"):
        load_documents(scanned)


def test_what_was_recognised_is_told_and_without_tesseract_a_scan_is_refused(scanned, monkeypatch):
    monkeypatch.setattr(reading, "recogniser", lambda: "tesseract 9 (eng)")
    monkeypatch.setattr(reading, "recognise", lambda page, name: f"Read {name.rpartition('/')[2]}.")
    with pytest.warns(UserWarning, match="before you trust its figures"):
        assert load_documents(scanned)["scan.pdf"].page_content == "Read scan.pdf, page 1."
    monkeypatch.setattr(reading, "recognise", lambda page, name: "")
    with pytest.raises(DataError, match=r"tesseract 9 \(eng\) reads nothing in them either"):
        load_documents(scanned)
    monkeypatch.setattr(reading, "recogniser", lambda: "")
    with pytest.raises(DataError, match="install Tesseract"):
        load_documents(scanned)

import contextlib
import random

import pytest

from rlc.data.errors import DataError
from rlc.data.formats.folder import load_documents
from rlc.data.formats.pdf import read_pdf


def lines(*texts, matrix="1 0 0 1 72 720"):
    """A content stream that draws lines below each other."""
    drawn = " ".join(f"({text}) Tj 0 -14 Td" for text in texts)
    return f"BT /F1 12 Tf {matrix} Tm {drawn} ET"


def read(tmp_path, raw):
    path = tmp_path / "a.pdf"
    path.write_bytes(raw)
    return read_pdf(path)[0]


def test_pages_begin_where_they_say(tmp_path, pdf):
    (tmp_path / "a.pdf").write_bytes(pdf("One page.", "Another."))
    document = load_documents(tmp_path)["a.pdf"]
    assert document.page_content == "One page.\n\nAnother."
    assert document.metadata["pages"] == (0, 11)


def test_a_pdf_page_without_text_is_counted_and_a_scan_refused(tmp_path, pdf):
    (tmp_path / "a.pdf").write_bytes(pdf("One page.", ""))
    with pytest.warns(UserWarning, match=r"a\.pdf: 1 of 2 pages hold no text"):
        assert load_documents(tmp_path)["a.pdf"].metadata["pages"] == (0, 11)
    (tmp_path / "a.pdf").write_bytes(pdf("", ""))
    with pytest.raises(DataError, match=r"a\.pdf: no text in its 2 page\(s\).*ocrmypdf"):
        load_documents(tmp_path)


@pytest.mark.parametrize(
    "damage", [lambda raw: b"", lambda raw: raw[:200], lambda raw: b"text", lambda raw: raw[300:]]
)
def test_a_damaged_pdf_is_named(tmp_path, pdf, damage):
    (tmp_path / "a.pdf").write_bytes(damage(pdf("One page.")))
    with pytest.raises(DataError, match=r"a\.pdf: "):
        load_documents(tmp_path)


def test_lines_stay_lines_and_hyphens_at_their_ends_are_joined(tmp_path, pdf):
    raw = pdf(lines("The dues are paid quar-", "terly to the Anglo-", "American engi-", "neer."))
    assert read(tmp_path, raw) == "The dues are paid quarterly to the Anglo-American engineer."
    assert read(tmp_path, pdf(lines("One line.", "Another."))) == "One line.\nAnother."


def test_words_of_lines_that_run_up_the_page_stay_apart(tmp_path, pdf):
    assert (
        read(tmp_path, pdf(lines("from the", "next valley", matrix="0 1 -1 0 72 72")))
        == "from the\nnext valley"
    )


def test_a_locked_pdf_is_named(tmp_path, pdf):
    key = "00" * 32
    locked = (
        f"/ID [<00> <00>] /Encrypt << /Filter /Standard /V 2 /R 3 /Length 128 /P -4 /O <{key}> /U <{key}> >>"
    )
    with pytest.raises(DataError, match=r"a\.pdf: is locked with a password"):
        read(tmp_path, pdf("One page.", trailer=locked))


@pytest.mark.filterwarnings("ignore:.*pages hold no text")
def test_a_mutated_pdf_is_read_or_named(tmp_path, pdf):
    whole, generator = pdf("One page.", lines("Two", "lines")), random.Random(0)
    for _ in range(300):
        raw = bytearray(whole)
        for _ in range(generator.choice([1, 10])):
            raw[generator.randrange(len(raw))] = generator.randrange(256)
        with contextlib.suppress(DataError):  # any other error is a fault
            assert read(tmp_path, bytes(raw))

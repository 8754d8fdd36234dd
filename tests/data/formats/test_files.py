import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.data.errors import DataError
from rlc.data.formats.files import decode, digest, numbered, read_rows, read_text, short_digest
from rlc.data.records import Document, Example


@given(st.text().filter(lambda text: text.strip() and "\0" not in text and not text.startswith("\ufeff")))
def test_utf8_comes_back_as_it_was_with_or_without_a_mark(text):
    assert decode(text.encode(), "a") == text == decode(text.encode("utf-8-sig"), "a")


def test_another_encoding_is_named_with_its_line():
    with pytest.raises(DataError, match=r"a\.txt: line 2: byte 0xe9 is not UTF-8"):
        decode("one\ncafé".encode("latin-1"), "a.txt")


def test_utf16_is_told_from_text():
    with pytest.raises(DataError, match="UTF-16"):
        decode("one".encode("utf-16"), "a.txt")


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DataError, match=rf"{tmp_path.name}: cannot be read"):
        read_text(tmp_path)


def test_lines_end_at_newlines_only(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes('\ufeff{"a": "x\u2028y"}\r\n\n{"a": "z"}'.encode())
    assert read_rows(path, lambda row: (row.line, row.text("a"))) == [(1, "x\u2028y"), (3, "z")]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"[1]", "expected a JSON object"),
        (b'{"a": "\xe9"}', "not UTF-8"),
        (b'{"a": "\\udc00"}', "surrogate"),
        (b"[" * 100_000, "not JSON"),
        (b"{", "not JSON"),
    ],
)
def test_a_broken_line_is_named(tmp_path, raw, reason):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": "fine"}\n' + raw)
    with pytest.raises(DataError, match=rf"rows\.jsonl: line 2: .*{reason}"):
        read_rows(path, lambda row: row)


def test_an_absent_file_is_an_error_even_where_rows_may_break(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_rows(tmp_path / "a.jsonl", lambda row: row, strict=False)


def test_the_digest_follows_names_and_contents_not_order_or_place(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        for name in ("a", "b"):
            (tmp_path / folder / name).write_text(name)
    one = [tmp_path / "one" / name for name in ("a", "b")]
    two = [tmp_path / "two" / name for name in ("b", "a")]
    same = digest(tmp_path / "one", one)
    assert digest(tmp_path / "two", two) == same
    two[0].rename(tmp_path / "two" / "c")
    assert digest(tmp_path / "two", [two[1], tmp_path / "two" / "c"]) != same
    one[0].write_text("x")
    assert digest(tmp_path / "one", one) != same


def test_short_digest_is_the_same_in_every_process():
    assert short_digest("a", "b") == "59900c43"  # printf "a\nb" | b2sum -l 32


@given(st.lists(st.sampled_from("abc")))
def test_numbered_ids_are_unique_and_the_first_keeps_its_own(ids):
    examples = [Example(id=one, question="?", document=Document(page_content="x")) for one in ids]
    result = [example.id for example in numbered(examples)]
    assert len(set(result)) == len(ids)
    assert set(ids) <= set(result)

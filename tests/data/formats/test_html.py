import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.data.errors import DataError
from rlc.data.formats.html import read_html


@pytest.fixture
def text_of(tmp_path):
    def read(page: str | bytes) -> str:
        path = tmp_path / "page.html"
        path.write_bytes(page.encode() if isinstance(page, str) else page)
        return read_html(path)[0]

    return read


def test_blocks_lines_and_cells_by_hand(text_of):
    page = """<!doctype html><html><head><title>T</title><style>p {}</style></head><body><!-- hidden -->
        <h1>Head  line</h1><p>One <b>bold</b>
        word.</p>
        <table> <tr> <th>Item</th> <th><p>2024</p></th> </tr>
        <tr><td>Sales</td><td> <div>1,2<b>34</b></div></td></tr></table>
        <ul> <li>a</li> <li>b</li> </ul> x<br>y<pre>  code\n    more</pre><script>hidden()</script></body></html>"""
    assert text_of(page) == (
        "Head line\n\nOne bold word.\n\nItem | 2024\nSales | 1,234\n\na\nb\n\nx\ny\n\n  code\n    more"
    )


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<ul><li>a<li>b</ul>", "a\nb"),  # unclosed, as old pages are
        ("<table><tr><td>a<td>b<tr><td>c<td>d</table>", "a | b\nc | d"),
        ("<table><tr><td></td><td>2024</td></tr></table>", " | 2024"),
        ("<table><tr><td><table><tr><td>a</td><td>b</td></tr></table></td></tr></table>", "a | b"),
        ("<html><head><title>T</title><meta name=a><body><p>a<p>b", "a\n\nb"),
        ("one<br><br>two", "one\n\ntwo"),
        ("a&nbsp;&amp;&lt;b", "a &<b"),
    ],
)
def test_small_pages(text_of, page, text):
    assert text_of(page) == text


def test_the_title_is_metadata(tmp_path):
    (tmp_path / "a.html").write_text("<title> The page </title>x")
    assert read_html(tmp_path / "a.html") == ("x", {"title": "The page"})


def test_the_declared_encoding_counts(text_of):
    assert text_of('<meta charset="iso-8859-1"><p>café'.encode("latin-1")) == "café"
    with pytest.raises(DataError, match="not UTF-8"):
        text_of("<p>café".encode("latin-1"))
    with pytest.raises(DataError, match="unknown encoding, 'nonsense'"):
        text_of('<meta charset="nonsense"><p>x')


PRICE = "The keeper’s fee is €1,200 – “paid”."


@pytest.mark.parametrize(
    ("label", "encoding", "text"),
    [
        ("iso-8859-1", "cp1252", PRICE),
        ("Latin1", "cp1252", PRICE),
        ("us-ascii", "cp1252", PRICE),
        ("utf-16", "utf-8", PRICE),
        ("unicode-1-1-utf-8", "utf-8", PRICE),
        ("gb2312", "gbk", "朗镕基于1871年建造"),
        ("shift_jis", "cp932", "①髙橋"),
        ("x-sjis", "cp932", "①髙橋"),
        ("euc-kr", "cp949", "똠방각하"),
    ],
)
def test_labels_are_read_as_browsers_read_them(text_of, label, encoding, text):
    for declaration in (
        f'<meta charset="{label}">',
        f"<META http-equiv=Content-Type content='text/html; charset={label}'>",
        f'<?xml version="1.0" encoding="{label}"?>',
    ):
        assert text_of(f"{declaration}<p>{text}</p>".encode(encoding)) == text


def test_a_byte_order_mark_wins(text_of):
    page = f'<meta charset="iso-8859-1"><p>{PRICE}'
    assert text_of(page.encode("utf-8-sig")) == text_of(page.encode("utf-16")) == PRICE


@pytest.mark.parametrize("label", ["punycode", "base64", "\x00", "utf-7-nope"])
def test_a_label_that_is_no_encoding_of_pages_is_told(text_of, label):
    with pytest.raises(DataError):
        text_of(f'<meta charset="{label}"><?xml><svg></?xml></tr>,_ ')


def test_what_is_hidden_is_left_out(text_of):
    page = (
        '<p style="DISPLAY : none">a</p><div hidden>b<p>c</div><td hidden>d</td><p>Seen</p><p hidden>e<p>too'
    )
    assert text_of(page) == "Seen\n\ntoo"


@pytest.mark.parametrize(
    "page",
    [
        "<table><tr>" + "<td>x" * 20_000,
        "<table><tr><td>" * 5_000 + "x",
        "<td><div>" * 20_000 + "x",
        "<pre>" + " " * 200_000 + "x</pre>",
        "x" + "<a " * 50_000,
        "<div>" * 50_000 + "<b>x</b>" * 50_000,
        "<ul><li>" * 20_000 + "x",
        "<p>x" + " \n" * 200_000,
    ],
    ids=lambda page: page[:12],
)
def test_no_kind_of_page_takes_more_than_linear_time(text_of, page):
    start = time.process_time()
    assert "x" in text_of(page)
    assert time.process_time() - start < 4  # what is quadratic takes minutes


@given(
    st.lists(
        st.sampled_from(
            [*"<>/ ab", "<td>", "<tr>", "</tr>", "<table>", "<pre>", "<p>", "</p", "<!--", "&#x", "é"]
        )
    )
)
def test_no_page_ends_in_an_error_of_pythons(tmp_path_factory, parts):
    path = tmp_path_factory.mktemp("html") / "a.html"
    path.write_text("".join(parts))
    with contextlib.suppress(DataError):
        read_html(path)


def test_a_page_without_text_is_named(text_of):
    with pytest.raises(DataError, match=r"page\.html: holds no text"):
        text_of("<html><script>draw()</script></html>")


def test_deep_nesting_is_borne(text_of):
    assert text_of("<div>" * 5000 + "x") == "x"


@given(st.lists(st.text("ab ", min_size=1).filter(str.strip), min_size=1))
def test_paragraphs_come_back(tmp_path_factory, paragraphs):
    path = tmp_path_factory.mktemp("html") / "a.html"
    path.write_text("".join(f"<p>{paragraph}</p>" for paragraph in paragraphs))
    assert read_html(path)[0] == "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)

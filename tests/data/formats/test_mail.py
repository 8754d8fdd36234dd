"""E-mail as documents, which needs no extra."""

import pytest

from rlc.data.errors import DataError
from rlc.data.formats.folder import load_documents


def test_headers_come_first_then_the_text(tmp_path):
    (tmp_path / "a.eml").write_bytes(
        b"To: ada@example.org\nFrom: Bo <bo@example.org>\nX-Spam: no\n\nPay by May 3.\n"
    )
    assert load_documents(tmp_path)["a.eml"].page_content == (
        "From: Bo <bo@example.org>\nTo: ada@example.org\n\nPay by May 3."
    )


@pytest.mark.parametrize("head", ["From: <", "From: a@[", "Content-Type: text/plain; charset=nobodys"])
def test_mail_that_cannot_be_taken_apart_is_told(tmp_path, head):
    (tmp_path / "a.eml").write_bytes(f"{head}\n\n\xe9".encode())
    with pytest.raises(DataError, match=r"a\.eml: cannot be read as \.eml"):
        load_documents(tmp_path)

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.data.text.fold import beyond_ascii, compose, fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Lamp 12", "lamp 12"),
        ("ﬁnancial eﬃciency", "financial efficiency"),  # ligatures of a PDF
        ("re\u0301sume\u0301", "r\u00e9sum\u00e9"),  # marks apart, as macOS spells
        ("Ver\u00adtrag \u200bcon\u200btract\ufeff", "vertrag contract"),
        ("\u202eabc\u202c", "abc"),
        ("STRASSE Straße", "strasse strasse"),
        ("İSTANBUL ISPARTA ısparta", "istanbul isparta isparta"),
        ("ＡＢＣ １２３", "abc 123"),
        ("١٢ १२ ๑๒", "12 12 12"),
        ("कि\u200dताब", "किताब"),
        ("ΟΔΟΣ", "οδοσ"),
    ],
)
def test_what_reads_alike_is_alike(text, folded):
    assert fold(text) == folded


def test_a_digit_that_python_does_not_know_yet_stays():
    assert fold("\U00011f51 of 5") == "\U00011f51 of 5"


def test_compose_keeps_case():
    assert compose("Ｃafe\u0301 ﬁN") == "Café fiN"


@given(st.text())
def test_folding_twice_is_folding_once_and_spelling_does_not_matter(text):
    assert fold(fold(text)) == fold(text)
    assert fold(unicodedata.normalize("NFD", text)) == fold(text)


@given(st.text())
def test_beyond_ascii(text):
    assert beyond_ascii(text) == "".join(c for c in text if ord(c) > 127)

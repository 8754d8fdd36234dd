import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.retrievers.index.analyse import Analyser


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Net income: $1,093,095.", ["net", "income", "1093095"]),
        ("Form 10-K, 8-Q", ["form", "10-k", "8-q"]),
        ("rose 3.5% to 12.25", ["rose", "3.5%", "to", "12.25"]),
        ("in 2019, 2020", ["in", "2019", "2020"]),
        ("the 3rd Q3 long-term", ["the", "3rd", "q3", "long", "term"]),
        ("STRASSE Überraschung", ["strasse", "überraschung"]),
        (
            "e\u0301te\u0301 ﬁnance con\u200btract ge\u00adkündigt",
            ["été", "finance", "contract", "gekündigt"],
        ),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("灯塔于1871年", ["灯", "塔", "于", "灯塔", "塔于", "1871", "年"]),
        ("ทะเล", ["ทะ", "ะเ", "เล"]),
        ("등대는", ["등대", "대는"]),
        ("", []),
    ],
)
def test_terms_by_hand(text, terms):
    assert Analyser().terms(text) == terms


def test_numbers_fall_apart_where_told():
    assert Analyser(whole_numbers=False).terms("$1,093 10-K") == ["1", "093", "10", "k"]


def test_stop_words_and_stems():
    assert Analyser("english", "english").terms("The cats are running to it") == ["cat", "run"]
    assert Analyser(("cat",)).terms("the cat") == ["the"]


@given(st.lists(st.text()))
def test_many_is_each(texts):
    analyser = Analyser("english", "english")
    assert analyser.many(texts) == [analyser.terms(text) for text in texts]

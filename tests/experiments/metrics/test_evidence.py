import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example as case
from hypothesis import given
from hypothesis import strategies as st

from rlc.data.records import Document, Example
from rlc.experiments.metrics.evidence import (
    first_rank,
    gold_strings,
    holds,
    normalise,
    places,
    recall_at,
    silver,
)

TEXTS = st.text(st.sampled_from("ab1234,.% \n-_éＡﬁ½，e\u0301İσß٣\u00ad灯塔、१ิกｶﾞ"), max_size=30)


def test_normalise():
    assert normalise("Net loss: $1,234.50 (5%), e.g. A.I.  １２.") == "net loss 1234.50 5% e g a i 12"


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("$2,576,340.", ("2576340",)),
        ("$4.68 billion in 2023", ("4.68",)),
        ("100, 200, 300 and 400 shares", ("100", "200", "300")),
        ("In 1999.", ("in 1999",)),  # a bare year is no number; the phrase is
        ("The golden cap.", ("golden cap",)),
        ("It was Mr. Hartman.", ("mr hartman",)),
        ("57 employees", ("57 employees",)),
        ("He fell to his knees and cried.", ()),  # seven words
        ("No", ()),  # two letters
        ("It rose by 12,345 " + "and so on " * 20, ()),  # numbers in a long answer are details
    ],
)
def test_gold_strings(answer, gold):
    assert gold_strings(answer) == gold


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("a total of $1,234 thousand", True),
        ("a total of 1234.", True),
        ("a total of 12345", False),
        ("a total of 1234.5", False),
        ("a total of 0.1234", False),
        ("x1234", False),
    ],
)
def test_numbers_touch_nothing(text, held):
    assert holds(text, ("1234",)) is held


def test_phrases_are_whole_words_and_all_are_needed():
    assert holds("At the Golden  Cap, he said", ("golden cap",))
    assert not holds("golden caps", ("golden cap",))
    assert not holds("100 and 200", ("100", "300"))


@pytest.mark.parametrize(
    ("text", "answer", "found"),
    [
        ("灯塔由艾达·洛于一八七一年建造。", "艾达洛。", "艾达·洛"),
        ("它建于1871年，在港口。", "1871年", "1871"),
        ("売上は１２３４円", "1234円", "１２３４"),
        ("ประภาคารนี้สร้างขึ้นโดยเอดา ในปี", "เอดา", "เอดา"),
        ("서울특별시에서 태어났다", "서울 특별시", "서울특별시"),
        ("हिन्दी भाषा की किताब", "हिन्दी भाषा", "हिन्दी भाषा"),
        ("Der Ver\u00adtrag der HAUPTSTRASSE", "Vertrag der Hauptstraße", "Ver\u00adtrag der HAUPTSTRASSE"),
        ("كُتِبَ في القاهـرة عام ١٩٥٢", "القاهرة", "القاهـرة"),
        ("he said \u202bשלום עולם\u202c twice", "שלום עולם", "שלום עולם\u202c"),
        ("İSTANBUL limanı", "istanbul limani", "İSTANBUL limanı"),
        ("the re\u0301sume\u0301", "résumé", "re\u0301sume\u0301"),
    ],
)
def test_evidence_in_any_script(text, answer, found):
    gold = gold_strings(answer)
    assert holds(text, gold)
    assert [text[start:end] for start, end in places(text, gold)] == [found]
    assert not holds(text, gold_strings("艾达路"))
    assert not holds(text, gold_strings("187"))


@pytest.mark.parametrize("script", ["हिन्दीx", "Vertrags"])
def test_a_word_is_whole_in_spaced_scripts(script):
    assert not holds(script, gold_strings(script[:-1]))


def test_first_rank_needs_the_texts_together():
    assert first_rank(["none", "holds 100", "holds 300"], ("100", "300")) == 3
    assert first_rank(["100 300", "x"], ("100", "300")) == 1
    assert first_rank(["none"], ("100",)) is None
    with pytest.raises(ValueError, match="leave the question out"):
        first_rank(["x"], ())


def test_recall_at():
    assert [recall_at([1, 3, None, 2], k) for k in (1, 2, 3)] == [0.25, 0.5, 0.75]
    with pytest.raises(ValueError, match="0 ranks"):
        recall_at([], 1)
    with pytest.raises(ValueError, match="k=0"):
        recall_at([1], 0)


def example(number, answer, answerable=True):
    document = Document(id="d", page_content="The dog is called Milo and cost $1,500.")
    return Example(str(number), "?", document, (answer,), answerable=answerable)


def test_silver_keeps_what_the_document_holds():
    examples = [
        example(1, "Milo."),
        example(2, "$1,500"),
        example(3, "$1,600"),
        example(4, "Milo.", answerable=False),
        example(5, "He was called Milo by all of them"),
    ]
    assert silver(examples) == {"1": ("milo",), "2": ("1500",)}


@pytest.mark.lara
def test_lara_keeps_about_half_of_its_location_questions():
    root = os.environ.get("RLC_DATA")
    if root is None:
        pytest.skip("RLC_DATA does not name a folder with LaRA")
    from rlc.data.sets.lara import load

    location = [e for e in load(Path(root)).examples if e.task == "location"]
    assert 0.48 <= len(silver(location)) / len(location) <= 0.58


def test_places_by_hand():
    text = "Paid $2,576,340, then 2,576. The ﬁnal Golden -- cap, the golden cap."
    assert [text[a:b] for a, b in places(text, ["2576340"])] == ["2,576,340"]
    assert [text[a:b] for a, b in places(text, ["golden cap", "2576"])] == [
        "2,576",
        "Golden -- cap",
        "golden cap",
    ]
    assert [text[a:b].strip() for a, b in places(text, ["final"])] == ["ﬁnal"]
    assert places(text, ["silver"]) == []


@given(TEXTS, TEXTS)
@case("ｶ\u03011", "1")  # a mark on a letter that is a border
@case("1ิ2", "2")
@case("ก.1", "ก")
def test_a_text_holds_what_has_a_place_in_it(text, gold):
    one = normalise(gold)
    if not one or unicodedata.combining(one[0]):  # a mark alone begins no word
        return
    found = places(text, [one])
    assert bool(found) == holds(text, [one])
    for start, end in found:
        assert one.replace(" ", "") in normalise(text[start:end]).replace(" ", "")

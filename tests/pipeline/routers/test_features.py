"""What is known of a question before and after an answer."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.data.records import Evidence
from rlc.pipeline.routers.support.answer_features import answer_features, pair_features, panel_features
from rlc.pipeline.routers.support.features import Text, features, six_letter_stem, split_words

TEXT = "Ada kept the lamp. The lamp burned for 12 years. Bob sold companies."


def span(text, start=0, score=None):
    return Evidence("d", start, start + len(text), score)


def test_by_hand():
    evidence = [span("Ada kept the lamp.", score=3.0), span("The lamp burned for 12 years.", 19, 1.0)]
    found = features("How many lamps did Ada and Zoe sell in 1999?", Text(TEXT), evidence)
    assert found["asks_how_many"] == 1
    assert found["asks_why"] == 0
    assert found["question_names"] == 2
    assert found["names_absent"] == 1, "Zoe"
    assert found["numbers_absent"] == 1, "1999"
    # lamp (twice), ada (once) are there; many, zoe, sell and 1999 are not; 13 words in all
    rarity = {"lamp": math.log(14 / 3), "ada": math.log(14 / 2)}
    absent = 4 * math.log(14)
    assert found["question_terms"] == 6
    assert found["coverage_document"] == pytest.approx(2 / 6)
    assert found["coverage_1"] == pytest.approx(sum(rarity.values()) / (sum(rarity.values()) + absent))
    assert found["rarest_term"] == pytest.approx(math.log(14))


def test_stems_and_words():
    assert split_words("Ada’s 1,093 lamps—lit!") == ["ada", "s", "1", "093", "lamps", "lit"]
    assert six_letter_stem("companies") == six_letter_stem("company")


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=200)


@given(question=words, text=words, start=st.integers(0, 50), length=st.integers(0, 100))
def test_every_feature_is_there_and_finite(question, text, start, length):
    pieces = [Evidence("d", start, start + length, 1.5), Evidence("d", 0, length, 1.5)]
    found = features(question, Text(text), pieces)
    assert found.keys() == features("Who?", Text("x"), ()).keys()
    assert all(math.isfinite(value) for value in found.values())
    assert all(0 <= value <= 1 + 1e-9 for name, value in found.items() if name.startswith("coverage"))
    said = answer_features(question, text, Text(text), pieces)
    assert all(math.isfinite(value) for value in said.values())


def test_an_answer_by_hand():
    evidence = [span("Ada kept the lamp.")]
    found = answer_features("Who kept it?", "Ada kept 12 boats.", Text(TEXT), evidence)
    assert found["answer_support"] == pytest.approx(2 / 4), "ada and kept; not 12 and boats"
    assert found["answer_new"] == pytest.approx(3 / 4)
    assert found["answer_numbers_unread"] == pytest.approx(math.log(2))
    assert found["answer_abstains"] == 0
    assert answer_features("Who?", "The text does not mention it.", Text(TEXT), ())["answer_abstains"] == 1


def test_negations_tell_a_refusal_without_its_phrases():
    found = answer_features("Who?", "Nobody is named, and it isn't told.", Text(TEXT), ())
    assert found["answer_negations"] == pytest.approx(1 / 8), (
        "isn't, cut into two words; nobody is a name here"
    )
    assert answer_features("Who?", "Ada.", Text(TEXT), (), "long")["long_negations"] == 0


def test_a_pair_by_hand():
    pair = pair_features("Yes, Ada sold 12 lamps.", "No, Ada sold 30 boats in 1999.")
    # yes, ada, sold, 12, lamp against no, ada, sold, 30, boat, 1999: two of nine words are shared
    assert pair["pair_words"] == pytest.approx(2 / 9)
    assert pair["pair_words_of_rag"] == pytest.approx(2 / 5)
    assert pair["pair_words_of_long"] == pytest.approx(2 / 6)
    assert (pair["pair_numbers"], pair["pair_numbers_contradict"], pair["pair_yes_and_no"]) == (0, 1, 1)
    assert pair["pair_one_without_numbers"] == pair["pair_begin_alike"] == 0
    assert pair["pair_longer"] == pytest.approx(math.log(6 / 8))


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_pair_is_finite_and_mirrored(first, second):
    pair, mirrored = pair_features(first, second), pair_features(second, first)
    assert all(math.isfinite(value) for value in pair.values())
    assert pair["pair_words"] == mirrored["pair_words"]
    assert pair["pair_longer"] == pytest.approx(-mirrored["pair_longer"])


def test_a_panel_by_hand():
    found = panel_features("Ada Lowe.", "Bob Lowe.", ["Ada.", "Bob Lowe.", "It is not stated."])
    # of {ada, lowe} and {bob, lowe}: ada shares 1/2 and 0, bob lowe 1/3 and 1, the refusal nothing
    assert found["panel_with_rag"] == pytest.approx((1 / 2 + 1 / 3) / 3)
    assert found["panel_with_long"] == pytest.approx(1 / 3)
    assert (found["panel_agrees"], found["panel_abstains"]) == (0, pytest.approx(1 / 3))
    assert panel_features("a", "b", ["Ada.", "Bob."]) == panel_features("a", "b", ["Bob.", "Ada."])

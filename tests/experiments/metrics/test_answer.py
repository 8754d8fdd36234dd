import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import LCSseq

from rlc.experiments import metrics
from rlc.experiments.metrics.answer import (
    chosen_letter,
    compared,
    containment,
    exact_match,
    multiple_choice,
    normalise,
    rouge_l,
    token_f1,
)

SCORES = [exact_match, token_f1, containment, rouge_l]


def test_exact_match_after_normalisation():
    assert exact_match("The  Quick, brown fox!", ["a quick brown fox"]) == 1.0
    assert exact_match("quick fox", ["quick brown fox"]) == 0.0


def test_token_f1_by_hand():
    # prediction {cat, sat, down}, gold {cat, sat}: 2 * 2 / (3 + 2)
    assert token_f1("the cat sat down", ["cat sat"]) == pytest.approx(0.8)
    assert token_f1("cat cat", ["cat"]) == pytest.approx(2 / 3)
    assert token_f1("...", ["!"]) == 1.0  # two empty bags
    assert token_f1("dog", ["cat"]) == 0.0


def test_containment_is_by_whole_words():
    assert containment("It was Milo, the dog.", ["milo"]) == 1.0
    assert containment("category", ["cat"]) == 0.0


def test_rouge_l_by_hand():
    # longest common subsequence "the sat" = 2 of 3 and of 3
    assert rouge_l("the cat sat", ["cat the sat"]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("letter", ["A", "B"])
def test_an_answer_that_is_an_article_is_an_answer(letter):
    for score in (exact_match, token_f1, containment):
        assert score(f"The answer is {letter}.", [letter]) == score(letter, [letter]) == 1.0
        assert score("The", [letter]) == score("The answer is C", [letter]) == 0.0
    assert token_f1("an", ["the"]) == 0.0


@pytest.mark.parametrize(
    ("prediction", "gold", "f1"),
    [
        ("由艾达洛建造。", "艾达·洛", 4 / 7),  # two pairs of five are the gold answer's
        ("STRASSE", "die Straße", 2 / 3),
        ("cafe\u0301", "Café", 1.0),
        ("「灯台」", "灯台", 1.0),
        ("١٢", "12", 1.0),
        ("½", "1/2", 1.0),
    ],
)
def test_words_of_any_script(prediction, gold, f1):
    assert token_f1(prediction, [gold]) == pytest.approx(f1)
    assert containment(prediction, [gold]) == float(f1 == 1.0 or "艾" in gold)
    assert rouge_l("灯台は白い", ["灯台は白い"]) == 1.0 > rouge_l("灯台は白い", ["灯台は黒い"]) > 0.0


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_on_ascii_the_words_are_squads(text):
    assert compared(text) == normalise(text).split() or not normalise(text)


@pytest.mark.parametrize("score", SCORES)
def test_the_best_gold_answer_counts(score):
    assert score("grey wolf", ["black dog", "grey wolf"]) == 1.0


@pytest.mark.parametrize("score", SCORES)
def test_gold_answers_must_be_a_sequence_of_at_least_one(score):
    with pytest.raises(TypeError, match="one string"):
        score("x", "x")
    with pytest.raises(ValueError, match="at least one gold answer"):
        score("x", [])


@given(st.text(), st.text())
def test_values_are_shares_and_equal_texts_match(a, b):
    assert all(0.0 <= score(a, [b]) <= 1.0 for score in SCORES)
    assert exact_match(a, [a]) == token_f1(a, [a]) == containment(a, [a]) == 1.0


@given(st.lists(st.sampled_from(["cat", "dog", "sat", "ran"]), min_size=1, max_size=20), st.data())
def test_our_subsequence_is_rouge_scores(a, data):
    b = data.draw(st.lists(st.sampled_from(["cat", "dog", "sat", "ran"]), min_size=1, max_size=20))
    ours = 2 * LCSseq.similarity(a, b) / (len(a) + len(b))
    assert rouge_l(" ".join(a), [" ".join(b)]) == pytest.approx(ours)


def test_normalise_is_idempotent():
    once = normalise("The 'Golden-Cap', an inn.")
    assert once == normalise(once) == "goldencap inn"


@pytest.mark.parametrize(
    ("prediction", "letter"),
    [
        ("C", "C"),
        ("(C).", "C"),
        ("**C**", "C"),
        ("The correct answer is (B).", "B"),
        ("It could be A. The answer is A... no: the answer is D", "D"),
        ("B. Because the clerk left.", "B"),
        ("(A) the first", "A"),
        ("A cat sat on the mat", ""),
        ("The answer is a cat", ""),
        ("", ""),
    ],
)
def test_chosen_letter(prediction, letter):
    assert chosen_letter(prediction) == letter


def test_multiple_choice():
    assert multiple_choice("Answer: B", ["B"]) == 1.0
    assert multiple_choice("Answer: B", ["C"]) == 0.0
    with pytest.raises(ValueError, match="one capital letter"):
        multiple_choice("B", ["b"])


def test_the_table_hands_out_functions():
    for target in metrics.ANSWER_METRICS.values():
        assert callable(getattr(metrics, target.rpartition(":")[2]))

import pytest

from rlc.data.text.abstention import abstaining, abstains
from rlc.experiments.metrics.abstention import abstention_scores

ABSTENTIONS = [
    "The chunks do not mention a horse.",
    "The provided text doesn't explicitly state why.",
    "The name of the tavern is not specified in the text.",
    "This was never mentioned.",
    "There is no information about the merger.",
    "No projected growth rate is provided.",
    "The answer cannot be determined from the excerpt.",
    "It is impossible to say.",
    "I don't know.",
    "None of the chunks discuss blockchain.",
    "Neither paper mentions energy use.",
    "Unanswerable",
    "Not discussed in the paper.",
    "There isn't enough information to answer.",
    "The **document** does *not* provide any details.",
    "The statement doesn’t seem to include revenue by region.",
]

ANSWERS = [
    "Milo.",
    "The clerk must come in earlier the next day.",
    "Net loss increased, not least because of interest.",
    "He refused to answer her.",
    "She could not sleep and walked to the window.",
    "There are no dogs on the island.",
    "Not before Friday.",
]


@pytest.mark.parametrize("text", ABSTENTIONS)
def test_abstentions(text):
    assert abstains(text)


@pytest.mark.parametrize("text", ANSWERS)
def test_answers_are_not_abstentions(text):
    assert not abstains(text)


def test_only_the_opening_counts_but_every_sentence_is_seen():
    text = "It is Milo. He is black. The breed is not mentioned."
    assert abstaining(text) == [False, False, True]
    assert not abstains(text)
    assert abstains("Hard to say. The breed is not mentioned.")


def test_empty_text_does_not_abstain():
    assert not abstains("")


def test_precision_and_recall_by_hand():
    scores = abstention_scores([(True, True), (True, False), (False, True), (False, False), (True, True)])
    assert (scores.precision, scores.recall) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert (scores.abstained, scores.unanswerable, scores.n) == (3, 3, 5)


def test_shares_without_a_denominator_are_none():
    scores = abstention_scores([(False, False)])
    assert (scores.precision, scores.recall) == (None, None)
    assert abstention_scores([]).n == 0

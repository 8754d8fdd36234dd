"""Voting by hand."""

import pytest

from rlc.data.records import Answer, Evidence, Usage
from rlc.pipeline.readers.vote import Vote


def says(text, name="arm", error=None):
    def reader(examples, /):
        usage = Usage(prompt_tokens=10, calls=1, rounds=1, seconds=1.0)
        return [Answer(text, name, (Evidence(e.document_id, 0, 3),), usage, error=error) for e in examples]

    return reader


def test_what_most_say_is_the_answer(make_example):
    voters = [says("Norfolk", "a"), says("norwich!", "b"), says("Norwich", "c")]
    [answer] = Vote(voters)([make_example("1")])
    assert (answer.text, answer.route) == ("norwich!", "b"), "the first of those that agree"
    assert answer.details == {"votes": 2, "voters": 3}
    assert (answer.usage.calls, answer.usage.prompt_tokens) == (3, 30), "every voter is paid"
    assert [(step.name, step.text) for step in answer.steps] == [
        ("voter 0", "Norfolk"), ("voter 1", "norwich!"), ("voter 2", "Norwich"),
    ]  # fmt: skip
    assert len(answer.evidence) == 1


def test_refusals_agree_in_whatever_words(make_example):
    voters = [says("Norwich"), says("Unanswerable."), says("The text does not mention it.")]
    [answer] = Vote(voters)([make_example("1")])
    assert answer.text == "Unanswerable."


def test_whoever_fails_has_no_vote(make_example):
    voters = [says("", error="away"), says("b"), says("c")]
    [answer] = Vote(voters)([make_example("1")])
    assert (answer.text, answer.details) == ("b", {"votes": 1, "voters": 2})
    [none] = Vote([says("", error="away")] * 2)([make_example("1")])
    assert none.error == "EngineError: none of 2 voters answered; the first: away"
    assert none.usage.calls == 2


def test_voters_are_asked_for_all_questions_at_once(make_example):
    asked = []

    def voter(examples, /):
        asked.append(len(examples))
        return says("a")(examples)

    Vote([voter, says("a")])([make_example(str(i)) for i in range(4)])
    assert asked == [4]


def test_one_voter_is_no_vote():
    with pytest.raises(ValueError, match="at least two voters, got 1"):
        Vote([says("a")])

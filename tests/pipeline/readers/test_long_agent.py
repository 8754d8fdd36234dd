"""LongAgent by hand."""

import pytest

from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.long_agent import LongAgent

PARTS = ["The light was lit by Ann.\n\n", "It rained for days.\n\n", "Bob lit the light.\n\n"]
TEXT = "".join(PARTS)


def members(prompt, together="Ann"):
    """A part says who it names; two parts read together say Ann."""
    named = [name for name in ("Ann", "Bob") if name in prompt.prefix]
    return {0: "NOTHING", 1: (named or [""])[0], 2: together}[len(named)]


def leader(*moves):
    told = iter(moves)
    return ScriptedLLM(lambda _: next(told))


@pytest.fixture
def example(make_example):
    return make_example("1", "Who lit it?", TEXT)


def test_members_who_disagree_read_together_until_one_answer_is_left(example):
    lead = leader("ASK: Who lit the light?", "ANSWER: Ann")
    [answer] = LongAgent(ScriptedLLM(members), lead, part=8)([example])
    assert answer.text == "Ann"
    assert [step.name for step in answer.steps] == ["lead", "member", "member", "member", "member", "lead"]
    assert [step.round for step in answer.steps] == [0, 1, 1, 1, 2, 3]
    assert "You asked: Who lit the light?\nThey said: Ann" in lead.calls[1].prompts[0].question
    assert [(one.start, one.end) for one in answer.evidence] == [
        (0, len(PARTS[0])),
        (len(TEXT) - len(PARTS[2]), len(TEXT)),
    ]


def test_the_same_answer_in_other_letters_is_one(example):
    llm = ScriptedLLM(lambda prompt: "ANN" if "Bob" in prompt.prefix else members(prompt))
    [answer] = LongAgent(llm, leader("ASK: Who?", "ANSWER: Ann"), part=8)([example])
    assert [step.name for step in answer.steps].count("member") == 3
    assert len(answer.evidence) == 2


def test_after_its_turns_the_leader_answers_from_what_was_said(example):
    lead = leader("ASK: Who?", "ASK: Where?", "Ann, it seems.")
    [answer] = LongAgent(ScriptedLLM({"": "NOTHING"}), lead, part=8, turns=2)([example])
    assert answer.text == "Ann, it seems."
    assert lead.calls[-1].prompts[0].prefix.count("nobody found anything") == 2
    assert answer.evidence == ()


def test_a_leader_that_answers_before_asking_has_the_question_asked(example):
    lead = leader("ANSWER: I guess.", "ANSWER: Ann")
    llm = ScriptedLLM(members)
    [answer] = LongAgent(llm, lead, part=8)([example])
    assert answer.text == "Ann"
    assert llm.calls[0].prompts[0].question.startswith("Question: Who lit it?")

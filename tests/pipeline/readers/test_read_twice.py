"""Reading twice by hand."""

import pytest

from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.read_twice import ReadTwice

TEXT = "Ann saw a cat."


def test_question_text_text_question(make_example):
    llm = ScriptedLLM({"": "Ann."})
    [answer] = ReadTwice(llm)([make_example("1", "Who saw it?", TEXT)])
    [prompt] = llm.calls[0].prompts
    assert prompt.prefix.endswith(f"\n\nQuestion: Who saw it?\n\n{TEXT}\n\n{TEXT}\n\n")
    assert prompt.question.startswith("Question: Who saw it?")
    assert (answer.text, answer.usage.calls, answer.usage.cut_tokens) == ("Ann.", 1, 0)


def test_what_does_not_fit_so_often_is_cut_in_both_readings(make_example):
    llm = ScriptedLLM({"": "Ann."}, window=480)
    example = make_example("1", "Who?", "Ann saw a cat. " * 40)
    [twice], [thrice] = ReadTwice(llm)([example]), ReadTwice(llm, times=3)([example])
    assert 0 < twice.usage.cut_tokens < thrice.usage.cut_tokens
    assert llm.calls[0].prompts[0].prefix.count("[...]") == 2
    assert llm.calls[1].prompts[0].prefix.count("[...]") == 3


def test_settings_that_make_no_sense():
    with pytest.raises(ValueError, match="times=0"):
        ReadTwice(ScriptedLLM({}), times=0)

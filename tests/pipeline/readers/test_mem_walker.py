"""MemWalker by hand."""

import re
from dataclasses import replace

import pytest
from weighing import WeighingLLM

from rlc.data.records import Evidence
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.mem_walker import MemWalker

NAMES = ("Ann", "Bob", "Cyd", "Dee")
PARTS = [f"{name} saw a cat.\n\n" for name in NAMES]
TEXT = "".join(PARTS)


def names_in(text):
    return [name for name in NAMES if name in text]


def walker(wanted, leaf="ANSWER: {}"):
    """Summaries name who is in the text; the walk goes where `wanted` is named."""

    def script(prompt):
        asked = prompt.prefix + prompt.question
        if asked.startswith("Summarise"):
            return " ".join(names_in(asked))
        if "Which part" in asked:
            parts = re.findall(r"Part (\d+): (.*)", prompt.prefix)
            return next((f"There.\nACTION: {i}" for i, summary in parts if wanted in summary), "ACTION: -1")
        if prompt.prefix.startswith("Read this part"):
            [name] = names_in(prompt.prefix)
            return f"Hm.\n{leaf.format(name)}"
        return "from summaries"

    return MemWalker(ScriptedLLM(script), segment=6, children=2)


def test_down_to_the_leaf_that_answers(make_example):
    reader = walker("Cyd")
    [answer] = reader([make_example("1", "What did Cyd see?", TEXT)])
    assert [step.name for step in answer.steps] == ["summary"] * 7 + ["choose", "choose", "leaf"]
    assert [step.round for step in answer.steps] == [0, 0, 0, 0, 1, 1, 2, 3, 4, 5]
    assert answer.text == "Cyd"
    start = TEXT.index("Cyd")
    assert answer.evidence == (Evidence("d", start, start + len(PARTS[2])),)
    assert "What you know from before: Cyd Dee" in reader.llm.calls[-1].prompts[0].question


def test_the_tree_is_made_once_a_document(make_example):
    examples = [make_example(str(i), f"Who {i}?", TEXT) for i in range(2)]
    first, second = walker("Cyd")(examples)
    assert (first.usage.calls, second.usage.calls) == (10, 3)


def test_back_from_a_leaf_and_never_there_again(make_example):
    [answer] = walker("Cyd", leaf="BACK")([make_example("1", "What did Cyd see?", TEXT)])
    assert [step.name for step in answer.steps[7:]] == [
        "choose",
        "choose",
        "leaf",
        "choose",
        "choose",
        "answer",
    ]
    assert answer.text == "from summaries"
    assert len(answer.evidence) == 1


def test_where_no_part_will_do_it_answers_from_the_summaries(make_example):
    [answer] = walker("Zoe")([make_example("1", "Where is Zoe?", TEXT)])
    assert (answer.text, answer.evidence) == ("from summaries", ())


def test_a_document_of_one_segment_is_a_leaf(make_example):
    [answer] = walker("Ann")([make_example("1", "Who?", PARTS[0])])
    assert [step.name for step in answer.steps] == ["summary", "leaf"]


@pytest.mark.parametrize("settings", [{"children": 1}, {"moves": 0}])
def test_settings_that_make_no_sense(settings):
    with pytest.raises(ValueError, match="at least 2 children and 1 move"):
        MemWalker(ScriptedLLM({}), **settings)


def test_a_choice_that_is_weighed_is_not_written(make_example):
    def likes(prompt, option):
        parts = dict(re.findall(r"Part (\d+): (.*)", prompt.prefix))
        assert prompt.reply == "ACTION:"
        return 0.9 if "Cyd" in parts.get(option.strip(), "") else 0.3 if option == " -1" else 0.1

    told = walker("Cyd")
    llm = WeighingLLM(told.llm._answers, likes)
    [answer] = replace(told, llm=llm, choice="weighed")([make_example("1", "What did Cyd see?", TEXT)])
    assert answer.text == "Cyd"
    assert [(step.name, step.kind) for step in answer.steps[7:]] == [
        ("choose", "weigh"), ("choose", "weigh"), ("leaf", "ask"),
    ]  # fmt: skip
    assert len(answer.steps[7].text.split()) == 3, "two children, and none of them"
    llm.likes = lambda prompt, option: 0.9 if option == " -1" else 0.1
    [answer] = replace(told, llm=llm, choice="weighed")([make_example("1", "What did Cyd see?", TEXT)])
    assert answer.text == "from summaries"
    with pytest.raises(ValueError, match="at most 9 children"):
        replace(told, children=10, choice="weighed")
    with pytest.raises(ValueError, match="summary_tokens must be at least 1, got 0"):
        replace(told, summary_tokens=0)

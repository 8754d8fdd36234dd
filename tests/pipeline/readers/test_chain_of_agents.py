"""Chain of Agents by hand."""

import pytest

from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.chain_of_agents import ChainOfAgents, first_choice

TEXT = "Ann saw a cat. Bob saw a dog. Cyd saw it rain. "


def script(prompt):
    """A note: who was read before, and who is in this piece; the manager repeats its note."""
    if "Summary 1" in prompt.question:
        return "Number 2."
    if "part of" not in prompt.prefix:
        return prompt.prefix.split("\n\n")[1]
    before = (
        prompt.question.partition("read before: ")[2].partition("\n")[0].replace("(nothing was read yet)", "")
    )
    return " ".join([before, prompt.prefix.partition("\n\n")[2].split()[0]]).strip()


def reader(llm, example, sentence=5, **settings):
    """A chain whose pieces hold one sentence each."""
    frame = llm.count(ChainOfAgents(llm)._working(example, "", ""))
    question = llm.tokenizer.count(ChainOfAgents(llm)._working(example, "", "").question)
    window = frame - question + 256 + 16 + 2 * 8 + sentence
    return ChainOfAgents(llm, window=window, note_tokens=8, **settings)


@pytest.fixture
def example(make_example):
    return make_example("1", "Who?", TEXT)


def test_notes_are_handed_on(example):
    llm = ScriptedLLM(script)
    [answer] = reader(llm, example)([example])
    assert answer.text == "Ann Bob Cyd"
    assert [(step.name, step.round, step.text) for step in answer.steps] == [
        ("worker", 0, "Ann"), ("worker", 1, "Ann Bob"), ("worker", 2, "Ann Bob Cyd"), ("manager", 3, "Ann Bob Cyd"),
    ]  # fmt: skip


def test_from_the_end(example):
    llm = ScriptedLLM(script)
    assert reader(llm, example, direction="backward")([example])[0].text == "Cyd Bob Ann"


def test_from_both_ends_a_judge_chooses(example):
    llm, manager = ScriptedLLM(script), ScriptedLLM(script)
    [answer] = reader(llm, example, manager=manager, direction="both")([example])
    assert (answer.text, answer.details["direction"]) == ("Cyd Bob Ann", "backward")
    assert [len(call.prompts) for call in llm.calls] == [2, 2, 2]
    assert (answer.usage.calls, answer.usage.rounds) == (8, 5)
    assert len(manager.calls) == 2


def test_a_piece_is_read_once_for_all_questions(example, make_example):
    llm = ScriptedLLM(script)
    examples = [make_example(str(i), f"Who {i}?", TEXT) for i in range(4)]
    answers = reader(llm, examples[0])(examples)
    assert len(llm.calls) == 3 + 1
    worker = [step.usage for answer in answers for step in answer.steps if step.name == "worker"]
    assert sum(usage.cached_tokens > 0 for usage in worker) == 3 * 3, (
        "all but the first question on each piece"
    )


def test_a_windows_room_holds_note_and_piece(make_example):
    """A note of full length beside a piece of full size stays within the worker's window."""
    example = make_example("1", "Who?", TEXT * 40)
    llm = ScriptedLLM(lambda _: "word " * 60)
    reader_ = ChainOfAgents(llm, window=700, note_tokens=40)
    [answer] = reader_([example])
    assert len(answer.steps) == 3
    assert all(step.usage.prompt_tokens + 40 <= 700 for step in answer.steps if step.name == "worker")


def test_the_first_number_is_the_choice():
    assert [
        first_choice(text) for text in ("2", "Summary 2, not 1", "12", "neither", "1", "摘要2更可靠")
    ] == [2, 2, 1, 1, 1, 2]


def test_a_direction_that_is_none(example):
    from rlc.data.errors import SpecError
    from rlc.pipeline.recipe import Recipe

    llm = {"use": "scripted", "answers": {"": "x"}}
    with pytest.raises(SpecError, match="direction"):
        Recipe({"a": {"use": "chain-of-agents", "llm": llm, "direction": "sideways"}}).completed()

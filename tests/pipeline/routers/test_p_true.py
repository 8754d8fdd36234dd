"""P(True) by hand: an answer stands where the model that is shown its passages believes it."""

import pytest
from weighing import WeighingLLM

from rlc.data.errors import UnsupportedError
from rlc.data.records import Answer, Evidence, Usage
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.routers.p_true import PTrue

TEXT = "Ann met Bob. Nobody met Eve."
SAID = {"1": "Ann", "2": "Eve", "3": "Unanswerable.", "4": ""}


def arm(name, texts, spans=((0, 13),)):
    def answer(examples, /):
        return [
            Answer(
                texts.get(e.id, "from the text"),
                name,
                tuple(Evidence(e.document_id, *span) for span in spans),
                Usage(prompt_tokens=10, calls=1, rounds=1, seconds=1.0),
                error=None if texts.get(e.id, "x") else "it broke",
            )
            for e in examples
        ]

    return answer


def believes(prompt, option):
    """Ann with three to one, Eve with one to three."""
    assert prompt.prefix == "Here are some passages from a book.\n\nAnn met Bob. \n\n"
    assert prompt.reply == "The possible answer is"
    return 0.6 if (option == " true") == ("answer: Ann" in prompt.question) else 0.2


@pytest.fixture
def examples(make_example):
    return [make_example(name, "Who met Bob?", TEXT) for name in SAID]


def router(likes=believes, spans=((0, 13),), **settings):
    return PTrue(arm("rag", SAID, spans), arm("long", {}), WeighingLLM({}, likes), **settings)


def test_what_it_believes_stands(examples):
    asked = router()
    answers = asked(examples)
    assert [answer.error for answer in answers] == [None] * 4
    assert [answer.route for answer in answers] == ["rag", "long", "long", "long"]
    weighed = [answer.details["p_true"] for answer in answers]
    assert weighed == [pytest.approx(0.75, abs=1e-4), pytest.approx(0.25, abs=1e-4), None, None]
    assert sum(len(call.prompts) for call in asked.llm.calls) == 2, "a refusal and a failure are not weighed"
    assert [answer.usage.calls for answer in answers] == [2, 3, 2, 2]
    assert [step.name for step in answers[1].steps] == ["rag", "doubt", "long"]
    assert answers[0].usage.seconds == 1.0


@pytest.mark.parametrize(
    ("least", "routes"), [(0.0, ["rag", "rag"]), (0.2, ["rag", "rag"]), (0.76, ["long", "long"])]
)
def test_its_curve(examples, least, routes):
    assert [answer.route for answer in router(least=least)(examples)[:2]] == routes


def test_an_answer_whose_passages_are_not_shown_is_asked_again(examples):
    asked = router(spans=())
    assert {answer.route for answer in asked(examples)} == {"long"}
    assert asked.llm.calls == []


def test_refusals(examples):
    with pytest.raises(ValueError, match=r"0 to 1, got 1\.5"):
        router(least=1.5)
    with pytest.raises(UnsupportedError, match="take the engine hf or vllm"):
        PTrue(arm("rag", SAID), arm("long", {}), ScriptedLLM({}))(examples)

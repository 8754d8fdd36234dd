"""SIFT by hand: stickers that hold at the first, the second, the third stage, and never."""

import pytest

from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.sift import Sift

TEXT = "Ann saw a cat."
STICKERS = ["none", "forward", "inverse", "last"]


def agreeing_from(stage):
    """A script whose predictions agree from this stage on; the sticker says how often it was written."""

    def script(prompt):
        said = prompt.question
        for name, asked in (
            ("last", "sticker 3" in said and "better note" in said),
            ("inverse", "rests on" in said),
            ("forward", "better note" in said),
            ("none", "Do not answer yet" in said),
        ):
            if asked:
                return f"sticker {STICKERS.index(name) + 1}"
        if "ANSWER:" not in said:
            return "the document's"
        at = next(i for i in (1, 2, 4) if f"sticker {i}" in said + prompt.prefix)
        alone = TEXT not in prompt.prefix
        return "so.\nANSWER: " + ("The cat!" if at >= stage else "a hen") if alone else "so.\nANSWER: the cat"

    return script


@pytest.mark.parametrize(
    ("agrees", "stage", "calls", "rounds", "text"),
    [
        (1, 1, 3, 2, "the cat"),
        (2, 2, 6, 4, "the cat"),
        (4, 3, 10, 7, "the cat"),
        (9, 0, 11, 8, "the document's"),
    ],
)
def test_until_sticker_and_document_agree(make_example, agrees, stage, calls, rounds, text):
    llm = ScriptedLLM(agreeing_from(agrees))
    [answer] = Sift(llm)([make_example("1", "Who was seen?", TEXT)])
    assert (answer.error, answer.text, answer.details["stage"]) == (None, text, stage)
    assert (answer.usage.calls, answer.usage.rounds) == (calls, rounds)
    names = [
        "sticker",
        "predict",
        "predict",
        "forward",
        "predict",
        "predict",
        "inverse",
        "forward",
        *["predict"] * 2,
    ]
    assert [step.name for step in answer.steps] == [*names, "answer"][:calls]


def test_a_sticker_is_asked_for_once_for_each_question_and_the_text_is_shared(make_example):
    llm = ScriptedLLM(agreeing_from(1))
    Sift(llm)([make_example("1", "Who?", TEXT), make_example("2", "What?", TEXT)])
    first, second = llm.calls[0].prompts
    assert first.prefix == second.prefix


def test_a_document_that_does_not_fit_is_cut_or_refused(make_example):
    example = make_example("1", "Who?", TEXT * 200)
    llm = ScriptedLLM(agreeing_from(1), window=2600)
    assert Sift(llm)([example])[0].usage.cut_tokens > 0
    assert Sift(llm, overflow="refuse")([example])[0].error.startswith("ContextOverflowError")

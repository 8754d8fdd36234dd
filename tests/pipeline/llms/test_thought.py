import time
from dataclasses import replace

import numpy as np
import pytest

from rlc.data.protocols import Generation, TokenLogprobs
from rlc.data.records import Usage
from rlc.data.tokens import ApproximateTokenizer
from rlc.pipeline.llms.support.thought import UNFINISHED, opens_thought, part, separate_thought

ANSWER = "Ada Lowe"
TOKENIZER = ApproximateTokenizer()


@pytest.mark.parametrize(
    "text",
    [
        "<think>\nHull?\n</think>\n\nAda Lowe",
        "Hull?\n</think>\n\nAda Lowe",
        "<think>Hull? <think>No.</think> Yes?</think>Ada Lowe",
        "<|thinking|>Hull?<|/thinking|>Ada Lowe",
        "<reasoning>Hull?</reasoning>\n<answer>Ada Lowe</answer>",
        "[THINK]Hull?[/THINK]Ada Lowe",
        "<|START_THINKING|>Hull?<|END_THINKING|><|START_RESPONSE|>Ada Lowe<|END_RESPONSE|>",
        "◁think▷Hull?◁/think▷Ada Lowe",
        "<scratchpad>Hull?</scratchpad>Ada Lowe",
        "<analysis>\nHull?\n</analysis>\nAda Lowe",
        "<inner_thoughts>Hull?</inner_thoughts>Ada Lowe",
        "&lt;think&gt;Hull?&lt;/think&gt;Ada Lowe",
        "< think >Hull?</ think >Ada Lowe",
        "<|channel>thought\nHull?<channel|>Ada Lowe",
        "<|channel|>analysis<|message|>Hull?<|end|><|start|>assistant<|channel|>final<|message|>Ada Lowe<|return|>",
        "analysisWe need the builder. Hull?assistantfinalAda Lowe",
    ],
)
def test_a_thought_is_parted_from_the_answer_whatever_its_marks(text):
    parted = part(text)
    assert parted.answer == ANSWER
    assert "Hull?" in parted.thought
    assert parted.finished


@pytest.mark.parametrize(
    "text",
    [
        "Ada Lowe",
        "The tags <think> and </think> stand around a thought.",
        "A thought ends with `</think>`.",
        "Analysis of the text: Ada Lowe",
        "Thought: it was Hull.\nAnswer: Ada Lowe",
        "",
    ],
)
def test_an_answer_without_a_thought_is_left_as_it_is(text):
    assert part(text) == ("", text, True)


def test_an_answer_may_stand_on_both_sides_of_its_thoughts():
    parted = part("Let me see. <think>The text names Ada.</think> Ada Lowe\n<think>sure</think>, of Hull")
    assert parted == ("The text names Ada.\nsure", "Let me see.  Ada Lowe\n, of Hull", True)


@pytest.mark.parametrize(
    ("text", "opened"),
    [
        ("<think>\nHull? Ada", False),
        ("[THINK]Hull? Ada", False),
        ("◁think▷Hull? Ada", False),
        ("Hull? Ada", True),
        ("<|channel|>analysis<|message|>Hull?", False),
    ],
)
def test_a_thought_that_never_ends_holds_no_answer(text, opened):
    parted = part(text, opened)
    assert (parted.answer, parted.finished) == ("", False)


def test_a_prompt_that_opens_a_thought():
    assert opens_thought("<|im_start|>assistant\n<think>\n")
    assert not opens_thought("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    assert not opens_thought("<|im_start|>assistant\n")


def said(text, finish="stop", tokens=30, **fields):
    return Generation(text, finish, Usage(prompt_tokens=9, output_tokens=tokens, **fields))


def test_tokens_of_the_thought_are_counted_apart():
    generation = separate_thought(said("<think>one two three</think>Ada"), TOKENIZER, 10)
    assert (generation.text, generation.thought) == ("Ada", "one two three")
    assert (generation.usage.thought_tokens, generation.usage.output_tokens) == (3, 30)
    told = separate_thought(said("Ada", thought_tokens=20), TOKENIZER, 10)
    assert told.usage.thought_tokens == 20, "a server knows better"


def test_log_probabilities_are_those_of_the_answer():
    scored = TokenLogprobs([(0, 10), (10, 19), (19, 21), (21, 25)], np.arange(0, -4, -1, np.float32))
    raw = Generation("<think>one</think>Ada Ada", "stop", Usage(output_tokens=4), scored)
    generation = separate_thought(raw, TOKENIZER, 10)
    assert generation.logprobs == TokenLogprobs([(0, 1), (1, 3), (3, 7)], scored.values[1:])
    cut = separate_thought(raw, TOKENIZER, 1)
    assert (cut.text, cut.logprobs.spans) == ("Ada", [(0, 1), (1, 3)])
    torn = replace(raw, text="Ada.\n<think>one two three four</think> Lowe")
    assert "within the answer" in separate_thought(torn, TOKENIZER, 10).error
    assert separate_thought(replace(torn, logprobs=None), TOKENIZER, 10).error is None


def test_all_thought_is_a_failure_with_its_remedy():
    cut = separate_thought(said("<think>Okay, Ada", "length", 64), TOKENIZER, 64)
    assert (cut.text, cut.finish_reason, cut.thought) == ("", "error", "Okay, Ada")
    assert cut.error.startswith(f"{UNFINISHED}: it spent its 64 tokens thinking")
    assert "raise max_tokens" in cut.error
    assert "thinking = false" in cut.error
    silent = separate_thought(said("", "length", 64, thought_tokens=64), TOKENIZER, 64)
    assert silent.error.startswith(UNFINISHED), "a server may keep the thought to itself"
    mute = separate_thought(said("<think>Ada.</think>"), TOKENIZER, 64)
    assert "gave no answer" in mute.error


def test_the_room_of_the_thought_is_no_room_for_the_answer():
    generation = separate_thought(said("<think>short</think>one two three four"), TOKENIZER, 2)
    assert (generation.text, generation.finish_reason) == ("one two", "length")


def test_an_error_stays_what_it_was():
    raw = Generation("<think>x</think>", "error", error="the server fell over")
    assert separate_thought(raw, TOKENIZER, 5).error == "the server fell over"


@pytest.mark.parametrize(
    "text", ["<think>" * 30_000, "a <think> " * 30_000, "</think>" * 30_000, "a <think>" + " " * 200_000]
)
def test_odd_texts_take_no_time(text):
    started = time.process_time()
    part(text)
    assert time.process_time() - started < 5

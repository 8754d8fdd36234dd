from dataclasses import replace

import numpy as np
import pytest
from showing import ShowingLLM

from rlc.data.protocols import Prompt
from rlc.experiments.metrics.attn_trace import attn_trace, only

PROMPT = Prompt("Read.\none two\nthree blue four\nfive six\nEnd. ", "What colour? ")
TEXTS = [(6, 13), (14, 29), (30, 38)]


def blue(_, row, word):
    """The answer's word looks at its like."""
    return 9 if row == word == "blue" else 1


def test_all_texts_at_once_by_hand():
    llm = ShowingLLM({}, blue, depth=2, heads=2)
    scores, usage = attn_trace(llm, PROMPT, TEXTS, "It is blue", tokens=2, share=1)
    # Rows "It", "is", "blue" see 12, 13 and 14 words; the last pays 9 to both "blue"s and itself is one of them.
    plain = np.mean([1 / 12, 1 / 13, 1 / 30])
    assert scores == pytest.approx(
        [plain, np.mean([np.mean([1 / 12, 1 / 13, 9 / 30]), plain]), plain], rel=1e-5
    )
    assert len(llm.watched) == usage.calls == 1
    assert llm.watched[0].reply == "It is blue"
    assert usage.prompt_tokens == llm.count(llm.watched[0])


def test_what_stood_in_the_models_mouth_stays_there_and_is_not_the_answer():
    llm = ShowingLLM({}, blue)
    said = replace(PROMPT, reply="It is ")
    scores, _ = attn_trace(llm, said, TEXTS, "blue", tokens=1, share=1)
    assert llm.watched[0].text == said.text + "blue"
    assert scores == pytest.approx([1 / 30, 9 / 30, 1 / 30], rel=1e-5), 'the row of "blue" alone'


def test_subsets_hold_some_of_the_texts_and_are_the_same_again():
    llm = ShowingLLM({}, blue)
    done = []
    scores, usage = attn_trace(llm, PROMPT, TEXTS, "blue", share=0.7, subsets=6, told=done.append)
    assert scores.argmax() == 1
    assert done == [1, 2, 3, 4, 5, 6]
    assert usage.calls == 6
    counts = [sum(word in prompt.prefix for word in ("one", "three", "five")) for prompt in llm.watched]
    assert counts == [2] * 6
    again = attn_trace(ShowingLLM({}, blue), PROMPT, TEXTS, "blue", share=0.7, subsets=6)
    assert again.scores.tolist() == scores.tolist()
    other = attn_trace(other_llm := ShowingLLM({}, blue), PROMPT, TEXTS, "blue", share=0.7, subsets=6, seed=1)
    assert other_llm.watched != llm.watched
    assert other.scores.argmax() == 1


def test_a_text_that_no_subset_held_has_nothing():
    scores, _ = attn_trace(ShowingLLM({}, blue), PROMPT, TEXTS, "blue", share=0.1, subsets=1)
    assert sorted(scores > 0) == [False, False, True]


def test_what_is_left_of_a_prompt():
    left, spans = only(PROMPT, TEXTS, {0, 2})
    assert left.prefix == "Read.\none two\n\nfive six\nEnd. "
    assert [left.prefix[a:b] for a, b in spans] == ["one two", "five six"]
    assert only(PROMPT, TEXTS, {0, 1, 2}) == (PROMPT, TEXTS)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"texts": []}, "got 0 texts"), ({"answer": " "}, "an answer"), ({"share": 0}, "share=0"), ({"subsets": 0}, "subsets=0")],
)  # fmt: skip
def test_bad_input(wrong, message):
    given = {"texts": TEXTS, "answer": "blue"} | wrong
    with pytest.raises(ValueError, match=message):
        attn_trace(ShowingLLM({}, blue), PROMPT, **given)

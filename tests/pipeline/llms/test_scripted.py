import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.data.errors import UnsupportedError
from rlc.data.protocols import LLM, Generation, Prompt, TokenLogprobs
from rlc.pipeline.llms.scripted import ScriptedLLM


def test_it_is_an_engine():
    assert isinstance(ScriptedLLM({}), LLM)


def test_usage_by_hand():
    llm = ScriptedLLM({"who": "Anna did", "": "I do not know"})
    document = "one two three "
    first, second, third = llm.generate(
        [
            Prompt(document, "who?", "be brief"),
            Prompt(document, "when?", "be brief"),
            Prompt("other ", "who?"),
        ],
        max_tokens=10,
    )
    assert [g.text for g in (first, second, third)] == ["Anna did", "I do not know", "Anna did"]
    assert (first.usage.prompt_tokens, first.usage.cached_tokens, first.usage.output_tokens) == (7, 0, 2)
    assert (second.usage.prompt_tokens, second.usage.cached_tokens, second.usage.output_tokens) == (7, 5, 4)
    assert third.usage.cached_tokens == 0


def test_the_prefix_is_kept_across_calls():
    llm = ScriptedLLM({"": "x"})
    llm.generate([Prompt("a b", "q")], max_tokens=1)
    [again] = llm.generate([Prompt("a b", "r")], max_tokens=1)
    assert again.usage.cached_tokens == 2


def test_calls_are_recorded():
    llm = ScriptedLLM({"": "{}"})
    prompts = [Prompt("", "a"), Prompt("", "b")]
    llm.generate(prompts, max_tokens=3, stop=["\n"], schema={"type": "object"}, seed=7)
    [call] = llm.calls
    assert call.prompts == tuple(prompts)
    assert (call.max_tokens, call.stop, call.schema, call.seed) == (3, ("\n",), {"type": "object"}, 7)


def test_stop_and_length():
    llm = ScriptedLLM(lambda prompt: "one two\nthree four")
    [stopped] = llm.generate([Prompt("", "q")], max_tokens=9, stop=["three", "\n"])
    assert (stopped.text, stopped.finish_reason) == ("one two", "stop")
    [cut] = llm.generate([Prompt("", "q")], max_tokens=3)
    assert (cut.text, cut.finish_reason, cut.usage.output_tokens) == ("one two\nthree", "length", 3)


TWO = TokenLogprobs([(0, 3), (3, 7)], np.array([-0.1, -0.2], np.float32))


def test_a_scripted_generation_plays_logprobs_and_errors():
    llm = ScriptedLLM(lambda prompt: Generation("yes sir", logprobs=TWO))
    [generation] = llm.generate([Prompt("", "q")], max_tokens=1, logprobs=True)
    assert (generation.text, generation.logprobs) == ("yes", TokenLogprobs([(0, 3)], TWO.values[:1]))
    [failed] = ScriptedLLM(lambda prompt: Generation("", error="boom")).generate(
        [Prompt("", "q")], max_tokens=1
    )
    assert (failed.error, failed.finish_reason) == ("boom", "error")


def test_wishes_are_never_ignored():
    with pytest.raises(UnsupportedError, match="no log-probabilities"):
        ScriptedLLM({"": "x"}).generate([Prompt("", "q")], max_tokens=1, logprobs=True)
    [generation] = ScriptedLLM({"": "not json"}).generate([Prompt("", "q")], max_tokens=9, schema={})
    assert "not JSON" in generation.error


def test_overflow_and_unknown_questions_are_error_generations():
    llm = ScriptedLLM({"known": "x"}, window=10)
    long, unknown, known = llm.generate(
        [Prompt("w " * 10, "known"), Prompt("", "what?"), Prompt("", "known?")], max_tokens=2
    )
    assert "exceed the window, 10" in long.error
    assert "no answer to 'what?'" in unknown.error
    assert (known.text, known.error) == ("x", None)


@given(st.text(max_size=60), st.integers(1, 12))
def test_an_answer_never_exceeds_max_tokens(text, max_tokens):
    llm = ScriptedLLM(lambda prompt: text)
    [generation] = llm.generate([Prompt("", "q")], max_tokens=max_tokens)
    assert llm.tokenizer.count(generation.text) == generation.usage.output_tokens <= max_tokens
    assert text.startswith(generation.text)

"""An engine behind another is all that the other is."""

from dataclasses import replace

import numpy as np
import pytest

from rlc.data.completed import GeneratesAsCompleted
from rlc.data.protocols import ENGINE_PROTOCOLS, LLM, Generation, Prompt, Sampling, Scorer, TokenLogprobs
from rlc.experiments.runs.prompts import PromptRecorder
from rlc.experiments.sweep.sharing import Memory
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.llms.support.forwarding import forward
from rlc.pipeline.prompts import prompt_hash


class ScoringScript(ScriptedLLM):
    """A script that also says how likely a text is: every text is certain."""

    def logprobs(self, contexts, texts):
        return [TokenLogprobs([(0, len(text))], np.zeros(1, np.float32)) for text in texts]


class Completing(ScriptedLLM):
    """A script that yields its generations one by one, the last first."""

    def generate_as_completed(self, prompts, sampling):
        for place, prompt in reversed(list(enumerate(prompts))):
            yield place, self.generate([prompt], **sampling.wishes)[0]


ENGINES = [ScriptedLLM({"": "yes"}), ScoringScript({"": "yes"})]


@pytest.mark.parametrize("memory", [Memory(), PromptRecorder()], ids=["sweep", "recorder"])
@pytest.mark.parametrize("engine", ENGINES, ids=["writes", "scores too"])
@pytest.mark.parametrize("protocol", ENGINE_PROTOCOLS)
def test_what_wraps_an_engine_is_all_that_the_engine_is(engine, protocol, memory):
    assert isinstance(forward(engine, memory), protocol) == isinstance(engine, protocol)


def test_scores_come_from_the_engine():
    wrapped = forward(ScoringScript({}), Memory())
    assert isinstance(wrapped, LLM)
    assert isinstance(wrapped, Scorer)
    [scored] = wrapped.logprobs([""], ["abc"])
    assert (scored.spans, scored.values.tolist()) == ([(0, 3)], [0.0])


def test_a_recorder_recites_its_script_and_asks_nobody():
    engine = ScriptedLLM({"": "yes"})
    prompts = [Prompt("text", "a"), Prompt("text", "b")]
    recorder = PromptRecorder({prompt_hash(prompts[0]): iter([Generation("first")])})
    assert [one.text for one in forward(engine, recorder).generate(prompts, max_tokens=4)] == ["first", ""]
    assert recorder.prompts == prompts
    assert engine.calls == []


def test_what_an_engine_gives_one_by_one_is_handed_on_one_by_one_and_remembered():
    engine = Completing(lambda prompt: prompt.question.upper())
    shared = forward(engine, Memory(), "llm")
    assert not isinstance(forward(ENGINES[0], Memory()), GeneratesAsCompleted)
    assert isinstance(shared, GeneratesAsCompleted)
    prompts = [Prompt("text", question) for question in ("a", "b", "a")]
    arriving = shared.generate_as_completed(prompts, Sampling(4))
    place, first = next(arriving)
    assert (place, first.text, len(engine.calls)) == (1, "B", 1)
    assert [(place, one.text) for place, one in arriving] == [(0, "A"), (2, "A")]
    assert [one.text for one in shared.generate(prompts, max_tokens=4)] == ["A", "B", "A"]
    assert [place for place, _ in shared.generate_as_completed(prompts[:2], Sampling(4))] == [0, 1]
    assert len(engine.calls) == 2, "each of the two was asked once"


def test_keys_are_what_they_were_before_there_were_temperatures_and_tell_temperatures_apart():
    keys = forward(ENGINES[0], Memory(), "i")._keys
    prompts = [Prompt("p", "q", "s"), Prompt("p", "q", "s", "r")]
    before = Sampling(5, ("\n",), schema={"type": "object"}, seed=3)
    assert keys(prompts, before) == ["869bd7a024614e8d18043bdad1880a16", "8f11857e0a0bf550eb12351014eb5351"]
    warm = [key for heat in (0.0, 0.5) for key in keys(prompts, replace(before, temperature=heat))]
    assert len({*warm, *keys(prompts, before)}) == 6


def test_wishes_reach_the_engine_and_no_temperature_is_none():
    engine = ScriptedLLM({"": "yes"})
    forward(engine, Memory()).generate([Prompt("", "q")], max_tokens=4, temperature=0.7, seed=2)
    assert (engine.calls[-1].temperature, engine.calls[-1].seed) == (0.7, 2)
    assert "temperature" not in Sampling(4).wishes, "an engine of before knows no such wish"

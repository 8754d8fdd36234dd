"""Voting by hand."""

from dataclasses import replace

import pytest

from rlc.data.errors import UnsupportedError, UsageError
from rlc.data.records import Answer, Evidence, Usage
from rlc.data.store import Store
from rlc.pipeline.identity import identity
from rlc.pipeline.llms.hf import HfLLM
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.llms.support.forwarding import at_temperature
from rlc.pipeline.readers.closed import ClosedBookReader
from rlc.pipeline.readers.long import LongReader
from rlc.pipeline.readers.support.stored import StoredReader
from rlc.pipeline.readers.vote import Vote
from rlc.pipeline.recipe import Recipe


def says(text, name="arm", error=None):
    def reader(examples, /):
        usage = Usage(prompt_tokens=10, calls=1, rounds=1, seconds=1.0)
        return [Answer(text, name, (Evidence(e.document_id, 0, 3),), usage, error=error) for e in examples]

    return reader


def test_what_most_say_is_the_answer(make_example):
    voters = [says("Norfolk", "a"), says("norwich!", "b"), says("Norwich", "c")]
    [answer] = Vote(voters)([make_example("1")])
    assert (answer.text, answer.route) == ("norwich!", "b"), "the first of those that agree"
    assert answer.details == {"votes": 2, "voters": 3}
    assert (answer.usage.calls, answer.usage.prompt_tokens) == (3, 30), "every voter is paid"
    assert [(step.name, step.text) for step in answer.steps] == [
        ("voter 0", "Norfolk"), ("voter 1", "norwich!"), ("voter 2", "Norwich"),
    ]  # fmt: skip
    assert len(answer.evidence) == 1


def test_refusals_agree_in_whatever_words(make_example):
    voters = [says("Norwich"), says("Unanswerable."), says("The text does not mention it.")]
    [answer] = Vote(voters)([make_example("1")])
    assert answer.text == "Unanswerable."


def test_whoever_fails_has_no_vote(make_example):
    voters = [says("", error="away"), says("b"), says("c")]
    [answer] = Vote(voters)([make_example("1")])
    assert (answer.text, answer.details) == ("b", {"votes": 1, "voters": 2})
    [none] = Vote([says("", error="away"), says("", error="gone")])([make_example("1")])
    assert none.error == "EngineError: none of 2 voters answered; the first: away"
    assert none.usage.calls == 2


def test_voters_are_asked_for_all_questions_at_once(make_example):
    asked = []

    def voter(examples, /):
        asked.append(len(examples))
        return says("a")(examples)

    Vote([voter, says("a")])([make_example(str(i)) for i in range(4)])
    assert asked == [4]


def test_one_voter_is_no_vote():
    with pytest.raises(ValueError, match="at least two voters, or samples of one"):
        Vote([says("a")])
    with pytest.raises(ValueError, match="samples must be at least 1, got 0"):
        Vote([says("a")] * 2, samples=0)


class Sampler(ScriptedLLM):
    """Says what the call's seed and temperature are; greedy of itself."""

    temperature = 0.0

    def generate(self, prompts, **wishes):
        self._answers = {"": f"{wishes['seed']} at {wishes.get('temperature')}"}
        return super().generate(prompts, **wishes)


@pytest.fixture
def stored(tmp_path):
    store = Store(tmp_path / "store.sqlite")
    return lambda reader: StoredReader(lambda: reader, store, "i", "arm")


@pytest.mark.parametrize("kept", [False, True])
def test_samples_of_one_reader_have_seeds_of_their_own_and_the_votes_temperature(make_example, stored, kept):
    reader = LongReader(Sampler({}), seed=3)
    [answer] = Vote([stored(reader) if kept else reader], samples=3, temperature=0.7)([make_example("1")])
    assert [step.text for step in answer.steps] == ["3 at 0.7", "4 at 0.7", "5 at 0.7"]
    assert (answer.details, answer.usage.calls) == ({"votes": 1, "voters": 3}, 3)
    assert len(Vote([reader], samples=3, temperature=0.7).reads([make_example("1")])) == 3


def test_samples_are_one_batch_and_say_what_each_would_say_alone(make_example, tmp_path, tiny_llm_folder):
    """Of an engine that takes a seed for each prompt; what is stored is not asked again."""
    asked = []

    class Watched(HfLLM):
        def generate_as_completed(self, prompts, sampling):
            asked.append([sampling.seed_of(prompt) for prompt in prompts])
            return super().generate_as_completed(prompts, sampling)

    llm = Watched(str(tiny_llm_folder), device="cpu", dtype="float32")
    reader = LongReader(llm, seed=3, max_tokens=8)
    examples = [make_example(str(i), f"Who saw the theme {i}?", "The cat.", "a") for i in range(2)]
    alone = [
        [answer.text for answer in replace(reader, seed=seed, llm=at_temperature(llm, 0.9))(examples)]
        for seed in (3, 4, 5)
    ]
    assert len({tuple(texts) for texts in alone}) == 3
    asked.clear()
    store = Store(tmp_path / "store")
    vote = Vote([StoredReader(lambda: reader, store, "i", "arm")], samples=3, temperature=0.9)
    answers = vote(examples)
    assert asked == [[3, 3, 4, 4, 5, 5]]
    for place, answer in enumerate(answers):
        assert [step.text for step in answer.steps] == [texts[place] for texts in alone]
    assert vote(examples) == answers
    assert len(asked) == 1
    silent = Sampler({})
    Vote([StoredReader(lambda: LongReader(silent), store, "s", "arm")], samples=2, temperature=0.7)(examples)
    assert [call.seed for call in silent.calls] == [0, 1], (
        "one that takes a seed a call is asked sample by sample"
    )


def test_the_first_sample_at_the_engines_own_temperature_is_the_arms_stored_answer(make_example, stored):
    engine = Sampler({})
    engine.temperature = 0.9
    arm = stored(LongReader(engine))
    arm([make_example("1")])
    Vote([arm], samples=2)([make_example("1")])
    assert [call.seed for call in engine.calls] == [0, 1], "asked as the arm, then once more"


def test_a_vote_whose_voters_must_agree_is_refused_before_anything_is_asked(make_example, stored):
    engine = Sampler({})
    reader = LongReader(engine)
    example = make_example("1")
    for voters, settings, words in [
        ([reader], {"samples": 3}, "LongReader. is to answer 3 times, and its engine is greedy"),
        ([reader], {"samples": 3, "temperature": 0.0}, "its engine is greedy"),
        ([reader, reader], {}, "they are one reader"),
        ([stored(reader), stored(replace(reader))], {}, "voters 0 and 1 .* they are one reader"),
        ([reader, replace(reader, seed=1)], {}, "differ in the seed alone, and their engine is greedy"),
    ]:
        with pytest.raises(UsageError, match=words):
            Vote(voters, **settings)([example])
    assert engine.calls == []
    [answer] = Vote([reader, replace(reader, seed=1)], temperature=0.7)([example])
    assert answer.details["voters"] == 2
    Vote([reader, replace(reader, max_tokens=9), ClosedBookReader(engine)])([example])
    with pytest.raises(UnsupportedError, match=r"reader has neither a seed nor an engine"):
        Vote([says("a")], samples=2)([example])


def test_a_votes_stored_answers_are_those_of_before_there_were_samples():
    llm = {"use": "endpoint", "model": "m", "window": 99, "temperature": "none"}
    arms = {"long": {"use": "long", "llm": llm}, "closed": {"use": "closed", "llm": llm}}
    vote = {"use": "vote", "voters": ["@long", "@closed"]}
    specs = Recipe({**arms, "vote": vote, "often": {**vote, "samples": 2}}).completed()
    assert identity(specs["vote"]) == "a5b4584b22ed6c2f249ab3bec0baaa4e"
    assert identity(specs["often"]) != identity(specs["vote"])

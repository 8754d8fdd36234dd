"""The driver: talks side by side, each charged and failed for itself."""

from dataclasses import dataclass

import pytest
from showing import ShowingLLM
from weighing import WeighingLLM

from rlc.chunkers import RecursiveChunker
from rlc.data.completed import in_order
from rlc.data.errors import ContextOverflowError, EngineError, EngineUnavailableError, UnsupportedError
from rlc.data.protocols import Generation, Prompt
from rlc.data.records import Answer, Usage
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.llms.support.forwarding import forward
from rlc.pipeline.readers.support.driver import Limit, run_talks
from rlc.pipeline.readers.support.fulfil import shared_start
from rlc.pipeline.readers.support.searching import Searcher
from rlc.pipeline.readers.support.talk import ask, attend, once, read, search, weigh
from rlc.retrievers import BM25Retriever

PIECES = ["one two three", "four five six"]
SEARCHER = Searcher(RecursiveChunker(size=8), BM25Retriever.from_documents)


def answers(*talks, calls=200, tokens=None):
    return in_order(run_talks(talks, Limit(calls, tokens)))


def chain(llm, question):
    """Chain of Agents in small: a note a piece, then the answer."""
    note = ""
    for piece in PIECES:
        [said] = yield from ask(llm, Prompt(piece, f"{question} {note}"), max_tokens=5, name="worker")
        note = said.text
    [said] = yield from ask(llm, Prompt("", f"{question} {note}"), max_tokens=5, name="manager")
    return Answer(said.text, "")


def echo(prompt):
    words = prompt.question.split()
    return Generation("", error="told to fail") if words[0] == "bad" and not prompt.prefix else words[0]


class OneAtATime(ScriptedLLM):
    together = 1


def test_questions_are_asked_side_by_side():
    llm = ScriptedLLM(echo)
    first, second = answers(chain(llm, "a"), chain(llm, "b"))
    assert [len(call.prompts) for call in llm.calls] == [2, 2, 2]
    assert (first.text, second.text) == ("a", "b")
    assert [(step.name, step.kind, step.round, step.text) for step in first.steps] == [
        ("worker", "ask", 0, "a"), ("worker", "ask", 1, "a"), ("manager", "ask", 2, "a"),
    ]  # fmt: skip
    assert first.usage == Usage(prompt_tokens=4 + 5 + 2, output_tokens=3, calls=3, rounds=3)
    assert second.usage.cached_tokens == 3 + 3 + 0, "each piece was read for the first question"
    assert first.prompt_hash == first.steps[-1].prompt_hash != first.steps[0].prompt_hash
    assert first.finish_reason == "stop"


def test_one_prompt_at_a_time_follows_what_was_read_last():
    llm = OneAtATime(echo)
    both = answers(chain(llm, "a"), chain(llm, "b"))
    asked = [(call.prompts[0].prefix, call.prompts[0].question[0]) for call in llm.calls]
    assert asked == [
        (PIECES[0], "a"),
        (PIECES[0], "b"),
        (PIECES[1], "a"),
        (PIECES[1], "b"),
        ("", "a"),
        ("", "b"),
    ]
    assert [answer.text for answer in both] == ["a", "b"]


def test_prompts_of_one_wish_wait_for_none_of_each_other():
    def talk(llm):
        said = yield from ask(llm, *(Prompt("", word) for word in "xyz"), max_tokens=1, seed=[0, 0, 1])
        nothing = yield from ask(llm, max_tokens=1)
        return Answer("".join(one.text for one in said), "", details={"nothing": nothing})

    llm = ScriptedLLM(echo)
    [answer] = answers(talk(llm))
    assert (answer.text, answer.usage.calls, answer.usage.rounds) == ("xyz", 3, 1)
    assert [(len(call.prompts), call.seed) for call in llm.calls] == [(2, 0), (1, 1)]


@pytest.mark.parametrize("engine", [ScriptedLLM, OneAtATime])
def test_a_call_that_fails_fails_one_question_with_its_cost(engine):
    good, bad, other = answers(*(chain(engine(echo), word) for word in ("good", "bad", "other")))
    assert (good.text, other.text) == ("good", "other")
    assert (bad.text, bad.error) == ("", "EngineError: told to fail")
    assert (bad.usage.calls, bad.usage.prompt_tokens, bad.finish_reason) == (3, 4 + 5, "error")
    assert [step.error for step in bad.steps] == [None, None, "told to fail"]


def test_an_engine_that_refuses_a_batch_is_asked_prompt_by_prompt():
    class Refusing(ScriptedLLM):
        def generate(self, prompts, **wishes):
            if any("bad" in prompt.question for prompt in prompts):
                raise EngineError("not that one")
            return super().generate(prompts, **wishes)

    llm = Refusing(echo)
    good, bad = answers(chain(llm, "good"), chain(llm, "bad"))
    assert (good.text, bad.error) == ("good", "EngineError: EngineError: not that one")


def test_what_would_fail_all_alike_is_raised():
    class Away(ScriptedLLM):
        def generate(self, prompts, **wishes):
            raise EngineUnavailableError("away")

    def mistaken(llm):
        yield from ask(llm, Prompt("", "a"), max_tokens=1)
        return None + 1

    with pytest.raises(EngineUnavailableError):
        answers(chain(Away(echo), "a"))
    with pytest.raises(TypeError):
        answers(mistaken(ScriptedLLM(echo)))


def test_whatever_else_a_talk_raises_fails_it_alone():
    def talk(llm, word):
        [said] = yield from ask(llm, Prompt("", word), max_tokens=1)
        return Answer({"a": "A"}[said.text], "")

    llm = ScriptedLLM(echo)
    good, bad = answers(talk(llm, "a"), talk(llm, "b"))
    assert (good.text, bad.error, bad.usage.calls) == ("A", "KeyError: 'b'", 1)


def test_what_runs_away_is_stopped_with_its_cost():
    def endless(llm):
        while True:
            yield from ask(llm, Prompt("", "again and again"), max_tokens=1)

    llm = ScriptedLLM(echo)
    [by_calls] = answers(endless(llm), calls=4)
    assert (by_calls.error.split(":")[0], by_calls.usage.calls) == ("LimitError", 4)
    assert "most_calls" in by_calls.error
    [by_tokens] = answers(endless(llm), tokens=10)
    assert (by_tokens.usage.prompt_tokens + by_tokens.usage.output_tokens, by_tokens.usage.calls) == (12, 3)
    assert "most_tokens" in by_tokens.error


def test_a_document_is_prepared_once_and_the_first_question_pays(make_example):
    document = make_example("1").document

    def gist(llm):
        [said] = yield from ask(llm, Prompt("", "gist of it"), max_tokens=1, name="gist")
        return said.text

    def talk(llm, word):
        made = yield from once(document, "gist", gist(llm))
        [said] = yield from ask(llm, Prompt("", f"{word} {made}"), max_tokens=1)
        return Answer(f"{made} {said.text}", "")

    llm = ScriptedLLM(echo)
    first, second = answers(talk(llm, "a"), talk(llm, "b"))
    assert (first.text, second.text) == ("gist a", "gist b")
    assert (first.usage.index_tokens, first.usage.prompt_tokens, first.usage.calls) == (3 + 1, 2, 2)
    assert (second.usage.index_tokens, second.usage.prompt_tokens, second.usage.calls) == (0, 2, 1)
    assert [step.name for step in first.steps] == ["gist", "ask"]


def test_where_preparing_fails_the_next_question_tries(make_example):
    document = make_example("1").document
    said = iter([Generation("", error="tired"), "gist", "yes"])

    def gist(llm):
        [made] = yield from ask(llm, Prompt("", "gist"), max_tokens=1)
        return made.text

    def talk(llm):
        made = yield from once(document, "gist", gist(llm))
        return Answer(made, "")

    llm = ScriptedLLM(lambda _: next(said))
    first, second, third = answers(talk(llm), talk(llm), talk(llm))
    assert (first.error, second.text, third.text) == ("EngineError: tired", "gist", "gist")
    assert (second.usage.calls, third.usage.calls) == (1, 0)


def looked_up(example, *queries):
    found = yield from search(SEARCHER, example.document, *queries, k=1)
    return Answer(" | ".join(passages[0].page_content.strip() for passages in found), "")


def test_a_document_is_indexed_once_and_searched_for_all(make_example, monkeypatch):
    opened = []
    monkeypatch.setattr(
        Searcher, "open", lambda self, *a, inner=Searcher.open: opened.append(1) or inner(self, *a)
    )
    text = "Ann saw a cat in the harbour. Bob saw a dog in the old town hall."
    examples = [make_example(str(i), text=text) for i in range(2)]
    first, second = answers(looked_up(examples[0], "Ann cat", "Bob dog"), looked_up(examples[1], "dog"))
    assert len(opened) == 1
    assert first.text.startswith("Ann saw")
    assert "Bob" in second.text
    assert [(step.kind, step.text, step.round) for step in first.steps] == [
        ("search", "Ann cat", 0), ("search", "Bob dog", 0),
    ]  # fmt: skip
    [piece] = second.steps[0].evidence
    assert text[piece.start : piece.end].strip() == second.text
    assert first.usage.index_seconds > 0 == second.usage.index_seconds
    assert (first.usage.calls, first.usage.rounds) == (0, 0)


def test_a_document_that_cannot_be_indexed_fails_its_own_questions(make_example):
    empty, full = make_example("1", text="", document_id="e"), make_example("2", text="Ann.")
    bad, good = answers(looked_up(empty, "Ann"), looked_up(full, "Ann"))
    assert bad.error.startswith("DataError")
    assert good.text == "Ann."


def test_a_collections_index_is_paid_once(make_example):
    example = make_example("1", text="Ann saw it.")
    searcher = Searcher(RecursiveChunker(), BM25Retriever.from_documents, collection=[example.document])

    def talk():
        found = yield from search(searcher, example.document, "Ann")
        return Answer(found[0][0].page_content, "")

    costs = [
        in_order(run_talks([talk()], Limit(9), payer))[0].usage.index_seconds
        for payer in (SEARCHER, SEARCHER, "b")
    ]
    assert [cost > 0 for cost in costs] == [True, False, True]
    other = make_example("2", text="Bob.", document_id=example.document_id)
    [answer] = answers(search(searcher, other.document, "Ann"))
    assert "holds another text" in answer.error


@dataclass(frozen=True)
class Arm:
    """Refuses a batch with a bad question in it."""

    asked: list

    def __call__(self, examples, /):
        self.asked.append(len(examples))
        if any(example.question == "bad" for example in examples):
            raise EngineError("not that one")
        return [Answer(e.question, "arm", usage=Usage(prompt_tokens=5, calls=2, rounds=2)) for e in examples]


def test_other_readers_answer_many_at_once(make_example):
    def talk(arm, example):
        answer = yield from read(arm, example, name="first")
        return answer

    arm = Arm([])
    a, bad, b = answers(*(talk(arm, make_example(word, word)) for word in ("a", "bad", "b")))
    assert (a.text, a.route, b.text) == ("a", "arm", "b")
    assert (a.usage.calls, a.usage.rounds, a.usage.prompt_tokens) == (2, 2, 5)
    assert bad.error == "EngineError: not that one"
    assert arm.asked == [3, 1, 1, 1]


def test_shared_start():
    assert [shared_start(*pair) for pair in (("", "a"), ("abc", "abd"), ("ab", "abc"), ("x", "y"))] == [
        0,
        2,
        2,
        0,
    ]


def likes_cats(_, row, word):
    return 3 if word == "cat" else 1


def looking(llm, text, question):
    """Look at two halves of a text, then ask about it."""
    prompt = Prompt(text, question)
    spans = [(0, 7), (7, len(text))]
    shares = yield from attend(
        llm, prompt, lambda seen: seen.on(spans).mean((0, 1)), lambda layers: layers[0]
    )
    [said] = yield from ask(llm, prompt, max_tokens=5)
    return Answer(f"{said.text} {int(shares.argmax())}", "")


def test_what_a_model_looks_at_is_a_step_and_a_call():
    llm = ShowingLLM({"": "yes"}, likes_cats)
    first, second = answers(
        looking(llm, "the cat sat there", " who"), looking(llm, "the dog sat cat", " who")
    )
    assert (first.text, second.text) == ("yes 0", "yes 1")
    assert [(step.name, step.kind, step.round, step.text) for step in first.steps] == [
        ("attend", "attend", 0, "0.571429 0.285714"),
        ("ask", "ask", 1, "yes"),
    ]
    assert first.usage == Usage(prompt_tokens=5 + 5, cached_tokens=0, output_tokens=1, calls=2, rounds=2)


class Shelf:
    def __init__(self):
        self.held = {}

    def holds(self, stage, key):
        return key in self.held

    def recall_all(self, stage, wanted, make):
        missing = {key: prompt for key, prompt in wanted.items() if key not in self.held}
        if missing:
            self.held |= zip(missing, make(list(missing.values())), strict=True)
        return {key: self.held[key] for key in wanted}


def test_what_was_looked_at_is_remembered():
    llm, memory = ShowingLLM({"": "yes"}, likes_cats), Shelf()
    talks = [looking(forward(llm, memory, "m"), "the cat sat there", " who") for _ in range(2)]
    first, second = [answers(talk)[0] for talk in talks]
    assert first == second
    assert sum(len(call.prompts) for call in llm.calls) == 2, "each prompt once"


def test_an_engine_that_shows_nothing_stops_all():
    with pytest.raises(UnsupportedError, match="take the engine hf"):
        answers(looking(ScriptedLLM({"": "yes"}), "the cat", "who"))


def test_a_prompt_that_does_not_fit_fails_its_question():
    class Small(ShowingLLM):
        def watch(self, prompt, see, **wishes):
            raise ContextOverflowError("a prompt of 600 tokens")

    [answer] = answers(looking(Small({"": "yes"}), "the cat", "who"))
    assert answer.error == "ContextOverflowError: a prompt of 600 tokens"
    [answer] = answers(looking(ShowingLLM({"": "yes"}), "the cat", "who"), calls=0)
    assert answer.error.startswith("LimitError")


def likes(prompt, option):
    return 0.5 if option in prompt.prefix else 0.25


def choosing(llm, text):
    weights = yield from weigh(llm, Prompt(text, " who"), ["cat", "dog"])
    return Answer(["cat", "dog"][weights.argmax()], "")


@pytest.mark.parametrize(("kind", "calls"), [(1024, [2]), (1, [1, 1])])
def test_what_is_weighed_is_a_step_and_a_call_and_remembered(kind, calls):
    llm, memory = WeighingLLM({}, likes), Shelf()
    llm.together = kind
    wrapped = forward(llm, memory, "m")
    first, second = answers(choosing(wrapped, "the cat sat"), choosing(wrapped, "the dog sat"))
    assert (first.text, second.text) == ("cat", "dog")
    assert [(one.name, one.kind, one.round, one.text) for one in first.steps] == [
        ("weigh", "weigh", 0, "-0.693147 -1.38629")
    ]
    assert first.usage == Usage(prompt_tokens=4, calls=1, rounds=1)
    assert [len(call.prompts) for call in llm.calls] == calls
    [again] = answers(choosing(wrapped, "the cat sat"))
    assert again == first
    assert len(llm.calls) == len(calls), "it was remembered"


def test_an_engine_that_does_not_weigh_is_refused():
    with pytest.raises(UnsupportedError, match=r"does not say how likely given answers are.*hf or vllm"):
        answers(choosing(ScriptedLLM({}), "the cat sat"))


def test_what_cannot_be_weighed_fails_alone():
    class Narrow(WeighingLLM):
        def weigh(self, prompts, options):
            if any("dog" in prompt.prefix for prompt in prompts):
                raise ContextOverflowError("too long")
            return super().weigh(prompts, options)

    llm = Narrow({}, likes)
    first, second = answers(choosing(llm, "the cat sat"), choosing(llm, "the dog sat"))
    assert (first.text, second.error) == ("cat", "ContextOverflowError: too long")

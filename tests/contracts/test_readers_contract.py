"""Every reader's and every router's laws: one answer an example, in order; a router pays for what it called."""

import dataclasses
import inspect
import re
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_ins import build, settings_of

from rlc.data.errors import DataError
from rlc.data.protocols import Generation, Retrieved
from rlc.data.records import Answer, Dataset, Evidence, Usage
from rlc.data.store import Store, seal, unseal
from rlc.experiments.runs.loop import answer_all
from rlc.pipeline.families import READER
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers import READERS
from rlc.pipeline.readers.long import LongReader
from rlc.pipeline.readers.support.stored import StoredReader
from rlc.pipeline.readers.support.talk import PROMPTED
from rlc.pipeline.routers import ROUTERS

TEXTS = {"z": "Ann saw a cat.", "a": "Bob saw a dog. " * 9, "m": "Cyd saw a bird. " * 40}
FAILS = "Who saw it fail?"
QUESTIONS = ["Who saw it?", "What was it that they saw?", FAILS]  # each finds a passage
EVERYTHING = [(name, question) for question in QUESTIONS for name in TEXTS]  # documents interleaved


def echo(prompt):
    """The document's first word and the question, so that a mix-up shows."""
    asked = re.search("^Question: (.*)", prompt.question, re.MULTILINE)
    question = asked[1] if asked else prompt.question.partition("\n")[0]
    if question == FAILS:
        return Generation("", "error", error="told to fail")
    found = [text.split()[0] for text in TEXTS.values() if text.split()[0] in prompt.prefix]
    return f"{' '.join(found)} {question}"


def make(name):
    return build(READER, name, echo)


class Counted:
    """An arm that keeps what it was asked and what it charged."""

    def __init__(self, name, price):
        self.name, self.price, self.charged = name, price, {}

    def __call__(self, examples, /):
        answers = []
        for example in examples:
            usage = Usage(prompt_tokens=self.price + len(example.question), seconds=float(self.price))
            self.charged[example.id] = self.charged.get(example.id, Usage()).then(usage)
            answers.append(Answer(f"{self.name} {example.id}", self.name, usage=usage))
        return answers

    def retrieve(self, examples, /):
        """For routers that decide by it: the document's beginning, found for nothing."""
        return [Retrieved((Evidence(example.document_id, 0, 9, 1.0),)) for example in examples]


# What asks no engine has its answers from elsewhere, and laws of its own.
READS = [name for name in sorted(READERS) if "llm" in settings_of(READER, name)]
STRATEGIES = [name for name in READS if "most_calls" in settings_of(READER, name)]
every_reader = pytest.mark.parametrize("name", READS)
every_router = pytest.mark.parametrize("name", sorted(ROUTERS))


@pytest.fixture(scope="module")
def examples(make_example):
    return [make_example(f"{d}/{q}", q, TEXTS[d], d, task="hallu") for d, q in EVERYTHING]


def obey(reader, examples):
    """One answer an example, in order, of its own document; a question that fails fails alone."""
    answers = reader(examples)
    assert len(answers) == len(examples), "one answer an example"
    for example, answer in zip(examples, answers, strict=True):
        if example.question == FAILS:
            assert answer.error, "a failure is told"
            assert (answer.text, answer.finish_reason) == ("", "error"), "a failure is told"
        else:
            assert answer.error is None, "a question that fails fails alone"
            assert answer.text.endswith(example.question), "in order"
            own = example.document.page_content.split()[0]
            assert answer.text.split()[0] in (own, example.question.split()[0]), "of its own document"
        for evidence in answer.evidence:
            assert evidence.document_id == example.document_id, "evidence lies in the document"
            assert 0 <= evidence.start < evidence.end <= len(example.document.page_content)
        assert all(value is None or value >= 0 for value in dataclasses.asdict(answer.usage).values())
        parts = answer.usage.index_seconds + answer.usage.retrieve_seconds
        assert answer.usage.seconds >= parts * (1 - 1e-9)  # sums of seconds, added in another order
        assert answer.usage.cached_tokens <= answer.usage.prompt_tokens
        assert answer.usage.prompt_tokens > 0 or answer.error is not None, "what is spent is counted"
    assert [unseal("key", seal("key", answer)) for answer in answers] == answers, "answers can be kept"
    assert reader([]) == [], "one answer an example"


@every_reader
def test_every_reader_obeys(name, examples):
    obey(make(name), examples)


@every_reader
def test_every_call_is_counted(name, examples):
    reader = make(name)
    answers = reader(examples)
    assert sum(answer.usage.calls for answer in answers) == sum(
        len(call.prompts) for call in reader.llm.calls
    )
    assert all(answer.usage.calls >= answer.usage.rounds > 0 for answer in answers)


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_steps_cost_is_in_the_answers(name, examples):
    for answer in make(name)(examples):
        parts = Usage.total(step.usage for step in answer.steps)
        for figure in ("prompt_tokens", "cached_tokens", "output_tokens", "index_tokens", "calls"):
            assert getattr(answer.usage, figure) == getattr(parts, figure)
        rounds = [step.round for step in answer.steps]
        assert rounds == sorted(rounds), "in the order in which they were done"
        asked = {step.round for step in answer.steps if step.kind in ("read", *PROMPTED)}
        assert len(asked) == answer.usage.rounds == max(asked) + 1, "a round is what waits for the one before"
        assert max(rounds) <= max(asked) + 1, "a search that tells nothing new may come last"


@pytest.mark.parametrize("name", STRATEGIES)
def test_strategies_have_a_limit(name, examples):
    reader = dataclasses.replace(make(name), most_calls=0)
    for answer in reader(examples[:2]):
        assert answer.error.startswith("LimitError")
    assert reader.llm.calls == []


class Fewer(LongReader):
    def __call__(self, examples, /):
        return super().__call__(examples)[1:]


class Silent(LongReader):
    def __call__(self, examples, /):
        return [dataclasses.replace(answer, error=None) for answer in super().__call__(examples)]


class Shuffled(LongReader):
    def __call__(self, examples, /):
        return super().__call__(examples)[::-1]


class Generous(LongReader):
    def __call__(self, examples, /):
        return [dataclasses.replace(answer, usage=Usage()) for answer in super().__call__(examples)]


class Fragile(LongReader):
    """One question that fails takes all with it."""

    def __call__(self, examples, /):
        answers = super().__call__(examples)
        failed = next((answer for answer in answers if answer.error), None)
        return [failed or answer for answer in answers]


@pytest.mark.parametrize("evil", [Fewer, Silent, Shuffled, Generous, Fragile])
def test_the_laws_catch_a_reader_that_breaks_them(evil, examples):
    laws = r"one answer an example|a failure is told|fails alone|in order|is counted"
    with pytest.raises(AssertionError, match=laws):
        obey(evil(ScriptedLLM(echo)), examples)


@every_reader
@given(picked=st.lists(st.sampled_from(range(len(EVERYTHING))), unique=True))
def test_company_changes_no_answer(name, examples, picked):
    reader = make(name)
    alone = {i: reader([examples[i]])[0] for i in picked}
    for i, answer in zip(picked, reader([examples[i] for i in picked]), strict=True):
        assert (answer.text, answer.evidence, answer.prompt_hash, answer.error) == (
            alone[i].text, alone[i].evidence, alone[i].prompt_hash, alone[i].error,
        )  # fmt: skip


@every_reader
def test_no_examples_no_call(name):
    reader = make(name)
    reader([])
    assert reader.llm.calls == []


@every_reader
def test_a_reader_is_frozen_and_takes_a_seed(name):
    reader = make(name)
    with pytest.raises(dataclasses.FrozenInstanceError):
        reader.seed = 1
    seeded = dataclasses.replace(reader, seed=8)
    assert seeded.seed == 8
    assert "seed" in inspect.signature(type(reader)).parameters


def routed(name, examples, store=None):
    arms = [Counted("rag", 10), Counted("long", 1000)]
    held = (
        arms
        if store is None
        else [StoredReader(lambda arm=arm: arm, store, arm.name, arm.name) for arm in arms]
    )
    return build(READER, name, "RAG", readers=held), arms


def obey_routing(router, arms, examples):
    """One answer an example, in order, by the arm that it names; paid for what was called; company changes no route."""
    answers = router(examples)
    assert len(answers) == len(examples), "one answer an example"
    for example, answer in zip(examples, answers, strict=True):
        assert answer.text == f"{answer.route} {example.id}", "in order, by the arm that it names"
    assert router([]) == [], "one answer an example"
    assert [unseal("key", seal("key", answer)) for answer in answers] == answers, "answers can be kept"
    for arm in arms:
        arm.charged.clear()
    for example, among_others in zip(examples, answers, strict=True):
        if asked := getattr(router, "llm", None):
            asked.calls.clear()
        [answer] = router([example])
        called = Usage.total(arm.charged.get(example.id, Usage()) for arm in arms)
        deciding = sum(asked.count(prompt) for call in asked.calls for prompt in call.prompts) if asked else 0
        assert answer.usage.prompt_tokens == called.prompt_tokens + deciding > 0, "pays for what it called"
        assert answer.usage.seconds == called.seconds, "pays for what it called"
        assert answer.route == among_others.route, "company changes no route"


@every_router
def test_every_router_obeys(name, examples):
    router, arms = routed(name, examples)
    obey_routing(router, arms, examples)


@dataclasses.dataclass(frozen=True)
class ByLength:
    """A router that is good, to begin with: long questions go to `long`."""

    rag: Counted
    long: Counted

    def __call__(self, examples, /):
        return [(self.long if self.is_long(e, examples) else self.rag)([e])[0] for e in examples]

    def is_long(self, example, examples):
        return len(example.question) > 20


class Losing(ByLength):
    def __call__(self, examples, /):
        return super().__call__(examples)[1:]


class Reversing(ByLength):
    def __call__(self, examples, /):
        return super().__call__(examples)[::-1]


class Lying(ByLength):
    def __call__(self, examples, /):
        return [dataclasses.replace(answer, route="long") for answer in super().__call__(examples)]


class Stealing(ByLength):
    """It looks at both answers and charges one."""

    def __call__(self, examples, /):
        self.rag(examples)
        return [dataclasses.replace(answer, route="long") for answer in self.long(examples)]


class Giving(ByLength):
    def __call__(self, examples, /):
        return [dataclasses.replace(answer, usage=Usage()) for answer in super().__call__(examples)]


class Sociable(ByLength):
    """A question is long among shorter ones."""

    def is_long(self, example, examples):
        return len(example.question) > sum(len(each.question) for each in examples) / len(examples)


class Unkeepable(ByLength):
    def __call__(self, examples, /):
        return [dataclasses.replace(answer, details={"by": object}) for answer in super().__call__(examples)]


def test_a_router_by_length_obeys(examples):
    obey_routing(ByLength(*(arms := (Counted("rag", 10), Counted("long", 1000)))), arms, examples)


@pytest.mark.parametrize(
    ("evil", "law"),
    [
        (Losing, "one answer an example"),
        (Reversing, "in order"),
        (Lying, "by the arm that it names"),
        (Stealing, "pays for what it called"),
        (Giving, "pays for what it called"),
        (Sociable, "company changes no route"),
        (Unkeepable, "cannot keep an answer"),
    ],
)
def test_the_laws_catch_a_router_that_breaks_them(evil, law, examples):
    arms = (Counted("rag", 10), Counted("long", 1000))
    with pytest.raises((AssertionError, DataError), match=law):
        obey_routing(evil(*arms), arms, examples)


@every_router
def test_a_router_is_served_by_what_the_arms_have_stored(name, examples, tmp_path):
    store = Store(tmp_path)
    first, arms = routed(name, examples, store)
    for arm in first.arms if hasattr(first, "arms") else (first.rag, first.long):
        arm(examples)
    asked = [dict(arm.charged) for arm in arms]
    second, _ = routed(name, examples, store)
    assert [answer.usage for answer in first(examples)] == [answer.usage for answer in second(examples)]
    assert [arm.charged for arm in arms] == asked
    store.close()


def test_every_row_names_its_route(examples, tmp_path):
    """Through the store and the loop, as a run does it."""
    store = Store(tmp_path)
    readers = {n: StoredReader(partial(make, n), store, n, n) for n in READS}
    for name in ROUTERS:
        router = build(READER, name, "RAG", readers=[readers["rag"], readers["long"]])
        readers[f"by {name}"] = StoredReader(lambda router=router: router, store, name, name)
    documents = {example.document_id: example.document for example in examples}
    frame = answer_all(readers, Dataset("d", tuple(examples), documents, "r"))
    assert frame.height == len(readers) * len(examples)
    assert set(frame["route"]) == set(READS)
    assert frame.filter(frame["error"].is_not_null())["question"].unique().to_list() == [FAILS]
    store.close()

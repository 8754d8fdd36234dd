"""Every reader's and every router's laws: one answer an example, in order; a router pays for what it called."""

import dataclasses
import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.chunkers import RecursiveChunker
from rlc.data.lazy import load
from rlc.data.protocols import Generation
from rlc.data.records import Answer, Dataset, Evidence, Usage
from rlc.data.store import Store, decode, encode
from rlc.experiments.runs.compare import compare
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers import READERS, WRAPPERS
from rlc.pipeline.readers.support.retrieving import Found
from rlc.pipeline.readers.support.stored import StoredReader
from rlc.pipeline.routers import ROUTERS
from rlc.retrievers import BM25Retriever

TEXTS = {"z": "Ann saw a cat.", "a": "Bob saw a dog. " * 9, "m": "Cyd saw a bird. " * 40}
QUESTIONS = ["Who saw it?", "What was it?", "fail"]
EVERYTHING = [(name, question) for question in QUESTIONS for name in TEXTS]  # documents interleaved


def echo(prompt):
    """The document's first word and the question, so that a mix-up shows."""
    question = prompt.question.removeprefix("Question: ").partition("\n")[0]
    if question == "fail":
        return Generation("", "error", error="told to fail")
    found = [text.split()[0] for text in TEXTS.values() if text.split()[0] in prompt.prefix]
    return f"{' '.join(found)} {question}"


def make(name, llm):
    """A reader of the table; a new entry says here what it needs."""
    settings = {
        "rag": {"chunker": RecursiveChunker(size=16), "retriever": BM25Retriever.from_documents, "llm": llm},
        "long": {"llm": llm},
        "closed": {"llm": llm},
    }
    return load(READERS[name])(**settings[name])


def settings_of(name):
    """What a router wants besides its arms and has no default for; a new entry says here what it needs."""
    return {"pre-route": {"llm": ScriptedLLM({"": "RAG"})}}.get(name, {})


class Counted:
    """An arm that keeps what it was asked and what it charged."""

    def __init__(self, name, price):
        self.name, self.price, self.charged = name, price, {}

    def __call__(self, examples, /):
        answers = []
        for example in examples:
            usage = Usage(prompt_tokens=self.price + len(example.question), seconds=float(self.price))
            self.charged[example.id] = self.charged.get(example.id, Usage()) + usage
            answers.append(Answer(f"{self.name} {example.id}", self.name, usage=usage))
        return answers

    def retrieve(self, examples, /):
        """For routers that decide by it: the document's beginning, found for nothing."""
        return [Found((Evidence(example.document_id, 0, 9, 1.0),)) for example in examples]


# Recorded answers come from LaRA's own tree and have laws of their own, in tests/pipeline/test_recorded.py.
READS = sorted(set(READERS) - {"recorded"})
every_reader = pytest.mark.parametrize("name", READS)
every_router = pytest.mark.parametrize("name", sorted(ROUTERS))


@pytest.fixture(scope="module")
def examples(make_example):
    return [make_example(f"{d}/{q}", q, TEXTS[d], d, task="hallu") for d, q in EVERYTHING]


@every_reader
def test_one_answer_an_example_in_order(name, examples):
    answers = make(name, ScriptedLLM(echo))(examples)
    assert len(answers) == len(examples)
    for example, answer in zip(examples, answers, strict=True):
        if example.question == "fail":
            assert answer.error
            assert (answer.text, answer.finish_reason) == ("", "error")
        else:
            assert answer.error is None
            assert answer.text.endswith(example.question)
            own = example.document.page_content.split()[0]
            assert answer.text.split()[0] in (own, example.question.split()[0]), "of its own document"


@every_reader
@given(picked=st.lists(st.sampled_from(range(len(EVERYTHING))), unique=True))
def test_company_changes_no_answer(name, examples, picked):
    reader = make(name, ScriptedLLM(echo))
    alone = {i: reader([examples[i]])[0] for i in picked}
    for i, answer in zip(picked, reader([examples[i] for i in picked]), strict=True):
        assert (answer.text, answer.evidence, answer.prompt_hash, answer.error) == (
            alone[i].text, alone[i].evidence, alone[i].prompt_hash, alone[i].error,
        )  # fmt: skip


@every_reader
def test_no_examples_no_answers_no_call(name):
    llm = ScriptedLLM(echo)
    assert make(name, llm)([]) == []
    assert llm.calls == []


@every_reader
def test_what_is_spent_is_counted(name, examples):
    for answer in make(name, ScriptedLLM(echo))(examples):
        spent = dataclasses.asdict(answer.usage)
        assert all(value >= 0 for value in spent.values())
        assert answer.usage.seconds >= answer.usage.index_seconds + answer.usage.retrieve_seconds
        assert answer.usage.cached_tokens <= answer.usage.prompt_tokens
        assert (answer.usage.prompt_tokens > 0) == (answer.error is None)


@every_reader
def test_evidence_lies_in_the_document(name, examples):
    for example, answer in zip(examples, make(name, ScriptedLLM(echo))(examples), strict=True):
        for evidence in answer.evidence:
            assert evidence.document_id == example.document_id
            assert 0 <= evidence.start < evidence.end <= len(example.document.page_content)


@every_reader
def test_answers_can_be_kept(name, examples):
    answers = make(name, ScriptedLLM(echo))(examples)
    assert [decode(encode(answer)) for answer in answers] == answers


@every_reader
def test_a_reader_is_frozen_and_takes_a_seed(name):
    reader = make(name, ScriptedLLM(echo))
    with pytest.raises(dataclasses.FrozenInstanceError):
        reader.seed = 1
    seeded = dataclasses.replace(reader, seed=8)
    assert seeded.seed == 8
    assert "seed" in inspect.signature(type(reader)).parameters


def routed(name, examples, store=None):
    arms = [Counted("rag", 10), Counted("long", 1000)]
    held = arms if store is None else [StoredReader(arm, store, arm.name, arm.name) for arm in arms]
    router = load(ROUTERS[name])(*held, **settings_of(name))
    return router, arms


@every_router
def test_a_router_returns_one_answer_an_example_in_order(name, examples):
    router, _ = routed(name, examples)
    answers = router(examples)
    for example, answer in zip(examples, answers, strict=True):
        assert answer.text == f"{answer.route} {example.id}"
    assert router([]) == []


@every_router
def test_a_routers_cost_is_the_sum_of_what_it_called(name, examples):
    router, arms = routed(name, examples)
    for example, answer in zip(examples, router(examples), strict=True):
        called = Usage.total(arm.charged.get(example.id, Usage()) for arm in arms)
        deciding = router.llm.count(router.prompt(example)) if name == "pre-route" else 0
        assert answer.usage.prompt_tokens == called.prompt_tokens + deciding
        assert answer.usage.seconds == called.seconds
        assert answer.usage.prompt_tokens > 0


@every_router
def test_a_router_is_served_by_what_the_arms_have_stored(name, examples, tmp_path):
    store = Store(tmp_path)
    first, arms = routed(name, examples, store)
    for arm in (first.rag, first.long):
        arm(examples)
    asked = [dict(arm.charged) for arm in arms]
    second, _ = routed(name, examples, store)
    assert [answer.usage for answer in first(examples)] == [answer.usage for answer in second(examples)]
    assert [arm.charged for arm in arms] == asked
    store.close()


@every_router
def test_company_changes_no_route(name, examples):
    router, _ = routed(name, examples)
    together = [answer.route for answer in router(examples)]
    assert [router([example])[0].route for example in examples] == together


@every_router
def test_a_routers_answers_can_be_kept(name, examples):
    router, _ = routed(name, examples)
    answers = router(examples)
    assert [decode(encode(answer)) for answer in answers] == answers


def test_every_row_names_its_route(examples, tmp_path):
    """Through the store and the loop, as a run does it."""
    store = Store(tmp_path)
    readers = {n: StoredReader(make(n, ScriptedLLM(echo)), store, n, n) for n in READS}
    for name in ROUTERS:
        router = load(ROUTERS[name])(readers["rag"], readers["long"], **settings_of(name))
        readers[f"by {name}"] = StoredReader(router, store, name, name)
    documents = {example.document_id: example.document for example in examples}
    frame = compare(readers, Dataset("d", tuple(examples), documents, "r"))
    assert frame.height == len(readers) * len(examples)
    assert set(frame["route"]) == set(READS)
    assert frame.filter(frame["error"].is_not_null())["question"].unique().to_list() == ["fail"]
    store.close()


def test_the_wrappers_are_importable():
    assert all(inspect.isclass(load(target)) for target in WRAPPERS.values())

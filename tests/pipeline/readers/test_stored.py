from dataclasses import replace
from functools import partial

import pytest

from rlc.chunkers import RecursiveChunker
from rlc.data.errors import RlcError
from rlc.data.protocols import Generation
from rlc.data.records import Answer, Usage, Wording
from rlc.data.store import Store
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.closed import ClosedBookReader
from rlc.pipeline.readers.long import LongReader
from rlc.pipeline.readers.rag import RagReader
from rlc.pipeline.readers.support.stored import StoredReader
from rlc.retrievers import BM25Retriever


class Counting:
    """Answers with the question; a question that holds "fail" fails."""

    def __init__(self, route=""):
        self.asked, self.calls, self.route = [], 0, route

    def __call__(self, examples, /):
        self.calls += 1
        self.asked += [example.id for example in examples]
        return [
            Answer("", self.route, error="failed")
            if "fail" in e.question
            else Answer(e.question, self.route, usage=Usage(7))
            for e in examples
        ]


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    yield store
    store.close()


@pytest.fixture
def stored(store):
    """A factory of stored readers over one store; `.reader` counts what it is asked."""
    return lambda identity="i", name="arm", route="": StoredReader(
        partial(Counting, route), store, identity, name
    )


def test_the_second_call_asks_nothing(stored, make_example):
    reader = stored()
    examples = [make_example(c, f"{c}?") for c in "cab"]
    first = reader(examples)
    assert [answer.text for answer in first] == ["c?", "a?", "b?"]
    assert reader(examples) == first
    assert stored()(examples) == first
    assert reader.reader.asked == ["c", "a", "b"]


def test_only_the_missing_ones_are_asked_and_the_order_stays(stored, make_example):
    reader = stored()
    examples = [make_example(c, f"{c}?") for c in "abcd"]
    reader(examples[1:2] + examples[3:])
    assert [answer.text for answer in reader(examples)] == ["a?", "b?", "c?", "d?"]
    assert reader.reader.asked == ["b", "d", "a", "c"]


def test_a_failed_answer_is_returned_and_asked_again(stored, store, make_example):
    reader = stored()
    examples = [make_example("a", "a?"), make_example("b", "fail")]
    for _ in range(2):
        assert [answer.error for answer in reader(examples)] == [None, "failed"]
    assert reader.reader.asked == ["a", "b", "b"]
    assert len(store) == 1


def test_the_same_question_twice_in_one_call_is_asked_once(stored, make_example):
    reader = stored()
    example, failing = make_example("a", "a?"), make_example("b", "fail")
    answers = reader([example, failing, example, failing])
    assert [answer.text for answer in answers] == ["a?", "", "a?", ""]
    assert reader.reader.asked == ["a", "b"]


def test_routes(stored, make_example):
    assert stored("i", "arm")([make_example("a")])[0].route == "arm"
    assert stored("j", "router", route="long")([make_example("a")])[0].route == "long"
    assert stored("i", "renamed")([make_example("a")])[0].route == "renamed", (
        "a route is how this run calls it"
    )


def test_nothing_is_asked_for_no_questions(stored):
    reader = stored()
    assert reader([]) == []
    assert reader.reader.calls == 0


def test_the_key_holds_all_that_changes_the_answer(stored, make_example):
    reader, example = stored(), make_example("a", "Who?", "text", "d", kind="book")
    others = [
        make_example("b", "Who?", "text", "d", kind="book"),
        make_example("a", "Where?", "text", "d", kind="book"),
        make_example("a", "Who?", "other text", "d", kind="book"),
        make_example("a", "Who?", "text", "e", kind="book"),
        make_example("a", "Who?", "text", "d", kind="paper"),
        make_example("a", "Who?", "text", "d", kind="book", wording=Wording("{text}", "{question}", 3)),
        make_example("a", "Who?", "text", "d", kind="book", wording=Wording("{text}", "{question}", 4)),
    ]
    keys = [reader.keys([e])[0] for e in (example, *others)] + stored("other").keys([example])
    assert len(set(keys)) == len(keys)


def test_the_key_does_not_hold_what_changes_nothing(stored, make_example):
    example = make_example("a")
    scored = replace(example, answers=("gold",), task="comp", answerable=True, metadata={"x": 1})
    assert stored().keys([example]) == stored(name="other name").keys([scored])


def test_keys_in_one_call_are_those_of_single_calls(stored, make_example):
    reader = stored()
    examples = [make_example(c, text=f"text {i % 2}", document_id=str(i % 2)) for i, c in enumerate("abcd")]
    examples += [make_example(c, text=f"no id {c}", document_id=None) for c in "ef"]
    assert reader.keys(examples) == [key for e in examples for key in reader.keys([e])]


def test_half_a_character_in_a_document_has_a_key(stored, make_example):
    assert len(stored().keys([make_example("a", text="half \ud800")])) == 1


def test_a_deferred_reader_is_made_once_and_only_when_it_is_asked(store, make_example):
    made = []

    def make():
        made.append(Counting())
        return made[-1]

    reader = StoredReader(make, store, "i", "arm")
    examples = [make_example("a"), make_example("b", "fail")]
    assert reader([]) == []
    assert made == []
    reader(examples)
    reader(examples)
    assert len(made) == 1
    again = StoredReader(make, store, "i", "arm")
    again(examples[:1])
    assert len(made) == 1, "all its answers are stored"


def test_a_reader_that_returns_too_few_is_found_out(store, make_example):
    reader = StoredReader(lambda: lambda examples: [], store, "i", "arm")
    with pytest.raises(RlcError, match="arm returned 0 answers to 1 questions"):
        reader([make_example("a")])
    assert len(store) == 0


def test_answers_are_kept_one_by_one_as_they_are_completed(store, make_example):
    class Slow:
        def answer_as_completed(self, examples, /):
            yield 2, Answer("third", "")
            yield 0, Answer("first", "")
            raise KeyboardInterrupt

    reader = StoredReader(Slow, store, "i", "arm")
    examples = [make_example(c) for c in "abc"]
    with pytest.raises(KeyboardInterrupt):
        reader(examples)
    assert [example.id for example in reader.missing(examples)] == ["b"]


@pytest.mark.parametrize("reader", ["long", "closed", "rag"])
def test_an_engine_that_dies_leaves_what_it_answered(store, make_example, reader):
    class Dying(ScriptedLLM):
        def generate_as_completed(self, prompts, sampling):
            yield 0, Generation("one")
            yield 1, Generation("two")
            raise MemoryError

    llm = Dying({})
    readers = {
        "long": LongReader(llm),
        "closed": ClosedBookReader(llm),
        "rag": RagReader(RecursiveChunker(16), BM25Retriever.from_documents, llm),
    }
    stored = StoredReader(lambda: readers[reader], store, "i", "arm")
    with pytest.raises(MemoryError):
        stored([make_example(c, "Who swims?", "A tiger swims.") for c in "abc"])
    assert len(store) == 2


def test_details_that_cannot_be_kept_fail_their_answer_only(store, make_example):
    def answer(examples, /):
        return [Answer(e.id, "", details={"x": object() if e.id == "a" else 1}) for e in examples]

    first, second = StoredReader(lambda: answer, store, "i", "arm")([make_example("a"), make_example("b")])
    assert first.error.startswith("DataError: cannot keep an answer: its details must be plain data")
    assert (second.error, len(store)) == (None, 1)


def test_an_unreadable_answer_is_named_and_asked_again(stored, store, make_example):
    reader = stored()
    examples = [make_example(c, f"{c}?") for c in "ab"]
    first = reader(examples)
    store.write({reader.keys(examples)[0]: "0123 damaged"})
    with pytest.warns(UserWarning, match="1 stored answers of arm cannot be read and are asked again: a$"):
        assert [example.id for example in reader.missing(examples)] == ["a"]
    assert reader(examples) == first
    assert reader.missing(examples) == []

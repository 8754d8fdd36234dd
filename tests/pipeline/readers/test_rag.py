import time

import pytest
from langchain_core.documents import BaseDocumentCompressor, BaseDocumentTransformer, Document
from langchain_core.retrievers import BaseRetriever

from rlc.chunkers import RecursiveChunker
from rlc.data.protocols import Prompt
from rlc.data.records import Example, Wording, passages_of
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.rag import RagReader
from rlc.pipeline.readers.support.asking import QUESTION_ROOM
from rlc.retrievers import BM25Retriever
from rlc.retrievers.prune.lexical import LexicalPruner
from rlc.retrievers.select import Top

ANIMALS = {
    "zoo": "The lion sleeps all day. A tiger swims in the river. The zebra has stripes. Ravens solve riddles.",
    "farm": "The goat eats shirts. A horse pulls the cart. The duck swims in the pond. Bees make honey here.",
}
SAID = ScriptedLLM(lambda prompt: prompt.prefix)


def index(documents):
    return BM25Retriever.from_documents(documents, k=3)


def make(llm=SAID, **settings):
    return RagReader(**{"chunker": RecursiveChunker(size=8), "retriever": index, "llm": llm, **settings})


def ask(make_example, question, name="zoo", id_=None):
    return make_example(id_ or f"{name}-{question}", question, ANIMALS[name], name)


class Watch:
    """An index that counts how often it is made, of how many chunks."""

    def __init__(self):
        self.sizes = []

    def __call__(self, documents):
        self.sizes.append(len(documents))
        time.sleep(0.01)
        return index(documents)


class Keep(BaseDocumentCompressor):
    """Keeps the first so many, and remembers the query."""

    top: int
    seen: list

    def compress_documents(self, documents, query, callbacks=None):
        self.seen.append((query, len(documents)))
        return list(documents)[: self.top]


def test_evidence_is_slices_of_the_document(make_example):
    examples = [ask(make_example, q, name) for q in ("Who swims?", "Who eats all day?") for name in ANIMALS]
    for example, answer in zip(examples, make()(examples), strict=True):
        assert answer.error is None
        for evidence in answer.evidence:
            assert evidence.document_id == example.document_id
            slice_ = ANIMALS[evidence.document_id][evidence.start : evidence.end]
            assert f": {slice_}\n\n" in answer.text
            assert evidence.score > 0
        assert list(answer.evidence) == sorted(answer.evidence, key=lambda e: -e.score)


def test_the_right_passage_comes_first(make_example):
    [answer] = make()([ask(make_example, "Which animal swims in the river?")])
    best = answer.evidence[0]
    assert "tiger swims" in ANIMALS["zoo"][best.start : best.end]


def test_answers_keep_the_order_of_interleaved_documents(make_example):
    llm = ScriptedLLM(lambda prompt: ("zoo" if "tiger" in prompt.prefix else "farm") + prompt.question)
    examples = [ask(make_example, q, name) for q in ("Who swims in?", "swims in What?") for name in ANIMALS]
    answers = make(llm)(examples)
    assert [a.text for a in answers] == [
        f"{e.document_id}Question: {e.question}\n\nBe concise." for e in examples
    ]
    assert len(llm.calls) == 1


def test_a_document_is_indexed_once_and_its_first_question_pays(make_example):
    watch = Watch()
    examples = [ask(make_example, q, name) for q in ("Who swims?", "Who eats?") for name in ANIMALS]
    costs = [answer.usage for answer in make(retriever=watch)(examples)]
    assert len(watch.sizes) == 2
    assert [usage.index_seconds > 0.009 for usage in costs] == [True, True, False, False]
    assert [usage.index_seconds for usage in costs[2:]] == [0, 0]
    assert all(usage.retrieve_seconds > 0 for usage in costs)
    assert all(usage.seconds >= usage.index_seconds + usage.retrieve_seconds for usage in costs)


def test_model_tokens_spent_on_the_chunks_are_charged_once(make_example):
    class Costly(BaseDocumentTransformer):
        def transform_documents(self, documents, **kwargs):
            chunks = RecursiveChunker(size=8).transform_documents(documents)
            return [
                Document(**{**c.model_dump(), "metadata": {**c.metadata, "index_tokens": 10 * (i < 2)}})
                for i, c in enumerate(chunks)
            ]

    answers = make(chunker=Costly())([ask(make_example, q) for q in ("Who swims?", "Who sleeps?")])
    assert [answer.usage.index_tokens for answer in answers] == [20, 0]


def test_steps_are_applied_in_turn(make_example):
    first, second = Keep(top=2, seen=[]), Keep(top=1, seen=[])
    [answer] = make(steps=(first, second))([ask(make_example, "Who swims in the river?")])
    assert first.seen == [("Who swims in the river?", 3)]
    assert second.seen == [("Who swims in the river?", 2)]
    assert len(answer.evidence) == 1


def test_the_reading_order_is_the_prompts_alone(make_example):
    question = ask(make_example, "the river stripes lion")
    relevance, document = (make(order=order)([question])[0] for order in ("relevance", "document"))
    assert relevance.evidence == document.evidence
    places = [ANIMALS["zoo"].find(part.split(": ", 1)[1]) for part in document.text.split("\n\n")[1:-1]]
    assert places == sorted(places)
    assert relevance.text != document.text


def one_token_short(whole, example):
    """A window in which the passages of `whole` miss their room by one token."""
    asked = SAID.tokenizer.count(f"Question: {example.question}\n\nBe concise.")
    return whole.usage.prompt_tokens - asked + QUESTION_ROOM + 16 + 64 - 1


def test_passages_that_do_not_fit_are_dropped_and_counted(make_example):
    question = ask(make_example, "the river stripes lion")
    [whole] = make()([question])
    llm = ScriptedLLM({"": "x"}, window=one_token_short(whole, question))
    [cut] = make(llm)([question])
    assert cut.error is None
    assert 0 < len(cut.evidence) < len(whole.evidence)
    assert cut.evidence == whole.evidence[: len(cut.evidence)]
    lost = whole.evidence[len(cut.evidence) :]
    assert cut.usage.cut_tokens == sum(llm.tokenizer.count(ANIMALS["zoo"][e.start : e.end]) for e in lost)
    assert cut.usage.prompt_tokens + 64 <= llm.window


def test_refusing_is_a_row_with_what_was_spent(make_example):
    question = ask(make_example, "the river stripes lion")
    llm = ScriptedLLM({"": "x"}, window=one_token_short(make()([question])[0], question))
    refused, nothing = make(llm, overflow="refuse")([question, ask(make_example, "xylophone")])
    assert refused.error.startswith("ContextOverflowError: 3 passages have")
    assert refused.usage.index_seconds > 0
    assert refused.usage.seconds >= refused.usage.index_seconds
    assert nothing.error.startswith("NothingRetrieved: no passage shares a word with it")
    assert nothing.usage.retrieve_seconds > 0


def test_a_question_that_finds_nothing_fails_alone_and_is_not_asked(make_example):
    llm = ScriptedLLM({"": "I do not know"})
    nothing, fine = make(llm)([ask(make_example, "xylophone"), ask(make_example, "Who swims?")])
    assert nothing.error == "NothingRetrieved: no passage shares a word with it, or a step left none"
    assert (nothing.text, nothing.evidence, nothing.usage.prompt_tokens) == ("", (), 0)
    assert (fine.text, fine.error) == ("I do not know", None)
    assert [len(call.prompts) for call in llm.calls] == [1]


def test_passages_none_of_which_fits_fail_their_question(make_example):
    question = ask(make_example, "the river stripes lion")
    [whole] = make()([question])
    lost = sum(SAID.tokenizer.count(ANIMALS["zoo"][e.start : e.end]) for e in whole.evidence)
    llm = ScriptedLLM({"": "x"}, window=one_token_short(whole, question) - lost)
    [answer] = make(llm)([question])
    assert answer.error.startswith(
        "ContextOverflowError: no room for a passage: nothing is left of the window"
    )
    assert llm.calls == []


@pytest.mark.parametrize("text", ["", "  \n "])
def test_an_empty_document_fails_alone(make_example, text):
    failed, fine = make()([make_example("a", text=text, document_id="a"), ask(make_example, "Who swims?")])
    assert failed.error.startswith("DataError: ")
    assert fine.error is None


def test_two_documents_without_an_id_are_two_documents(make_example):
    first, second = make()([make_example(name, "Who swims?", text, None) for name, text in ANIMALS.items()])
    assert "tiger" in first.text
    assert "duck" in second.text
    assert first.evidence[0].document_id != second.evidence[0].document_id


def test_another_librarys_retriever_will_do(make_example):
    class First(BaseRetriever):
        documents: list

        def _get_relevant_documents(self, query, *, run_manager):
            return [Document(page_content="no place in any document"), *self.documents[:1]]

    [answer] = make(retriever=lambda documents: First(documents=documents))([ask(make_example, "Who swims?")])
    assert "no place in any document" in answer.text
    assert [(e.start, e.score) for e in answer.evidence] == [(0, None)], "what has no place is no evidence"


def test_no_questions():
    assert make()([]) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"order": "best"}, "order must be one of"), ({"overflow": "tail"}, "overflow must be one of")],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        make(**settings)


def test_evidence_of_pruned_passages_is_what_was_kept_of_them(make_example):
    whole, pruned = (
        make(chunker=RecursiveChunker(size=40), steps=steps)([ask(make_example, "Who swims in the river?")])[
            0
        ].evidence
        for steps in ([], [LexicalPruner()])
    )
    [piece] = pruned
    assert ANIMALS["zoo"][piece.start : piece.end].strip() == "A tiger swims in the river."
    assert passages_of(pruned) == whole
    assert passages_of(whole) == whole


def test_the_authors_wording_goes_to_the_model_and_not_to_the_search(make_example):
    searched = []

    class Search(BaseRetriever):
        def _get_relevant_documents(self, query, *, run_manager):
            searched.append(query)
            return [Document(id="p", page_content="The lion sleeps.")]

    llm = ScriptedLLM(lambda prompt: "A")
    wording = Wording("Passages:\n{text}\n", "Choose A or B. {question}", 3)
    example = make_example("a", "Who sleeps?", ANIMALS["zoo"], wording=wording)
    make(llm, retriever=lambda documents: Search())([example])
    [call] = llm.calls
    assert call.prompts == (Prompt("Passages:\nThe lion sleeps.\n", "Choose A or B. Who sleeps?"),)
    assert (searched, call.max_tokens) == (["Who sleeps?"], 3)


def test_its_prompts_are_those_of_stored_answers():
    """A hash that was taken before searching stood on its own."""
    text = (
        "Ann saw a cat in the harbour. Bob saw a dog in the old town hall. " * 4 + "Cyd saw it rain in Paris."
    )
    document = Document(id="d", page_content=text, metadata={"kind": "book"})
    settings = {"order": "document", "instruction": "Say it."}
    reader = RagReader(
        RecursiveChunker(size=16),
        BM25Retriever.from_documents,
        ScriptedLLM({"": "Bob"}),
        [Top(k=2)],
        **settings,
    )
    [answer] = reader([Example("1", "Who saw a dog in the hall?", document)])
    assert answer.prompt_hash == "a1df74f45a4023abffe8f789010cd6d8"
    assert [(one.start, one.end) for one in answer.evidence] == [(162, 198), (228, 264)]
    assert answer.usage.prompt_tokens == 70

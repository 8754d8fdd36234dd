"""What readers say beforehand is a bound: no answer is given more tokens, whatever cuts, finds and refines."""

import pytest
from stand_ins import build, settings_of

from rlc.chunkers import CHUNKERS, RecursiveChunker
from rlc.data.lazy import load
from rlc.data.loads import Foreseeable
from rlc.pipeline.families import CHUNKER, READER, RETRIEVER
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers import READERS
from rlc.pipeline.readers.long import LongReader
from rlc.pipeline.readers.rag import RagReader
from rlc.retrievers import RETRIEVERS, BM25Retriever
from rlc.retrievers.prune import PRUNERS
from rlc.retrievers.select import Top

TEXT = "".join(
    f"# Part {i}\n\nAnn saw {i} cats in the harbour. The lamp burnt until morning, and Bob wrote it down.\n\n"
    for i in range(40)
)
QUESTIONS = ["Who saw the cats?", "Who wrote about the lamp?", "What is part 7?"]


class Letters:
    """A tokenizer of single letters: far more tokens than the chunkers count."""

    name = "letters"

    def count(self, text):
        return len(text)

    def offsets(self, text):
        return [(i, i + 1) for i in range(len(text))]


BM25 = BM25Retriever.from_documents
SCALES = [256, 64, 16]


@pytest.fixture(scope="module")
def examples(make_example):
    return [make_example(str(i), question, TEXT) for i, question in enumerate(QUESTIONS)]


def bounded(reader, examples):
    """The tokens that were given and written at most, as was said beforehand; checks that they were."""
    loads = reader.reads(examples)
    assert reader.llm.calls == [], "it asks nothing"
    answers = reader(examples)
    assert all(answer.error is None for answer in answers)
    given = sum(answer.usage.prompt_tokens for answer in answers)
    assert given <= sum(load.questions * load.length for load in loads)
    assert sum(a.usage.output_tokens for a in answers) <= sum(x.questions * x.answer_tokens for x in loads)
    return given, loads


def engine(tokenizer=None):
    return ScriptedLLM({"": "Ann."}, window=10**6, tokenizer=tokenizer)


@pytest.mark.parametrize("tokenizer", [None, Letters()], ids=["one tokenizer", "another's tokens"])
@pytest.mark.parametrize("name", sorted(CHUNKERS))
def test_no_chunk_is_larger_than_its_chunker_says(name, tokenizer, examples):
    chunker = build(CHUNKER, name, sizes=SCALES, overlap=8)
    always = build(RETRIEVER, "dense")  # finds passages even where their model wrote of something else
    given, loads = bounded(RagReader(chunker, always, engine(tokenizer)), examples)
    assert given > 0
    assert len(loads) == len(examples)


@pytest.mark.parametrize("name", sorted(CHUNKERS))
def test_no_chunker_asks_a_model_more_than_it_says(name, make_example):
    document = make_example("1", "Who?", TEXT).document
    chunker = build(CHUNKER, name, sizes=SCALES, overlap=8)
    loads = chunker.prepares(document)
    spent = sum(chunk.metadata.get("index_tokens", 0) for chunk in chunker.split(document))
    assert spent <= sum(load.questions * (load.length + load.answer_tokens) for load in loads)
    assert bool(spent) == bool(loads)


@pytest.mark.parametrize("name", sorted(RETRIEVERS))
def test_no_retriever_hands_out_more_than_it_says(name, examples):
    cutter = build(CHUNKER, "hierarchy", sizes=SCALES)
    bounded(RagReader(cutter, build(RETRIEVER, name), engine()), examples)


@pytest.mark.parametrize("name", [name for name in READERS if "llm" in settings_of(READER, name)])
def test_no_reader_reads_more_than_it_says(name, examples):
    reader = build(READER, name, "Ann.")
    if isinstance(reader, Foreseeable) and reader.reads(examples) is not None:
        bounded(reader, examples)


@pytest.mark.parametrize("name", ["rag", "long", "closed"])
def test_readers_of_one_call_say_what_they_read(name, examples):
    assert build(READER, name, "Ann.").reads(examples)


def test_a_bound_is_near(examples):
    """Small chunks in full rows: what is said is not more than twice what is read."""
    given, loads = bounded(RagReader(RecursiveChunker(size=64), BM25, engine()), examples)
    assert sum(load.questions * load.length for load in loads) < 2 * given


@pytest.mark.parametrize("name", ["lexical"])
def test_pruners_and_selectors_let_through_no_more(name, examples):
    steps = [Top(k=2), load(PRUNERS[name])()]
    _, loads = bounded(RagReader(RecursiveChunker(size=64), BM25, engine(), steps), examples)
    assert {one.tokens for one in loads} == {2 * 64}
    bounded(LongReader(engine(), steps[1:]), examples)
    bounded(LongReader(engine(), steps[1:], RecursiveChunker(size=64)), examples)


def test_what_does_not_fit_is_not_counted(examples):
    reader = RagReader(RecursiveChunker(size=64), BM25, ScriptedLLM({"": "Ann."}, window=512), max_tokens=8)
    assert all(load.length + load.answer_tokens <= 512 + 64 for load in reader.reads(examples))
    [long] = LongReader(ScriptedLLM({"": "Ann."}, window=512)).reads(examples)
    assert long.cut_tokens > 0
    assert long.questions == len(examples)


def test_foreign_parts_say_nothing(examples):
    class Foreign:
        def transform_documents(self, documents):
            return documents

    assert RagReader(Foreign(), BM25, engine()).reads(examples) is None
    assert RagReader(RecursiveChunker(), lambda chunks: BM25(chunks), engine()).reads(examples) is None
    repeating = RecursiveChunker(size=64, overlap=8)
    assert LongReader(engine(), [Top(k=2)], repeating).reads(examples) is None

"""Recall against tokens read, by hand on two tiny documents."""

import zlib
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document

from rlc.chunkers import HierarchyChunker, LateChunker, RecursiveChunker, SentenceChunker, TreeChunker
from rlc.data.errors import DataError
from rlc.data.protocols import TokenEmbeddings
from rlc.data.records import Dataset
from rlc.data.tokens import ApproximateTokenizer
from rlc.experiments.chunk_lab.quality import curves, questions, read_as, table
from rlc.experiments.chunk_lab.ranks import by, fewest_tokens
from rlc.experiments.metrics.evidence import holds
from rlc.experiments.study.chunking import ORACLE, RANDOM
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.retrievers.bm25 import BM25Retriever
from rlc.retrievers.dense import DenseRetriever

COUNT = ApproximateTokenizer()
LAMP = (
    "The lamp was lit by Ada Lowe. The mill cost 1,200 crowns. It ran for years. The barn cost 4,500 crowns."
)
SHIP = (
    "The ship was bought by Tom Reed. Its mast was tall. The crew ate bread. The sail was sewn by Eve Hall."
)
BUDGETS = (10, 20, 40)


class Words:
    """Counts words by hash: texts that share words are near."""

    name, dimension, window, pooling, tokenizer = "words", 32, 100, "mean", COUNT

    def encode_documents(self, texts):
        vectors = np.full((len(texts), self.dimension), 1e-3, dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in text.lower().split():
                row[zlib.crc32(word.encode()) % self.dimension] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    encode_queries = encode_documents

    def encode_tokens(self, texts):
        found = []
        for text in texts:
            offsets = COUNT.offsets(text)
            vectors = self.encode_documents([text[a:b] for a, b in offsets])
            found.append(TokenEmbeddings(vectors, np.array(offsets, dtype=np.int64)))
        return found


@pytest.fixture
def asked(make_example):
    made = partial(make_example, task="location", answerable=True)
    return [
        made("l1", "Who was the lamp lit by?", LAMP, "lamp", answers=("Ada Lowe",)),
        made("l2", "What did mill and barn cost?", LAMP, "lamp", answers=("1,200 and 4,500",)),
        made("s1", "Who was the ship bought by?", SHIP, "ship", kind="paper", answers=("Tom Reed",)),
        made("s2", "Who was the sail sewn by?", SHIP, "ship", kind="paper", answers=("Eve Hall",)),
    ]


@pytest.fixture
def rankings():
    return {
        "bm25": by(BM25Retriever.from_documents),
        "dense": by(partial(DenseRetriever.from_documents, encoder=Words())),
    }


def dataset(examples):
    return Dataset("made", tuple(examples), {e.document_id: e.document for e in examples}, "1")


def test_recall_and_tokens_by_hand(asked, rankings):
    chunker = SentenceChunker(size=10)
    sizes = [COUNT.count(chunk.page_content) for chunk in chunker.split(asked[0].document)]
    assert sizes == [8, 8, 5, 8]
    found = {c.ranking: c.readings for c in curves("s", chunker, rankings, asked, COUNT, BUDGETS)}
    first, both, *_ = found["bm25"]
    assert first.needed == 8
    assert dict(first.read) == {10: 8, 20: 16, 40: 24}  # "It ran for years." shares no word with the question
    assert both.needed == 16  # two chunks, together
    assert [both.hit(budget) for budget in BUDGETS] == [0, 1, 1]
    assert both.mean_hit() == pytest.approx(2 / 3)
    assert [reading.needed for reading in found[ORACLE]] == [8, 16, 8, 8]
    assert all(reading.whole == COUNT.count(LAMP) for reading in found[RANDOM][:2])


def test_a_chunk_that_does_not_fit_ends_the_reading(asked, rankings):
    [first, *_] = next(
        c.readings for c in curves("s", SentenceChunker(size=10), rankings, asked, COUNT, [5, 7])
    )
    assert dict(first.read) == {5: 0, 7: 0}
    assert not first.hit(7)


def test_children_are_found_and_parents_read(asked, rankings):
    chunker = HierarchyChunker(sizes=[20, 10])
    for curve in curves("h", chunker, rankings, asked, COUNT, [20]):
        sizes = {
            "lamp": {0, 16, 13},
            "ship": {18, 8},
        }  # of the parents; the oracle reads 0 where one is too few
        assert all(reading.read[20] in sizes[reading.document] for reading in curve.readings)
    chunks = chunker.split(asked[0].document)
    passages = read_as(chunks, LAMP)
    assert "".join(passage.page_content for passage in passages) == LAMP
    assert len(passages) < len(chunks)


def test_a_summary_is_read_as_it_was_written(asked, rankings):
    llm = ScriptedLLM({"": "Ada lit it in all."})
    chunker = TreeChunker(llm=llm, segment=8, children=2)
    chunks = chunker.split(asked[0].document)
    read = {passage.page_content for passage in read_as(chunks, LAMP)}
    assert "Ada lit it in all." in read
    assert LAMP not in read, "the root's slice, which no reader gets"
    for curve in curves("t", chunker, rankings, asked, COUNT, [20]):
        assert len(curve.readings) == len(asked)


def test_late_vectors_reach_the_index(asked, rankings):
    late = LateChunker(Words(), inner=SentenceChunker(size=10), window=40, overlap=5)
    found = {c.ranking: c for c in curves("late", late, rankings, asked, COUNT, BUDGETS)}
    assert set(found) == {"bm25", "dense", RANDOM, ORACLE}


@given(
    texts=st.lists(st.text("ab ", min_size=1, max_size=8), max_size=6),
    gold=st.lists(st.sampled_from(["a", "b", "ab", "ba"]), min_size=1, max_size=3, unique=True),
)
def test_no_set_of_chunks_beats_the_oracle(texts, gold):
    chunks = [Document(id=str(i), page_content=text) for i, text in enumerate(texts)]
    tokens = {str(i): len(text) for i, text in enumerate(texts)}
    best = fewest_tokens(chunks, tokens, gold)
    costs = []
    for mask in range(1, 2 ** len(chunks)):
        chosen = [chunk for i, chunk in enumerate(chunks) if mask >> i & 1]
        if all(any(holds(chunk.page_content, (g,)) for chunk in chosen) for g in gold):
            costs.append(sum(tokens[chunk.id] for chunk in chosen))
    assert sum(tokens[chunk.id] for chunk in best) == min(costs, default=0)


def test_oracle_is_above_and_more_tokens_never_hurt(asked, rankings):
    rows = table(curves("r", RecursiveChunker(size=10), rankings, asked, COUNT, BUDGETS))
    oracle = next(row for row in rows if row.ranking == ORACLE)
    for row in rows:
        recalls = [point.recall.value for point in row.points]
        assert recalls == sorted(recalls)
        assert all(
            mine.recall.value <= best.recall.value
            for mine, best in zip(row.points, oracle.points, strict=True)
        )
        assert all(point.tokens <= point.budget and 0 <= point.share <= 1 for point in row.points)


def test_gains_are_on_the_first_chunker_and_corrected(asked, rankings):
    measured = [
        curve
        for name, size in (("small", 10), ("large", 40))
        for curve in curves(name, SentenceChunker(size=size), rankings, asked, COUNT, BUDGETS)
    ]
    gains = {(row.chunker, row.ranking): row.gain for row in table(measured)}
    assert {key for key, gain in gains.items() if gain is not None} == {("large", "bm25"), ("large", "dense")}
    gain = gains["large", "bm25"]
    small, large = (c.readings for c in measured if c.ranking == "bm25")
    assert gain.value == pytest.approx(
        np.mean([b.mean_hit() - a.mean_hit() for a, b in zip(small, large, strict=True)])
    )
    assert gain.p_holm is not None
    assert gain.clusters == 2


def test_same_seed_same_random_rows(asked):
    first, again, other = (
        curves("s", SentenceChunker(size=10), {}, asked, COUNT, BUDGETS, seed) for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_questions_are_those_that_the_rule_decides(asked, make_example):
    other = make_example(
        "x", "Why?", LAMP, "lamp", task="location", answers=("Since nobody could tell why it ran",)
    )
    hallucination = make_example("h", "Who?", LAMP, "lamp", task="hallu", answers=("Ada Lowe",))
    everything = dataset([*asked, other, hallucination])
    assert [example.id for example in questions(everything)] == ["l1", "l2", "s1", "s2"]
    assert len({example.document_id for example in questions(everything, documents=1)}) == 1
    with pytest.raises(DataError, match="none of the 1 location questions can be decided by rule"):
        questions(dataset([other, hallucination]))
    with pytest.raises(ValueError, match="at least 1 document"):
        questions(everything, documents=0)


@pytest.mark.parametrize("budgets", [[], [0], [100, -1]])
def test_budgets_must_be_positive(asked, budgets):
    with pytest.raises(ValueError, match="at least 1 token"):
        curves("s", SentenceChunker(size=10), {}, asked, COUNT, budgets)

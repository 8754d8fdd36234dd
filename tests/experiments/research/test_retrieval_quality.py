import pytest
from langchain_core.documents import Document

from rlc.chunkers import FixedChunker
from rlc.data.records import Example
from rlc.data.tokens import ApproximateTokenizer
from rlc.experiments.research.retrieval_quality import (
    Method,
    at_random,
    by,
    by_kind,
    cut,
    evaluate,
    from_the_start,
    line,
    oracle,
    tuning_documents,
)
from rlc.retrievers.bm25 import BM25Retriever

TOKENIZER = ApproximateTokenizer()
TEXT = " ".join(f"filler{i} words here too." for i in range(9)) + " The tower cost 12345 crowns."


def example(i=0, length="32k"):
    document = Document(id=f"d{i}", page_content=TEXT, metadata={"kind": "book", "length": length})
    return Example(
        id=f"q{i}", question="What did the tower cost?", document=document, answers=("12345 crowns",)
    )


GOLD = {f"q{i}": ("12345",) for i in range(9)}


def run(rank, per_k=1):
    cuts = cut(FixedChunker(size=8, tokenizer=TOKENIZER), [example()], TOKENIZER)
    [row] = evaluate(Method("m", cuts, rank, per_k), GOLD)
    return row


def test_bm25_and_oracle_find_at_once_what_the_first_chunks_find_last():
    assert run(by(BM25Retriever.from_documents)).first <= 2, "the sentence may be cut before its number"
    assert run(oracle(GOLD)).first == 1
    first = run(from_the_start)
    assert first.first > 5
    assert (first.hit(5), first.hit(10)) == (0.0, float(first.first <= 10))


def test_small_chunks_count_together():
    alone, together = run(from_the_start), run(from_the_start, per_k=3)
    assert together.first == -(-alone.first // 3)
    assert together.read[1] == pytest.approx(alone.read[3])


def test_tokens_read_by_hand():
    row = run(from_the_start)
    assert row.read[1] == pytest.approx(8 / TOKENIZER.count(TEXT))


def test_chance_is_seeded():
    assert run(at_random(0)) == run(at_random(0))


def test_half_of_each_sort_is_for_tuning():
    examples = [example(i, "32k" if i < 4 else "128k") for i in range(8)]
    chosen = tuning_documents(examples)
    assert len(chosen & {f"d{i}" for i in range(4)}) == len(chosen & {f"d{i}" for i in range(4, 8)}) == 2


def test_a_line_says_how_far_it_is_from_the_baseline_and_the_baseline_says_nothing():
    rows = {
        name: [row for i in range(8) for row in evaluate(Method(name, cuts_of(i), rank), GOLD)]
        for name, rank in (("oracle", oracle(GOLD)), ("first", from_the_start))
    }
    assert "| +0.000" not in line("oracle", rows["oracle"], rows["oracle"])
    assert " |  | " in line("oracle", rows["oracle"], rows["oracle"])
    assert "| -1.000 [" in line("first", rows["first"], rows["oracle"])


def cuts_of(i):
    return cut(FixedChunker(size=8, tokenizer=TOKENIZER), [example(i)], TOKENIZER)


def test_who_found_what_by_kind_of_document():
    cuts = cuts_of(0)
    found, missed = (evaluate(Method("m", cuts, rank), GOLD) for rank in (oracle(GOLD), from_the_start))
    text = by_kind(cuts, GOLD, found, missed)
    # Of "what", "did", "tower" and "cost" the chunk that the oracle takes holds the last.
    assert text.splitlines()[-1] == "| book | 1 | 0 | 1 | 0 | 0 | 25% |"

"""Loaders of talks, histories, positions and evidence: what upstream's rows ask of a reader."""

from pathlib import Path

import pytest

from rlc.chunkers import PassagesChunker
from rlc.data.datasets import load_dataset
from rlc.data.errors import DataError, UsageError

FIXTURES = Path(__file__).parent / "fixtures"


def loaded(words):
    return load_dataset(words, FIXTURES / words.partition(":")[0].partition(",")[0])


def said(example):
    return [example.document.page_content[piece.start : piece.end] for piece in example.gold]


def test_locomo_marks_turns_and_knows_what_is_not_told():
    first, second, third = loaded("locomo").examples
    assert said(first) == ['Ann said, "I paint and camp."']
    assert len(said(second)) == 2
    assert (second.answers, third.answers, third.answerable) == (("2022",), (), False)
    chunks = PassagesChunker().split(first.document)
    assert [chunk.page_content.split("\n")[0] for chunk in chunks] == ["DATE: 1 May", "DATE: 2 May"]
    assert {example.task for example in loaded("locomo:temporal").examples} == {"temporal"}


def test_longmemeval_has_dates_for_a_filter_and_gold_turns():
    first, second = loaded("longmemeval").examples
    assert said(first) == ["user: I have 3 lamps."]
    assert [chunk.metadata["date"] for chunk in PassagesChunker().split(first.document)] == [
        "2023/05/01",
        "2023/05/02",
    ]
    assert (first.answers, second.answerable) == (("3",), False)
    assert second.answers, "why it is not answered"
    assert "Current Date: 2023/05/30" in first.wording.asked("?")
    with pytest.raises(UsageError, match="size must be one of oracle, s, m"):
        loaded("longmemeval,size=xl")


def test_a_pair_is_moved_through_the_text_and_a_passage_is_marked():
    examples = [one for one in loaded("lost-in-the-middle:kv,positions=3").examples if one.question == "b"]
    assert [one.metadata["depth"] for one in examples] == ["0", "50", "100"]
    assert [said(one) for one in examples] == [['"b": "2"']] * 3
    question = loaded("lost-in-the-middle:qa").examples[0]
    assert (question.metadata["depth"], len(question.document.metadata["passages"])) == ("50", 3)
    assert "Passage number 1 says Ann" in said(question)[0]


def test_loogle_reads_literals_and_marks_what_stands_in_the_text():
    [cloze] = loaded("loogle:shortdep_cloze").examples
    assert cloze.answers == ('{"<mask-0>": "the lamp"}',)
    assert said(cloze) == ["Ann lit the lamp."]
    assert [len(said(one)) for one in loaded("loogle:longdep_qa").examples] == [1, 0]


def test_leval_asks_many_questions_of_one_document():
    first, second = loaded("leval:quality").examples
    assert first.document is second.document
    assert (first.answers, second.answers) == (("B",), ())


@pytest.mark.parametrize(
    ("words", "file", "text", "fault"),
    [
        (
            "leval:tpo",
            "tpo.jsonl",
            '{"instructions": ["a"], "outputs": [], "input": "x"}',
            "as many 'outputs'",
        ),
        (
            "loogle:longdep_qa",
            "longdep_qa.jsonl",
            '{"input": "x", "qa_pairs": "[exit()]"}',
            "line 1: expected a list",
        ),
        (
            "longmemeval",
            "longmemeval_s.json",
            '[{"question_id": "q"}]',
            "expected as many ids, dates and sessions",
        ),
        ("locomo", "locomo10.json", "[{}]", "expected LoCoMo's list of talks"),
    ],
)
def test_broken_rows_are_named(tmp_path, words, file, text, fault):
    (tmp_path / file).write_text(text)
    with pytest.raises(DataError, match=fault):
        load_dataset(words, tmp_path)


def test_a_damaged_archive_is_named(tmp_path):
    (tmp_path / "kv-retrieval-75_keys.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(DataError, match="is damaged"):
        load_dataset("lost-in-the-middle:kv", tmp_path)

"""Loaders of passages, turns, pools and lists: what upstream's rows ask of a reader, set by set."""

from pathlib import Path

import pytest

from rlc.chunkers import PassagesChunker
from rlc.data.datasets import load_dataset
from rlc.data.errors import DataError, UsageError
from rlc.data.sets.loading import read_table

FIXTURES = Path(__file__).parent / "fixtures"


def loaded(words):
    return load_dataset(words, FIXTURES / words.partition(":")[0].partition(",")[0])


def said(example):
    return [example.document.page_content[piece.start : piece.end] for piece in example.gold]


def test_lveval_keeps_the_first_answer_and_the_keywords():
    first, second = loaded("lveval:hotpotwikiqa_mixup").examples
    assert (first.answers, first.metadata["gold_ans"]) == (("Ann, with care",), "Ann")
    assert first.document is second.document
    assert len(PassagesChunker().split(first.document)) == 2


def test_helmet_chooses_a_file_by_its_passages_and_marks_those_with_the_answer():
    [small], [large] = loaded("helmet:nq").examples, loaded("helmet:nq,k=50").examples
    assert (small.answers, large.answers) == (("Ann",), ("Bob",))
    assert said(small) == ["Document (Title: Lamps): Ann keeps a lamp."]
    [ranking] = loaded("helmet:msmarco").examples
    assert (ranking.answers, ranking.metadata["qrels"]) == (("12 > 11",), {"11": 0, "12": 2})
    with pytest.raises(DataError, match=r"expected nq-dev\*.jsonl with k9"):
        loaded("helmet:nq,k=9")


def test_lciteeval_numbers_its_passages():
    first, second = loaded("lciteeval:hotpotqa").examples
    assert first.document.page_content == "[1] Ann keeps a lamp.\n\n[2] Bob keeps a boat."
    assert second.answers == ("1",)
    [needle] = loaded("lciteeval:niah").examples
    assert said(needle) == ["[2] Eat a sandwich in the park."]
    assert loaded("lciteeval:counting_stars").examples[0].answers == ("3", "5")


def test_scbench_asks_its_turns_of_one_document():
    first, second = loaded("scbench:scbench_kv").examples
    assert first.document is second.document
    assert [one.metadata["turn"] for one in (first, second)] == ["1", "2"]
    [choice] = loaded("scbench:scbench_choice_eng").examples
    assert choice.answers == ("a lamp", "B")
    assert "B. a lamp\n" in choice.wording.asked(choice.question)


def test_loft_makes_a_corpus_of_passages_with_ids():
    [asked] = loaded("loft:nq").examples
    [found] = loaded("loft:retrieval-nq").examples
    assert (asked.answers, found.answers) == (("Ann",), ("doc1",))
    assert said(asked) == ["ID: doc1 | TITLE: Lamps | CONTENT: Ann keeps a lamp. | END ID: doc1"]
    assert [chunk.metadata["pid"] for chunk in PassagesChunker().split(asked.document)] == ["doc1", "doc2"]


def test_detectiveqa_marks_clues_by_the_numbers_of_paragraphs():
    [example] = loaded("detectiveqa").examples
    assert said(example) == ["[2] Bob was seen with it."]
    assert (example.answers, "\nB. Bob\n" in example.wording.after) == (("B",), True)


def test_failsafeqa_knows_when_the_text_does_not_answer():
    right, other = loaded("failsafeqa:baseline"), loaded("failsafeqa:irrelevant_context")
    assert said(right.examples[0]) == ["Sales in 2020 were 5 million."]
    assert right.examples[1].answers == ("3",)
    assert [one.answerable for one in other.examples] == [False, False]
    assert other.examples[1].document.page_content == right.examples[0].document.page_content
    assert loaded("failsafeqa:misspelled_query").examples[0].question == "Waht were slaes in 2020?"


def test_pools_of_passages_in_three_forms():
    for part, passages in (
        ("longembed-narrativeqa", "d1"),
        ("coderag-humaneval", "d1"),
        ("impliret-arithmetic", "1"),
    ):
        example = loaded(f"beir:{part}").examples[0]
        assert said(example)[0].startswith(f"[{passages}] ")
        assert example.metadata["qrels"][passages] > 0


def test_m4le_parts_the_question_from_the_text():
    [example] = loaded("m4le:triviaqa").examples
    assert example.question == "Question: Who keeps a lamp?"
    assert example.document.page_content.endswith("Article: Ann keeps a lamp.")
    assert example.wording.before.startswith("Answer in one word.")


def test_ada_leval_designates_answers_and_orders_pieces():
    [best], [order] = loaded("ada-leval:best-answer").examples, loaded("ada-leval:text-sort").examples
    assert said(best) == ["A2:\n\nWith care."]
    assert order.answers == ("2, 1",)


def test_longproc_reads_pages_routes_and_sums():
    [table], [sums] = loaded("longproc:html_to_tsv").examples, loaded("longproc:countdown").examples
    assert table.document.page_content.startswith("<ul>")
    assert sums.metadata == {"numbers": (1, 2, 3, 4), "target": 10}


def test_longins_kitab_and_manyicl():
    assert [one.answers for one in loaded("longins:GIST").examples] == [("2",)]
    [starts] = loaded("kitab:starts-with").examples
    assert starts.answers == ("Lamps", "Little Lamps")
    assert said(starts) == ["Lamps (1990)", "Little Lamps (1992)"]
    short, long = loaded("manyicl:banking77,length=1k"), loaded("manyicl:banking77")
    assert len(short.examples[0].document.page_content) < len(long.examples[0].document.page_content)


def test_haystackcraft_hides_a_questions_passages_among_others():
    first, second = loaded("haystackcraft,passages=4").examples
    assert [len(said(one)) for one in (first, second)] == [2, 1]
    assert {text.partition(": ")[2] for text in said(first)} == {
        "Lamp\nThe lamp is Ann's.",
        "Ann\nAnn lives in Oslo.",
    }
    assert len(first.document.metadata["passages"]) == 4
    assert (
        loaded("haystackcraft,passages=4,seed=1").examples[0].document.page_content
        != first.document.page_content
    )
    with pytest.raises(DataError, match="passages=9 asks for more than the 5"):
        loaded("haystackcraft,passages=9")


def test_tables_in_sentences_are_answered_by_their_rows():
    for part in ("select", "count"):
        example = load_dataset(f"holobench:{part},length=1024,rows=8,questions=1").examples[0]
        named = [
            name for name in example.metadata["names"] if any(text.startswith(name) for text in said(example))
        ]
        assert (
            example.answers == (tuple(named) if part == "select" else (str(len(said(example))),))
            or part == "select"
        )
        assert len(named) == len(said(example))
    with pytest.raises(UsageError, match="rows is a number of people from 4"):
        load_dataset("holobench,rows=2")


@pytest.mark.parametrize(
    ("words", "file", "text", "fault"),
    [
        (
            "lveval:cmrc_mixup",
            "cmrc_mixup_16k.jsonl",
            '{"context": "x", "input": "y"}',
            "line 1: expected answers",
        ),
        (
            "helmet:nq",
            "nq-dev.jsonl",
            '{"answers": ["a"], "ctxs": [{}]}',
            "line 1: expected passages with a text",
        ),
        (
            "lciteeval:niah",
            "niah.json",
            '[{"docs": [3], "answer": "a"}]',
            "row 1: a passage is neither text nor",
        ),
        ("scbench:scbench_kv", "scbench_kv.jsonl", '{"multi_turns": 3}', "line 1: expected turns"),
        ("detectiveqa", "anno/a.json", '{"questions": []}', "its novel a.txt is not below"),
        ("failsafeqa:baseline", "failsafeqa.jsonl", '{"context": "x", "query": "y"}', "expected an answer"),
        ("beir:longembed-qmsum", "corpus.jsonl", '{"text": "x"}', "expected queries.jsonl"),
        (
            "m4le:marc",
            "marc.jsonl",
            '{"input": "one line", "answers": ["a"]}',
            "a text and a question below it",
        ),
        (
            "ada-leval:text-sort",
            "textsort_1k.json",
            '[{"segments": ["a"]}]',
            "expected a list under 'segments'",
        ),
        ("longproc:countdown", "countdown_0.5k.json", '[{"nums": 3}]', "expected numbers under 'nums'"),
        ("longins:LIST", "LIST/256.json", "[]", "expected an object of tasks"),
        ("manyicl:trec_50", "trec_50.csv", "4k,Test Data\na,b\n", "expected a label under 'Test Target'"),
        ("kitab:word-count", "kitab.jsonl", '{"Constraint Type": "word-count"}', "expected a list of books"),
        ("haystackcraft", "musique.jsonl", '{"question": "x"}', "expected passages with a text"),
        ("loft:nq", "corpus.jsonl", "{}", "expected rag/nq/32k/corpus.jsonl"),
    ],
)
def test_broken_rows_are_named(tmp_path, words, file, text, fault):
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    with pytest.raises(DataError, match=fault):
        load_dataset(words, tmp_path)


def test_tables_of_every_form(tmp_path):
    import polars as pl

    rows = [{"a": "1"}, {"a": "2"}]
    pl.DataFrame(rows).write_parquet(tmp_path / "t.parquet")
    for name, text in {
        "t.json": '[{"a": "1"}, {"a": "2"}]',
        "d.json": '{"data": [{"a": "1"}, {"a": "2"}]}',
        "l.json": '{"a": "1"}\n{"a": "2"}',
        "t.csv": "a\n1\n2\n",
        "t.tsv": "a\tb\n1\t\n2\t\n",
    }.items():
        (tmp_path / name).write_text(text)
    for path in sorted(tmp_path.iterdir()):
        assert read_table(path, lambda row: row.text("a")) == ["1", "2"], path.name
    whole = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="is no parquet file, or a part of one"):
        read_table(tmp_path / "t.parquet", dict)
    (tmp_path / "t.json").write_text('[{"a": "1"}, {"a"')
    with pytest.raises(DataError, match=r"t.json: not JSON .*line 1"):
        read_table(tmp_path / "t.json", dict)

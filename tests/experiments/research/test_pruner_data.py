import gzip
import json

import pytest

from rlc.data.errors import DataError, WeightsError
from rlc.data.records import Dataset
from rlc.experiments.research import pruner_data as data

ROWS = [
    (
        "who wrote the lantern",
        ["Ann Moor"],
        "Lantern",
        "The Lantern is a book. Ann Moor wrote it in 1912. It sold well.",
    ),
    ("who wrote the ferry", ["Bob Hask"], "Ferry", "The Ferry is a book by Bob Hask. Nobody read it."),
    (
        "when did the ferry sink",
        ["1931"],
        "Ferry (ship)",
        "The ferry was built in 19,312 days. It sank in 1931.",
    ),
]


@pytest.fixture
def nq(tmp_path):
    file = tmp_path / "nq.jsonl.gz"
    with gzip.open(file, "wt") as sink:
        for question, answers, title, text in ROWS:
            row = {"question": question, "answers": answers, "ctxs": [{"title": title, "text": text}]}
            sink.write(json.dumps(row) + "\n")
    return file


def test_gold_first_then_what_bears_no_answer(nq):
    first, _, third = data.natural_questions(nq, 2, pool="all")
    assert first.passages[0].labels == (0, 1, 0)
    assert [passage.relevant for passage in first.passages] == [True, *[False] * (len(first.passages) - 1)]
    assert {passage.title for passage in first.passages[1:]} <= {"Ferry", "Ferry (ship)"}
    assert third.passages[0].labels == (0, 1), "19,312 is another number than 1931"


def test_negatives_come_from_the_own_split(nq):
    for question in data.natural_questions(nq, 2):
        splits = {data.split_of(passage.document, "nq") for passage in question.passages}
        assert splits == {question.split}


def test_splits_depend_on_the_document_alone():
    names = [f"page {i}" for i in range(2000)]
    splits = [data.split_of(name, "nq") for name in names]
    assert splits == [data.split_of(name, "nq") for name in names]
    assert splits.count("train") / 2000 == pytest.approx(0.72, abs=0.03)
    assert splits != [data.split_of(name, "nq", seed=1) for name in names]


def test_clozes_ask_for_the_sentence_that_they_were_made_of():
    text = "Maria Lund sailed the cutter to Skarn with nine men. The weather was bad. They ate fish every day there."
    passage = data.labelled(text, lambda _: False)
    made = data.cloze([passage], each=3, seed=1)
    assert made
    assert data.cloze([passage], each=3, seed=1) == made
    for question in made:
        [asked] = question.passages
        assert asked.labels.count(1) == 1
        sentence = asked.units[asked.labels.index(1)]
        words = question.text.split()[-1]
        assert words in text[sentence.start : sentence.end].lower()


def test_clozes_bring_neighbours_whose_answers_are_not_asked():
    text = "Maria Lund sailed the cutter to Skarn with nine men. The weather was bad."
    asked = []

    def near(passage, question):
        asked.append((passage.text, question))
        return ["Skarn is an island. Maria Lund was born there with nine toes. It is cold."]

    made = data.cloze([data.labelled(text, lambda _: False)], each=3, seed=1, near=near)
    assert asked == [(text, question.text) for question in made]
    for question in made:
        own, other = question.passages
        assert own.labels.count(1) == 1
        assert set(other.labels) == {0, -1}


def test_lara_questions_with_their_passages(make_example):
    pytest.importorskip("tokenizers")
    text = "Ann met Bob. " * 30 + "The ferry cost 4,500 crowns. " + "It rained again. " * 30
    gold = make_example(
        "1", "What did the ferry cost?", text, "32k/book/a.txt", answers=("4,500 crowns",), task="location"
    )
    lost = make_example(
        "2", "What did it weigh?", text, "32k/book/a.txt", answers=(), task="hallu", answerable=False
    )
    dataset = Dataset("lara", (gold, lost), {"32k/book/a.txt": gold.document}, "r")
    try:
        found = data.lara(dataset, 3, data.TASKS)
    except WeightsError:
        pytest.skip("needs minilm's tokenizer in the cache")
    assert [any(p.relevant for p in question.passages) for question in found] == [True, False]
    assert [question.source for question in found] == ["lara-location", "lara-hallu"]


def test_another_file_is_refused(tmp_path):
    file = tmp_path / "x.jsonl.gz"
    with gzip.open(file, "wt") as sink:
        sink.write('{"question": "q"}\n')
    with pytest.raises(DataError, match="nq-open-oracle"):
        data.natural_questions(file)

"""Recorded answers, read from a small tree in LaRA's layout."""

import json
from dataclasses import replace

import pytest

from rlc.data.errors import DataError, UsageError
from rlc.data.sets import lara
from rlc.data.sets.recordings import recorded_arms
from rlc.data.store import Store, seal, unseal
from rlc.pipeline.llms.support.thought import part
from rlc.pipeline.readers.recorded import RecordedReader
from rlc.pipeline.readers.support.stored import StoredReader

BOOKS = {"Cat.txt": "The cat sat. " * 10, "Dog.txt": "The dog ran. " * 30}
QUESTIONS = ["Who sat?", "Who ran?"]
SAID = {
    ("rag", "Cat.txt", "Who sat?"): "the cat did",
    ("rag", "Cat.txt", "Who ran?"): False,
    ("rag", "Dog.txt", "Who sat?"): "nobody",
    ("rag", "Dog.txt", "Who ran?"): " ",
    ("full", "Cat.txt", "Who sat?"): "a cat",
    ("full", "Cat.txt", "Who ran?"): "none",
    ("full", "Dog.txt", "Who sat?"): None,
    ("full", "Dog.txt", "Who ran?"): "the dog",
}


def write(file, rows):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(json.dumps(row) for row in rows))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("LaRA")
    for name, text in BOOKS.items():
        file = root / "datasets" / "32k" / "book" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    common = {"type": "novel", "level": "location", "context": "", "context_order": 0}
    asked = [{**common, "file": f, "question": q} for q in QUESTIONS for f in BOOKS]
    write(
        root / "datasets" / "query" / "32k_book_location.jsonl",
        [{**row, "length": "32k", "answer": "gold"} for row in asked],
    )
    for arm in ("rag", "full"):
        rows = [
            {**r, "ground_truth": "gold", "prediction": SAID[arm, r["file"], r["question"]]} for r in asked
        ]
        write(root / "evaluation" / "prediction" / "m" / f"{arm}_preds_m_32k_book_location.jsonl", rows)
    return root


@pytest.fixture(scope="module")
def examples(root):
    return lara.load(root).examples


def said(arm, example):
    return SAID[arm, example.metadata["file"], example.question]


@pytest.mark.parametrize(("arm", "recorded"), [("rag", "rag"), ("long", "full")])
@pytest.mark.parametrize("order", [1, -1])
def test_one_answer_an_example_in_order(root, examples, arm, recorded, order):
    given = examples[::order]
    answers = RecordedReader(str(root), "m", arm)(given)
    for example, answer in zip(given, answers, strict=True):
        wanted = said(recorded, example)
        if wanted and wanted.strip():
            assert (answer.text, answer.error, answer.finish_reason) == (wanted, None, "stop")
        else:
            assert answer.error.startswith("RecordedFailure: ")
            assert (answer.text, answer.finish_reason) == ("", "error")
    assert [unseal("k", seal("k", answer)) for answer in answers] == answers


def test_why_there_is_no_answer(root, examples):
    errors = {
        e.question + e.metadata["file"]: a.error
        for e, a in zip(examples, RecordedReader(str(root), "m", "rag")(examples), strict=True)
    }
    assert "the call failed" in errors["Who ran?Cat.txt"]
    assert "is empty" in errors["Who ran?Dog.txt"]


def test_what_failed_when_it_was_recorded_has_failed_for_good(root, examples, tmp_path, monkeypatch):
    """It is kept as an answer is; what would be retrieved is none the less told by the reader itself."""
    store = Store(tmp_path)
    reader = StoredReader(lambda: RecordedReader(str(root), "m", "rag"), store, "recorded", "rag")
    first = reader(examples)
    assert sum(answer.error is not None for answer in first) == 2
    assert reader.missing(examples) == []
    assert reader.retrieve(examples) == RecordedReader(str(root), "m", "rag").retrieve(examples)
    monkeypatch.setattr(RecordedReader, "__call__", None)
    assert reader(examples) == first
    store.close()


def test_the_arms_are_told_without_reading_an_answer(root, tmp_path, monkeypatch):
    monkeypatch.setattr(lara, "load_predictions", None)
    assert recorded_arms("lara", root, "m") == {"rag", "long"}
    write(tmp_path / "evaluation" / "prediction" / "m" / "full_preds_m_32k_book_location.jsonl", [])
    assert recorded_arms("lara", tmp_path, "m") == {"long"}
    assert recorded_arms("lara", root, "nobody") == set()
    assert recorded_arms("babilong", root, "m") == recorded_arms("infinitebench", root, "m") == {"long"}


def test_tokens_by_hand(root, examples):
    """`The cat sat.` has four tokens, the questions three, with the mark."""
    at = {(e.metadata["file"], e.question): i for i, e in enumerate(examples)}
    whole = RecordedReader(str(root), "m", "long", window=100)(examples)
    rag = RecordedReader(str(root), "m", "rag", chunks=2, chunk_size=10)(examples)
    cat, dog = at["Cat.txt", "Who sat?"], at["Dog.txt", "Who ran?"]
    assert (whole[cat].usage.prompt_tokens, whole[cat].usage.cut_tokens) == (40 + 3, 0)
    assert (whole[dog].usage.prompt_tokens, whole[dog].usage.cut_tokens) == (100 + 3, 20)
    assert (rag[cat].usage.prompt_tokens, rag[cat].usage.cut_tokens) == (20 + 3, 0)
    assert [whole[cat].usage.output_tokens, rag[cat].usage.output_tokens] == [2, 3]


@pytest.mark.parametrize(("mark", "text"), [("<think>A dog?</think>", "the cat did"), ("<think>", "")])
def test_a_recorded_thought_is_no_part_of_the_answer(root, examples, monkeypatch, mark, text):
    monkeypatch.setattr("rlc.pipeline.readers.recorded.part", lambda recorded: part(mark + recorded))
    asked = [e for e in examples if (e.metadata["file"], e.question) == ("Cat.txt", "Who sat?")]
    [answer] = RecordedReader(str(root), "m", "rag")(asked)
    assert answer.text == text
    assert (answer.error or "").startswith("" if text else "ThoughtUnfinished")


def test_no_examples(root):
    assert RecordedReader(str(root), "m", "rag")([]) == []


def test_what_was_never_recorded(root, examples):
    with pytest.raises(
        DataError, match="m has no recorded rag answer to new; are the predictions of another revision"
    ):
        RecordedReader(str(root), "m", "rag")([replace(examples[0], id="new")])
    with pytest.raises(UsageError, match="no model with recorded predictions 'n'"):
        RecordedReader(str(root), "n", "rag")(examples)
    with pytest.raises(ValueError, match="arm must be one of rag, long; got 'full'"):
        RecordedReader(str(root), "m", "full")

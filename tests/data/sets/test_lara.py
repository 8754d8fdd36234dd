import os
import time
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from rlc.data.errors import DataError, UsageError
from rlc.data.sets.lara import load, load_predictions


def broken(root: Path, old: str, new: str, name: str = "32k_book_comp.jsonl") -> None:
    path = root / "datasets" / "query" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_groups_come_by_length_and_rows_in_their_order(small_lara):
    dataset = load(small_lara)
    assert [(example.metadata["length"], example.task) for example in dataset.examples] == [
        ("32k", "comp"),
        ("32k", "comp"),
        ("32k", "location"),
        ("128k", "hallu"),
        ("128k", "hallu"),
    ]
    assert (dataset.name, dataset.variant) == ("lara", "benchmark")


def test_an_example_carries_what_its_row_says(small_lara):
    example = next(one for one in load(small_lara).examples if one.task == "location")
    assert example.question == "Whom did Clara meet?"
    assert example.answers == ("Hartman.",)
    assert example.answerable is True
    assert example.document_id == "32k/book/A Tale.txt"
    assert example.metadata == {
        "length": "32k",
        "type": "book",
        "file": "A Tale.txt",
        "row_type": "novelette_fake",
        "context_order": "0",
        "comp_parts": (),
        "names_absent": False,
    }


def test_only_hallu_questions_have_no_answer(small_lara):
    answerable = {example.task: example.answerable for example in load(small_lara).examples}
    assert answerable == {"comp": True, "location": True, "hallu": False}


def test_context_order_is_text_or_none_and_comp_parts_numbers(small_lara):
    places = [
        (one.metadata["context_order"], one.metadata["comp_parts"]) for one in load(small_lara).examples
    ]
    assert places == [(None, (0, 2)), (None, (1, 2)), ("0", ()), ("1", ()), ("full", ())]


def test_a_question_that_stands_twice_has_two_ids_that_stay(small_lara):
    first, second = (one.id for one in load(small_lara).examples if one.task == "hallu")
    assert first.startswith("128k_paper_hallu:")
    assert second == f"{first}-2"
    assert [one.id for one in load(small_lara).examples] == [one.id for one in load(small_lara).examples]


def test_ids_do_not_depend_on_the_other_files(small_lara):
    before = {one.id for one in load(small_lara).examples if one.task == "hallu"}
    (small_lara / "datasets/query/32k_book_location.jsonl").unlink()
    assert {one.id for one in load(small_lara).examples if one.task == "hallu"} == before


def test_a_comp_question_about_a_swapped_name_is_flagged(small_lara):
    flags = [one.metadata["names_absent"] for one in load(small_lara).examples if one.task == "comp"]
    assert flags == [True, False]  # Scrooge is not in the book; "Nobody" begins a clause after a colon


def test_papers_know_where_they_begin(small_lara):
    document = load(small_lara).documents["128k/paper/128k_paper_1.md"]
    assert document.metadata["ordinals"] == (0, 35)
    assert document.page_content[35:].startswith("<paper 1>")
    assert (document.metadata["kind"], document.metadata["title"]) == ("paper", "128k_paper_1")


def test_questions_on_one_document_share_it(small_lara):
    dataset = load(small_lara)
    assert len({id(example.document) for example in dataset.examples}) == 2 == len(dataset.documents)


def test_the_revision_follows_the_contents(small_lara):
    before = load(small_lara).revision
    assert load(small_lara).revision == before
    (small_lara / "datasets/32k/book/A Tale.txt").write_text("Hartman stayed.")
    assert load(small_lara).revision != before


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (
            '"comp_parts": [0, 2]',
            '"comp_parts": "0"',
            "line 1: expected a list of numbers under 'comp_parts'",
        ),
        ('"question"', '"qestion"', "line 1: expected text under 'question', the row has"),
        ('"They do not."', '""', "line 1: expected text under 'answer', got ''"),
        (
            '"file": "A Tale.txt"',
            '"file": "A Tail.txt"',
            "line 1: the question is about 'A Tail.txt', but there is no",
        ),
        ("{", "[", "line 1: not JSON"),
        ("Scrooge", "\\ud83d", "line 1: holds half of a surrogate pair"),
    ],
)
def test_a_broken_row_is_named_or_counted(small_lara, old, new, reason):
    broken(small_lara, old, new)
    with pytest.raises(DataError) as caught:
        load(small_lara)
    assert "32k_book_comp.jsonl" in str(caught.value)
    assert reason in str(caught.value)
    with pytest.warns(
        UserWarning, match=r"^1 broken row\(s\) left out; the first: .*32k_book_comp.jsonl: line 1"
    ):
        assert len(load(small_lara, strict=False).examples) == 4


def test_a_file_name_that_leaves_the_folder_is_refused(small_lara):
    broken(small_lara, '"A Tale.txt"', '"../../query/32k_book_comp.jsonl"')
    with pytest.raises(DataError, match="bare name"):
        load(small_lara)


def test_an_unreadable_document_is_named(small_lara):
    broken(small_lara, '"A Tale.txt"', '".."')
    with pytest.raises(DataError, match="cannot be read"):
        load(small_lara)


def test_a_document_that_is_empty_or_binary_is_named(small_lara):
    path = small_lara / "datasets/32k/book/A Tale.txt"
    path.write_text(" \n")
    with pytest.raises(DataError, match=r"A Tale\.txt: holds no text"):
        load(small_lara)
    path.write_bytes(b"a\0b")
    with pytest.raises(DataError, match="NUL"):
        load(small_lara)


def test_a_wrong_place_teaches_the_layout(tmp_path, small_lara):
    with pytest.raises(DataError, match=r"expected LaRA's layout .*datasets/query.*--data-root.*rlc fetch"):
        load(tmp_path / "nowhere")
    (small_lara / "datasets/query/32k_book_jokes.jsonl").write_text("{}")
    with pytest.raises(DataError, match=r"32k_book_jokes\.jsonl: expected a name such as"):
        load(small_lara)


def test_predictions_by_hand(small_lara):
    frame = load_predictions(small_lara)
    first, second = (one.id for one in load(small_lara).examples if one.task == "hallu")
    columns = ("model", "arm", "prediction", "failure", "example_id")
    assert frame.select(columns).rows() == [
        ("gpt-4o-0806", "long", "Sunny.", None, first),
        ("gpt-4o-0806", "long", None, "failed", second),
        ("gpt-4o-0806", "rag", None, "failed", first),
        ("gpt-4o-0806", "rag", None, "empty", second),
        ("other", "rag", "It does not say.", None, first),
    ]
    assert frame["answer"].unique().to_list() == ["Paper 1 does not say."]
    assert load_predictions(small_lara, ["other"]).height == 1


def test_predictions_without_their_question_are_kept_and_counted(small_lara):
    path = small_lara / "evaluation/prediction/other/rag_preds_other_128k_paper_hallu.jsonl"
    path.write_text(path.read_text().replace("weather", "climate"))
    with pytest.warns(UserWarning, match="1 of 5 recorded predictions match no question"):
        assert load_predictions(small_lara).filter(pl.col("example_id").is_null()).height == 1


def test_unknown_models_and_missing_predictions(small_lara, tmp_path):
    with pytest.raises(UsageError, match="did you mean 'other'"):
        load_predictions(small_lara, ["othre"])
    with pytest.raises(DataError, match="no recorded predictions"):
        load_predictions(tmp_path)


@pytest.fixture(scope="module")
def real() -> Path:
    root = os.environ.get("RLC_DATA")
    if not root:
        pytest.skip("RLC_DATA does not name a LaRA folder")
    return Path(root)


@pytest.mark.lara
def test_real_lara_is_whole(real):
    dataset = load(real)
    ids = [example.id for example in dataset.examples]
    assert len(set(ids)) == len(ids)
    groups = Counter((example.metadata["length"], example.metadata["type"]) for example in dataset.examples)
    assert set(groups) == {
        (length, kind) for length in ("32k", "128k") for kind in ("book", "financial", "paper")
    }
    assert {example.task for example in dataset.examples} == {"location", "reasoning", "comp", "hallu"}
    for document in dataset.documents.values():
        if document.metadata["kind"] == "paper":
            starts = document.metadata["ordinals"]
            named = [document.page_content[start:].split(">")[0] for start in starts]
            assert named == [f"<paper {ordinal}" for ordinal in range(len(starts))]


@pytest.mark.lara
def test_real_predictions_match_their_questions_quickly(real):
    begun = time.process_time()
    frame = load_predictions(real)
    assert time.process_time() - begun < 10
    assert frame["example_id"].null_count() == 0
    assert frame.group_by("model", "arm", "example_id").len()["len"].max() == 1

"""The results file."""

import tracemalloc
from contextlib import suppress
from dataclasses import replace

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from rlc.data.errors import DataError, StoreError
from rlc.data.records import Answer, Evidence
from rlc.experiments.runs import rows as rows_module
from rlc.experiments.runs.loop import answer_all
from rlc.experiments.runs.results import COLUMNS, evidence_of, verdict
from rlc.experiments.runs.results_file import LATER, read_results, write_results
from rlc.experiments.runs.rows import SO_FAR, Rows, rows_so_far


def test_round_trip(dataset, right, tmp_path):
    frame = answer_all({"right": right}, dataset)
    write_results(frame, tmp_path / "results.parquet")
    assert read_results(tmp_path / "results.parquet").equals(frame)
    assert [file.name for file in tmp_path.iterdir()] == ["results.parquet"]


def test_rows_are_written_in_pieces_and_in_order_however_they_come(dataset, right, tmp_path, monkeypatch):
    frame = answer_all({"b": right, "a": right}, dataset)
    rows = Rows()
    rows.add(reversed(frame.to_dicts()))
    monkeypatch.setattr(rows_module, "BLOCK", 3)
    assert max(one.height for one in rows.frames(["b", "a"])) == 3
    write_results(rows.frames(["b", "a"]), tmp_path / "results.parquet")
    assert_frame_equal(read_results(tmp_path / "results.parquet"), frame)


def test_rows_that_wait_take_no_memory(dataset, right):
    [one, *_] = answer_all({"right": right}, dataset).to_dicts()
    rows = Rows()
    rows.add([one])
    tracemalloc.start()
    rows.add({**one, "example_id": str(i), "prediction": "x" * 2_000} for i in range(1_000))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 100_000, "a thousand rows of 2,000 characters would be 2 MB"


def test_rows_and_columns_that_are_wanted_alone(dataset, right, tmp_path):
    frame = answer_all({"right": right}, dataset)
    write_results(frame, tmp_path / "results.parquet")
    wanted = frame["example_id"][1]
    found = read_results(
        tmp_path / "results.parquet", pl.col("example_id") == wanted, ["example_id", "value"]
    )
    assert found.rows() == [(wanted, frame["value"][1])]


def test_evidence_that_was_written_before_passages_were_is_read(dataset, right, tmp_path):
    frame = answer_all({"right": right}, dataset)
    old = pl.List(
        pl.Struct({"document_id": pl.String, "start": pl.Int64, "end": pl.Int64, "score": pl.Float64})
    )
    piece = {"document_id": "d", "start": 0, "end": 2, "score": None}
    written = frame.with_columns(pl.Series("evidence", [[piece]] * frame.height, dtype=old))
    write_results(written, tmp_path / "old.parquet")
    assert read_results(tmp_path / "old.parquet")["evidence"][0].to_list() == [
        {**piece, "passage": None, "pages": None}
    ]


def test_rows_say_on_which_pages_what_was_read_stands(dataset, tmp_path):
    """Also where a reader, or a stored answer of before pages were, gives the span alone."""
    [example, *_] = dataset.examples
    document = example.document.model_copy(update={"metadata": {"pages": (0, 11)}})
    evidence = (
        Evidence(example.document_id, 5, 12),
        Evidence("other", 0, 3),
        Evidence("other", 0, 3, pages=(7, 7)),
    )
    frame = answer_all(
        {"own": lambda examples: [Answer("Ada.", "", evidence)]},
        replace(dataset, examples=(replace(example, document=document),)),
    )
    write_results(frame, tmp_path / "results.parquet")
    read = evidence_of(read_results(tmp_path / "results.parquet")["evidence"][0])
    assert [one.pages for one in read] == [(1, 2), None, (7, 7)]


def test_results_of_before_measures_were_are_read(dataset, right, tmp_path):
    frame = answer_all({"right": right}, dataset)
    write_results(frame.drop("measure", "value", "parts", "note", *LATER), tmp_path / "old.parquet")
    assert read_results(tmp_path / "old.parquet").equals(frame)


def test_a_figure_in_a_word():
    assert [verdict(value) for value in (1.0, 0.0, 0.25, None)] == ["right", "wrong", "25%", "not judged"]


def test_every_column_says_what_it_means():
    assert all(meaning for _, meaning in COLUMNS.values())


def test_bad_files_say_what_is_wrong(tmp_path):
    with pytest.raises(DataError, match="no results at"):
        read_results(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("not parquet")
    with pytest.raises(DataError, match="not a results file"):
        read_results(tmp_path / "text.parquet")
    pl.DataFrame({"reader": ["a"]}).write_parquet(tmp_path / "old.parquet")
    with pytest.raises(DataError, match="lacks the columns example_id"):
        read_results(tmp_path / "old.parquet")


def test_an_unwritable_place_is_named(dataset, right, tmp_path):
    frame = answer_all({"right": right}, dataset)
    with pytest.raises(StoreError, match="cannot write"):
        write_results(frame, tmp_path / "missing" / "results.parquet")


def test_others_see_the_rows_of_a_run_that_goes_on_and_of_one_that_was_killed(dataset, right, tmp_path):
    frame = answer_all({"right": right}, dataset)
    with Rows(tmp_path / SO_FAR) as rows:
        rows.add(frame.head(1).to_dicts())
        count, first = rows_so_far(tmp_path)
        rows.add(frame.tail(-1).to_dicts())
        assert_frame_equal(pl.concat([first, rows_so_far(tmp_path, after=count)[1]]), frame)
        assert_frame_equal(rows.frame(["right"]), frame)
    assert list(tmp_path.iterdir()) == []
    assert rows_so_far(tmp_path, after=4)[0] == 4

    with suppress(KeyboardInterrupt), Rows(tmp_path / SO_FAR) as rows:
        rows.add(frame.to_dicts())
        raise KeyboardInterrupt
    assert rows_so_far(tmp_path)[1].height == frame.height
    assert rows_so_far(tmp_path, after=0)[0] == frame.height
    (tmp_path / SO_FAR).write_text("no database")
    with pytest.raises(DataError, match=r"rows\.sqlite cannot be read"):
        rows_so_far(tmp_path)
    with Rows(tmp_path / SO_FAR):
        assert rows_so_far(tmp_path)[1].is_empty()

import pickle

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from rlc.data.errors import DataError
from rlc.data.records import Answer, Evidence
from rlc.experiments.runs import results_table
from rlc.experiments.runs.results import SCHEMA, row, to_frame
from rlc.experiments.runs.results_file import RESULTS, open_results, write_results
from rlc.experiments.runs.results_table import PIECES, ResultsTable
from rlc.experiments.scorers.base import Score


@pytest.fixture
def frame(make_example):
    return to_frame(
        [
            row(
                reader,
                make_example(f"q{number}", document_id=f"d{number % 3}"),
                Answer(f"{reader} {number}", "", tuple(Evidence("d", i, i + 1) for i in range(number % 3))),
                Score(reason="exact", value=float(number % 2)),
            )
            for reader in ("rag", "long")
            for number in range(9)
        ]
    )


@pytest.fixture
def table(frame, tmp_path):
    write_results(frame, tmp_path / RESULTS)
    return ResultsTable(open_results(tmp_path / RESULTS))


@pytest.mark.parametrize("kept", [0, 100, 2**25])
def test_what_is_read_is_what_the_frame_holds_however_little_is_kept(table, frame, monkeypatch, kept):
    monkeypatch.setattr(results_table, "KEPT", kept)
    assert (table.readers, table.heights, table.height) == (["rag", "long"], {"rag": 9, "long": 9}, 18)
    for name in (*SCHEMA, *reversed(SCHEMA)):
        assert_frame_equal(table.select(name), frame.select(name))
        assert_frame_equal(table.select(name, PIECES, reader="long").drop(PIECES), frame[9:].select(name))
    assert table.select(PIECES)[PIECES].to_list() == [0, 1, 2] * 6
    assert_frame_equal(table.whole(), frame)
    assert_frame_equal(
        table.where("prediction", of=pl.col("value") == 1), frame.filter(value=1).select("prediction")
    )


def test_columns_that_are_kept_are_not_read_again_and_make_room_for_later_ones(table, monkeypatch):
    monkeypatch.setattr(results_table, "KEPT", 18 * 10 * 2)
    read = []
    select = pl.LazyFrame.select
    monkeypatch.setattr(pl.LazyFrame, "select", lambda rows, of: read.append(len(of)) or select(rows, of))
    for names in (["f1", "value"], ["value", "f1"], ["seconds"], ["f1"], ["value"]):
        table.select(*names)
    assert read == [2, 1, 1]


def test_a_readers_rows_come_some_at_a_time(table, frame, monkeypatch):
    monkeypatch.setattr(results_table, "GROUP", 4)
    parts = list(table.parts("long", "example_id", "evidence"))
    assert [part.height for part in parts] == [4, 4, 1]
    assert_frame_equal(pl.concat(parts), frame[9:].select("example_id", "evidence"))


def test_rows_that_came_as_they_were_answered_are_put_in_order(frame):
    mixed = pl.concat([frame[9:12], frame[:9], frame[12:]])
    table = ResultsTable(mixed)
    assert table.readers == ["long", "rag"]
    assert_frame_equal(table.whole(), pl.concat([frame[9:], frame[:9]]))


def test_it_goes_to_another_process_whole(table, frame):
    assert_frame_equal(pickle.loads(pickle.dumps(table)).whole(), frame)


def test_what_another_process_writes_later_is_not_seen(table, frame, tmp_path):
    write_results(frame[:1], tmp_path / RESULTS)
    assert_frame_equal(table.select("value", reader="long"), frame[9:].select("value"))


def test_a_damaged_file_is_told_before_anything_is_read(table, frame, tmp_path):
    raw = bytearray((tmp_path / RESULTS).read_bytes())
    raw[len(raw) // 2] ^= 1
    (tmp_path / RESULTS).write_bytes(raw)
    with pytest.raises(DataError, match="not as it was written"):
        open_results(tmp_path / RESULTS)
    frame.write_parquet(tmp_path / RESULTS)  # without a digest
    raw = bytearray((tmp_path / RESULTS).read_bytes())
    raw[200:900] = bytes(700)
    (tmp_path / RESULTS).write_bytes(raw)
    with pytest.raises(DataError, match=r"is damaged|is not a results file"):
        open_results(tmp_path / RESULTS)

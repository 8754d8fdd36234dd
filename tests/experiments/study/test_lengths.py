import polars as pl

from rlc.data.records import Evidence
from rlc.experiments.study.lengths import is_sized, reaches, units
from rlc.experiments.study.study import covers

ROWS = pl.DataFrame(
    [
        ("long", "a", "1k", 1.0, None),
        ("long", "a", "2k", 0.5, None),
        ("long", "b", "1k", 1.0, None),
        ("long", "b", "2k", 1.0, None),
        ("rag", "a", "1k", 1.0, None),
    ],
    schema={
        "reader": pl.String,
        "task": pl.String,
        "length": pl.String,
        "value": pl.Float64,
        "error": pl.String,
    },
    orient="row",
)


def test_an_arm_breaks_at_the_first_length_that_falls_short():
    found = {(one.reader, one.task): one for one in reaches(ROWS)}
    assert set(found) == {("long", "a"), ("long", "b"), ("long", "all tasks")}
    assert found["long", "a"].breaks_at == 2000
    assert found["long", "b"].breaks_at is None
    assert found["long", "all tasks"].means == {1000: 1.0, 2000: 0.75}


def test_an_arm_that_finds_nothing_breaks():
    failed = pl.DataFrame(
        {
            "reader": "rag",
            "task": "a",
            "length": ["1k", "2k"],
            "value": [1.0, None],
            "error": [None, "nothing found"],
        }
    )
    [one] = reaches(failed)
    assert (one.means, one.breaks_at) == ({1000: 1.0, 2000: 0.0}, 2000)


def test_only_sets_of_lengths_have_them():
    assert is_sized({"settings": [{"use": "niah"}]})
    assert not is_sized({"settings": [{"use": "lara"}]})
    assert not is_sized({})


def test_lengths_in_short():
    assert [units(one) for one in (512, 4096, 16000, 2_000_000)] == ["512", "4,096", "16k", "2M"]


def test_a_span_is_covered_by_what_was_read_together():
    read = [Evidence("d", 5, 9), Evidence("d", 0, 5)]
    assert covers(read, Evidence("d", 2, 8))
    assert not covers(read, Evidence("d", 2, 10))
    assert not covers([Evidence("d", 0, 3), Evidence("d", 4, 9)], Evidence("d", 2, 8))

"""Progress: honest about the time left."""

import io

import pytest

from rlc.experiments.runs.progress import Pace, Progress, clock


def test_pace_counts_only_what_was_missing():
    pace = Pace({"rag": frozenset("abcd"), "long": frozenset("a")})
    assert pace.seconds_left() is None
    pace.add("rag", ["a", "b", "x"], 4.0)  # x was stored: the time is that of a and b
    assert pace.seconds_left() is None  # the pace of long is unknown
    pace.add("long", ["a"], 3.0)
    assert pace.seconds_left() == pytest.approx(2 * 2.0)


def test_nothing_missing_is_nothing_left():
    assert Pace({"rag": frozenset()}).seconds_left() == 0.0


@pytest.mark.parametrize(("seconds", "words"), [(None, "unknown time"), (4.4, "4 s"), (125, "2 min 05 s")])
def test_clock(seconds, words):
    assert clock(seconds) == words


def test_without_a_terminal_the_end_is_a_plain_line(dataset):
    stream = io.StringIO()
    with Progress({"rag": frozenset()}, total=4, stream=stream) as progress:
        progress.on_batch("rag", dataset.examples, [])
    assert stream.getvalue() == "4/4 answers, 0 s left (rag)\n"


def test_on_a_terminal_there_is_a_bar(dataset):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    with Progress({"rag": frozenset()}, total=4, stream=stream) as progress:
        progress.on_batch("rag", dataset.examples, [])
    assert "4/4" in stream.getvalue()
    assert "0 s left" in stream.getvalue()


def test_a_reader_that_has_not_begun_is_reckoned_by_its_work():
    pace = Pace({"rag": frozenset("ab"), "long": frozenset("a")}, {"rag": 1.0, "long": 10.0})
    pace.add("rag", ["a"], 2.0)
    assert pace.seconds_left() == pytest.approx(2.0 + 20.0)

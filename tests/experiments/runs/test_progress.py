"""Progress: honest about the time left."""

import io

import pytest

from rlc.data.records import Answer, Usage
from rlc.experiments.runs.progress import Lines, Pace, Progress, clock


def test_pace_counts_only_what_was_missing():
    pace = Pace({"rag": frozenset("abcd"), "long": frozenset("a")})
    assert pace.seconds_left() is None
    pace.add("rag", ["a", "b", "x"], 4.0)  # x was stored: the time is that of a and b
    assert pace.seconds_left() == pytest.approx(3 * 2.0)  # long has not begun: taken to be like rag
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
    assert stream.getvalue() == "4/4 answers, 0 s left\n"


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


def test_one_silent_reader_of_many_hides_no_estimate():
    ids = frozenset("abcd")
    pace = Pace({f"m{i}": ids for i in range(33)})
    for i in range(32):
        pace.add(f"m{i}", ids, 20.0)
    assert pace.seconds_left() == pytest.approx(20.0)


def test_the_first_batch_loads_and_is_left_out_once_there_is_a_second():
    pace = Pace({"long": frozenset("abcdefgh")})
    pace.add("long", "ab", 60.0)
    assert pace.seconds_left() == pytest.approx(6 * 30.0)
    pace.add("long", "cd", 4.0)
    assert pace.seconds_left() == pytest.approx(4 * 2.0)


def test_the_start_of_lanes_is_in_no_estimate():
    """Of the first batch a minute went by, and its two answers say that they took 8 s: two lanes give one in 2 s."""
    pace = Pace({"long": frozenset("abcdefgh")})
    pace.add("long", "ab", 60.0, 4.0)
    assert pace.seconds_left() == pytest.approx(6 * 2.0)
    silent = Pace({"long": frozenset("abcd")})
    silent.add("long", "ab", 60.0, 0.0)
    assert silent.seconds_left() == pytest.approx(2 * 30.0), "of what says nothing the clock is all there is"


def test_what_answers_took_is_shared_by_the_lanes(dataset):
    stream = io.StringIO()
    examples = dataset.examples[:1]
    missing = {"long": frozenset(example.id for example in dataset.examples)}
    with Progress(missing, total=4, stream=stream, lanes=2) as progress:
        progress._last -= 60
        progress.on_batch("long", examples, [Answer("", "", usage=Usage(seconds=8.0))])
        left = len(missing["long"]) - 1
        assert progress.pace.seconds_left() == pytest.approx(left * 4.0)


def test_failures_are_counted(dataset):
    stream = io.StringIO()
    answers = [Answer("", "", error="Timeout"), *[Answer("a", "", finish_reason="stop")] * 3]
    with Progress({"rag": frozenset()}, total=4, stream=stream) as progress:
        progress.on_batch("rag", dataset.examples, answers)
    assert stream.getvalue() == "4/4 answers, 1 failed, 0 s left\n"


def test_a_count_ends_with_a_line(monkeypatch):
    stream = io.StringIO()
    lines = Lines("verdicts", stream)
    lines(1, 3)
    monkeypatch.setattr("rlc.experiments.runs.progress.LINE_EVERY", 0.0)
    monkeypatch.setattr("time.monotonic", lambda began=lines._began: began + 4.0)
    lines(2, 3)
    lines(3, 3)
    assert stream.getvalue() == "2/3 verdicts, 2 s left\n3/3 verdicts, 0 s left\n"

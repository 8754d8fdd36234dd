import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.data.errors import DataError, UsageError
from rlc.data.records import Evidence
from rlc.experiments.metrics.retrieval import (
    evaluate,
    ranking,
    read_qrels,
    read_run,
    span_precision,
    span_recall,
    write_qrels,
    write_run,
)

RUN = {"q1": {"a": 3.0, "b": 2.0, "c": 1.0}, "q2": {"x": 1.0}}
QRELS = {"q1": {"b": 1}, "q2": {"y": 1}, "q3": {"z": 1}}


def test_measures_by_hand():
    values = evaluate(RUN, QRELS, ["RR", "R@1", "R@5", "nDCG@10"])
    assert values["q1"] == pytest.approx({"RR": 0.5, "R@1": 0.0, "R@5": 1.0, "nDCG@10": 1 / math.log2(3)})
    assert values["q2"] == {"RR": 0.0, "R@1": 0.0, "R@5": 0.0, "nDCG@10": 0.0}
    assert values["q3"] == values["q2"]  # not retrieved for: the worst value, never left out


def test_ties_rank_by_id():
    assert ranking({"b": 1.0, "a": 1.0, "c": 2.0}) == ["c", "a", "b"]
    assert evaluate({"q": {"a": 1.0, "b": 1.0}}, {"q": {"a": 1}}, ["RR"])["q"]["RR"] == 1.0


def test_unknown_measure_and_bad_score():
    with pytest.raises(UsageError, match="nDCG@10"):
        evaluate(RUN, QRELS, ["Recal@5"])
    with pytest.raises(ValueError, match="finite"):
        evaluate({"q1": {"a": math.nan}}, QRELS)


def test_run_file_has_six_columns_and_ranks_from_one(tmp_path):
    path = tmp_path / "run.trec"
    write_run(path, {"q 1": {"b": 1.0, "a": 1.0, "c d": 2.5}}, "bm25")
    assert path.read_text() == "q%201 Q0 c%20d 1 2.5 bm25\nq%201 Q0 a 2 1.0 bm25\nq%201 Q0 b 3 1.0 bm25\n"


ids = st.text(min_size=1)
groups = st.dictionaries(
    ids, st.dictionaries(ids, st.floats(allow_nan=False, allow_infinity=False), min_size=1)
)


@given(groups)
def test_runs_survive_their_file(tmp_path_factory, run):
    path = tmp_path_factory.mktemp("run") / "run.trec"
    write_run(path, run, "tag")
    assert read_run(path) == run


@given(st.dictionaries(ids, st.dictionaries(ids, st.integers(0, 3), min_size=1)))
def test_qrels_survive_their_file(tmp_path_factory, qrels):
    path = tmp_path_factory.mktemp("qrels") / "qrels.txt"
    write_qrels(path, qrels)
    assert read_qrels(path) == qrels


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("q Q0 a 1 0.5", "6 columns, got 5"),
        ("q Q0 a 1 high tag", "expected a number, got 'high'"),
        ("q Q0 a 1 0.5 tag\nq Q0 a 2 0.4 tag", "listed twice"),
    ],
)
def test_broken_runs_name_file_and_line(tmp_path, line, message):
    path = tmp_path / "run.trec"
    path.write_text(line)
    with pytest.raises(DataError, match=message) as caught:
        read_run(path)
    assert "run.trec:" in str(caught.value)


def test_empty_ids_cannot_be_written(tmp_path):
    with pytest.raises(ValueError, match="empty string"):
        write_qrels(tmp_path / "q", {"": {"a": 1}})


def span(start, end, document="d"):
    return Evidence(document, start, end)


def test_span_recall_by_hand():
    gold = [span(0, 10), span(20, 30)]
    found = [span(5, 15), span(8, 25), span(0, 5, "other")]
    assert span_recall(gold, found) == pytest.approx((5 + 5) / 20)
    assert span_precision(gold, found) == pytest.approx(10 / 25)
    assert span_precision(gold, []) == span_recall(gold, []) == 0.0
    assert span_recall(gold, [*found, *found]) == span_recall(gold, found)
    with pytest.raises(ValueError, match="at least one character"):
        span_recall([], found)


spans = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 20)).map(lambda t: span(t[0], t[0] + t[1])), min_size=1
)


@given(spans, spans)
def test_span_recall_counts_characters(gold, found):
    wanted = {i for s in gold for i in range(s.start, s.end)}
    offered = {i for s in found for i in range(s.start, s.end)}
    assert span_recall(gold, found) == pytest.approx(len(wanted & offered) / len(wanted))
    assert span_precision(gold, found) == pytest.approx(len(wanted & offered) / len(offered))

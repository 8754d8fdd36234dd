"""A second opinion on a stored run."""

import json

import pytest

from rlc.data.errors import UsageError
from rlc.data.lanes import Lanes
from rlc.data.protocols import Generation
from rlc.experiments.judges.support.second_opinion import second_opinion
from rlc.experiments.runs.loop import answer_all
from rlc.pipeline.families import BUILDER, LLM
from rlc.pipeline.llms.scripted import ScriptedLLM


@pytest.fixture
def stored(dataset, right, wrong, tmp_path):
    """A run's folder with its frame; its answers came from a model called `small`."""
    del wrong.answers["b1"]
    (tmp_path / "recipe.json").write_text(json.dumps({"readers": {"rag": {"llm": {"model": "small"}}}}))
    return tmp_path, answer_all({"right": right, "wrong": wrong}, dataset)


def judge(reply):
    return ScriptedLLM({"": reply}, name="judge/model")


def test_verdicts_are_kept_with_their_source_and_asked_for_once(stored):
    folder, frame = stored
    first = judge("Yes.")
    opinion = second_opinion(folder, frame, first)
    assert (opinion.judged, opinion.unparsed) == (8, 0)
    assert opinion.by_reader["right"] == (1.0, 3)
    # The exception fails both questions of its document, and a failed answer is wrong without asking.
    assert opinion.by_reader["wrong"] == (2 / 4, 4)
    assert opinion.agreement.same.n == 8 - 3  # the two failed answers and one without gold are left out
    lines = [json.loads(line) for line in opinion.file.read_text().splitlines()]
    assert len(lines) == 8
    assert set(lines[0]["source"]) == {"judge", "version", "prompt"}
    second = judge("No")
    again = second_opinion(folder, frame, second)
    assert again == opinion
    assert second.calls == []
    worded = second_opinion(folder, frame, judge("Nein"), prompt="de")
    assert worded.by_reader["right"] == (0.0, 3), "in other words it is asked anew, and both are kept"
    assert second_opinion(folder, frame, second) == opinion


def test_workers_judge_alike(stored, tmp_path):
    folder, frame = stored
    spec = {"use": "scripted", "answers": {"": "Yes"}, "name": "judge/model"}
    elsewhere = (Lanes(2), BUILDER.complete(spec, LLM, "judge"))
    opinion = second_opinion(folder, frame, judge("never asked"), elsewhere=elsewhere)
    assert (opinion.judged, opinion.unparsed, opinion.by_reader["right"]) == (8, 0, (1.0, 3))
    assert second_opinion(folder, frame, judge("never asked")) == opinion


def test_a_reply_that_is_neither_is_counted_never_right_or_wrong(stored):
    folder, frame = stored
    opinion = second_opinion(folder, frame, judge("True, because the answer says so"))
    assert opinion.unparsed == 5
    assert opinion.by_reader["right"] == (None, 0)


def test_a_cut_last_line_is_asked_again(stored):
    folder, frame = stored
    opinion = second_opinion(folder, frame, judge("Yes"))
    text = opinion.file.read_text()
    opinion.file.write_text(text[: len(text) - 20])
    asked = judge("Yes")
    assert second_opinion(folder, frame, asked).by_reader == opinion.by_reader


def test_a_model_does_not_judge_itself_unasked(stored):
    folder, frame = stored
    with pytest.raises(UsageError, match="favour their own"):
        second_opinion(folder, frame, ScriptedLLM({"": "Yes"}, name="small"))
    second_opinion(folder, frame, ScriptedLLM({"": "Yes"}, name="small"), allow_self=True)


def test_what_the_model_failed_on_is_no_verdict_and_is_asked_again(stored):
    folder, frame = stored
    failing = ScriptedLLM(lambda prompt: Generation("", "error", error="429 rate limit"), name="judge/model")
    opinion = second_opinion(folder, frame, failing)
    assert (opinion.judged, opinion.unparsed, opinion.failed, opinion.problem) == (3, 0, 5, "429 rate limit")
    again = second_opinion(folder, frame, judge("Yes"))
    assert (again.judged, again.failed) == (8, 0)
    assert again.by_reader["right"] == (1.0, 3)


def test_failures_that_an_earlier_version_kept_are_asked_again(stored):
    folder, frame = stored
    kept = second_opinion(folder, frame, judge("True"))
    old = kept.file.read_text().replace('"version": "2"', '"version": "1"')
    kept.file.write_text(old)
    assert second_opinion(folder, frame, judge("Yes")).unparsed == 0

"""The gate and the questions needed: verdicts by the interval's end, by hand, through the command."""

import json

import pytest

from rlc.experiments.report.pages.gate import power_report
from rlc.experiments.runs.kept import as_json, write_kept
from rlc.experiments.statistics.intervals import Estimate, documents_needed, minimum_detectable
from rlc.experiments.study.gate import Check, Verdict


@pytest.mark.parametrize(
    ("low", "high", "most", "verdict"),
    [
        (71, 80, False, Verdict.HOLDS),
        (69, 80, False, Verdict.OPEN),  # the mean alone would have passed
        (60, 69, False, Verdict.BROKEN),
        (60, 70, True, Verdict.HOLDS),
        (60, 71, True, Verdict.OPEN),
        (71, 72, True, Verdict.BROKEN),
        (None, None, True, Verdict.OPEN),
    ],
)
def test_the_end_of_the_interval_decides(low, high, most, verdict):
    assert Check("rag", "accuracy", Estimate(75, low, high, 100, 10), 70, most).verdict is verdict


def test_documents_needed_by_hand():
    """With many documents t is normal: (2.802 x 0.01 / 0.014)^2 = 4.005 times as many."""
    assert documents_needed(0.01, 1_000, 0.014) == pytest.approx(4_005, abs=5)
    needed = documents_needed(0.05, 40, 0.05)
    for documents, seen in ((needed, True), (needed - 1, False)):
        detectable = minimum_detectable(0.05 * (40 / documents) ** 0.5, documents)
        assert (detectable <= 0.05) is seen
    assert documents_needed(0.001, 40, 0.5) == 6, "fewer documents call no difference"
    with pytest.raises(ValueError, match="above 0"):
        documents_needed(0.05, 40, 0)


COMPARE = ("compare", "--recipe", "recipe.toml", "--dataset", "mine", "--no-track")


def test_a_gate_on_a_run(shell):
    shell(*COMPARE, "--name", "base")
    held = shell(
        "check", "base", "--max", "prompt_tokens=100000", "--max-loss", 2, "--against", "base", code=5
    )
    assert "at most 100,000" in held.output
    assert "cannot be told" in held.output, "two documents show no loss of 2 points"
    shell("check", "base", "--max", "prompt_tokens=100000")
    broken = shell("check", "base", "--max", "prompt_tokens=1", "--reader", "long", code=4)
    assert "long: prompt_tokens" in broken.output
    assert "rag: prompt_tokens" not in broken.output
    power = shell("power", "base", "--points", 5)
    assert "for 5 points" in power.output
    assert "no two documents of this run differ in it" in " ".join(power.output.split())
    assert "no two documents" not in str(power_report("base", [5.0], [])), "nothing is left to explain"


def test_no_loss_is_held_against_a_run_that_another_judge_filled(shell, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "kind_judge.py").write_text("def judge(question, gold, answer, read):\n    return True\n")
    shell(*COMPARE, "--name", "base")
    shell(*COMPARE, "--name", "kind", "--judge", "kind_judge:judge", RLC_ALLOW_CODE="1")
    said = " ".join(shell("check", "kind", "--max-loss", 2, "--against", "base", code=2).stderr.split())
    assert "base and kind were judged differently (the rules, then kind_judge:judge)" in said
    shell("check", "kind", "--min", "accuracy=0")


def test_a_run_that_was_stopped_holds_nothing_yet(shell, tmp_path):
    shell(*COMPARE, "--name", "base")
    [file] = tmp_path.rglob("provenance.json")
    about = json.loads(file.read_text()) | {"provisional": {"documents": 1, "of": 2}}
    write_kept(file, as_json(about))
    said = shell("check", "base", "--max", "prompt_tokens=100000", code=5).output
    assert "Provisional: 1 of 2 documents" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "nothing to check"),
        (("--min", "accuracy"), "expected FIGURE=NUMBER"),
        (("--min", "accuracy=nan"), "expected FIGURE=NUMBER"),
        (("--min", "acuracy=7"), "did you mean 'accuracy'"),
        (("--min", "accuracy=7", "--reader", "rga"), "did you mean 'rag'"),
        (("--max-loss", "2"), "belong together"),
    ],
)
def test_what_cannot_be_checked_is_told(shell, words, said):
    shell(*COMPARE, "--name", "base")
    assert said in " ".join(shell("check", "base", *words, code=2).output.split())

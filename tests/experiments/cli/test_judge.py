"""`rlc judge`: the figures that say how far verdicts can be trusted."""

import json
import re

import pytest

from rlc.experiments.scorers.agreement import agreement_report
from rlc.experiments.scorers.rule import RuleJudge, default_fit
from rlc.pipeline.families import BUILDER
from rlc.pipeline.llms.scripted import ScriptedLLM


@pytest.fixture
def opinion(shell, monkeypatch, tmp_path):
    """`rlc judge llm` on a stored run, with a model that always replies the same."""
    shell("compare", "--dataset", "mine", "--recipe", "recipe.toml", "--no-track")
    [run] = (tmp_path / "runs").glob("mine-own-*")

    def ask(reply, *words, name="test/judge-model", code=0):
        monkeypatch.setattr(type(BUILDER), "build", lambda *_: ScriptedLLM({"": reply}, name=name))
        return shell("judge", "llm", run, "--model", name, *words, code=code)

    return ask


def test_agreement_as_a_table_and_as_json(shell, published_lara):
    report = agreement_report(published_lara, RuleJudge(default_fit()))
    said = shell("judge", "agreement", "--data-root", published_lara).stdout.splitlines()
    assert said[1] == "shown on   other, strong, weak"
    assert said[2] == "96 answers, 8 failed, 16 questions"
    rows = {line.split()[0]: line.split()[1:] for line in said[5:10]}
    assert list(rows) == ["all", "location", "reasoning", "comp", "hallu"]
    assert rows["all"][:2] == ["24", f"{report.overall.pearson:.3f}"]
    assert rows["all"][-1] == f"{100 * report.overall.sign:.1f}%"
    figures = json.loads(shell("judge", "agreement", "--json", RLC_DATA=str(published_lara)).stdout)
    assert figures["models"] == ["other", "strong", "weak"]
    assert figures["overall"]["n"] == 24
    assert set(figures["by_task"]) == {"location", "reasoning", "comp", "hallu"}


def test_agreement_wants_recorded_answers(shell):
    assert "--data-root or RLC_DATA" in shell("judge", "agreement", code=2).stderr


def test_a_second_opinion_beside_the_rules(opinion):
    said = opinion("Yes").stdout
    assert "test/judge-model judged 6 answers; 0 replies were neither" in said
    assert (
        "rag                      66.7% right of 3" in said
    )  # it found nothing for the third, which is wrong
    assert "long                     100.0% right of 2" in said
    assert "kappa 0.00, same verdict on 50.0% (0 to 100) of 4; 2 left out" in said


def test_a_model_that_never_says_yes_or_no_is_compared_with_nothing(opinion):
    result = opinion("Perhaps.", code=3)
    assert "- right of 0" in result.stdout, "what was found is shown"
    assert "they cannot be compared" in result.stderr
    assert "4 replies were neither yes nor no" in result.stderr


JUDGE = """
[parts.judge]
use = "scripted"
name = "test/judge-model"
answers = { "Who keeps" = "no", "When was" = "Perhaps", "" = "yes" }

[judge]
use = "correctness"
llm = "@judge"
"""


def test_a_judge_without_any_verdict_is_no_success(shell, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(recipe.read_text() + JUDGE.replace('"no"', '"Perhaps"').replace('"yes"', '"Perhaps"'))
    result = shell("compare", "--dataset", "mine", "--recipe", "recipe.toml", "--no-track", code=3)
    assert "answer" in result.stdout, "all that was found is shown"
    assert "test/judge-model (correctness): no answer was judged, all 4 verdicts failed" in result.stderr
    assert "'Perhaps'" in result.stderr


def test_a_sheet_says_where_else_to_write_and_loses_no_verdict(shell, tmp_path):
    shell("compare", "--dataset", "mine", "--recipe", "recipe.toml", "--no-track")
    [run] = (tmp_path / "runs").glob("mine-own-*")
    said = shell("judge", "sheet", run, "--to", "nowhere/sheet.csv", code=1).stderr
    assert "cannot write nowhere/sheet.csv" in said
    assert "give another file with --to" in said
    assert "store" not in said
    shell("judge", "sheet", run, "--to", "sheet.csv")
    shell("judge", "sheet", run, "--to", "sheet.csv")  # nobody has filled it in
    said = shell("judge", "calibrate", run, "--human", "sheet.csv", code=2).stderr
    assert "sheet.csv holds no verdict yet" in said
    sheet = tmp_path / "sheet.csv"
    filled = sheet.read_text().replace(",,", ",yes,", 1)
    sheet.write_text(filled)
    assert "holds 1 human verdicts" in shell("judge", "sheet", run, "--to", "sheet.csv", code=2).stderr
    assert sheet.read_text() == filled


def test_a_recipes_judge_fills_the_table(shell, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(recipe.read_text() + JUDGE)
    words = ("compare", "--dataset", "mine", "--recipe", "recipe.toml", "--no-track")
    said = " ".join(shell(*words, "--wide").stdout.split())
    assert "scored by test/judge-model (correctness)" in said
    assert "test/judge-model (correctness) judged 2 answers for" in said
    assert "the rules' verdict is the same on 0.0% of 2, kappa 0.00" in said
    assert (
        "2 answers were not judged and are in no mean; the same command asks again: the reply is no verdict: 'Perhaps'"
        in said
    )
    [run] = (tmp_path / "runs").glob("mine-own-*")
    page = (tmp_path / shell("report", run).stdout.strip()).with_suffix(".md").read_text()
    assert "## The judge" in page
    assert re.search(r"\| all \| 0.0% \(.*n = 2\) \| 0.00 .*\| 4 \|", page), page
    shown = " ".join(shell("show", run, "Who keeps", "--no-prompts").stdout.split())
    assert "wrong (by test/judge-model (correctness): no; rule judge: words" in shown
    rules = shell(*words, "--judge", "rules").stdout
    assert "scored by the rule judge" in rules, "the option goes before the recipe"


def test_a_function_of_ones_own_fills_the_table(shell, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lamp_judge.py").write_text(
        "def judge(question, gold, answer, read):\n    return 0.25 if 'Ada' in read else None\n"
    )
    words = ("compare", "--dataset", "mine", "--recipe", "recipe.toml", "--no-track", "--arms", "long")
    refused = shell(*words, "--judge", "lamp_judge:judge", code=2).stderr
    assert "--allow-code" in refused
    said = shell(*words, "--judge", "lamp_judge:judge", RLC_ALLOW_CODE="1").stdout
    assert "scored by lamp_judge:judge" in said
    assert "25.0" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--criteria", "nuggets"], "belong to a judge"),
        (["--judge", "scripted:x", "--criteria", "nugget"], "did you mean 'nuggets'"),
        (["--judge", "scripted:x"], "no setting 'model'"),
        (["--judge", "endpoint:x", "--judge-set", "max_token=3"], "did you mean 'max_tokens'"),
        (["--judge", "endpoint:x", "--judge-set", "llm.windw=3"], "did you mean 'window'"),
    ],
)
def test_a_judge_that_cannot_be_is_refused_before_anything_is_asked(shell, tmp_path, words, said):
    asked = ("compare", "--dataset", "mine", "--recipe", "recipe.toml", "--no-track", *words)
    assert said in " ".join(shell(*asked, code=2).stderr.split())
    assert not (tmp_path / "runs").exists()


def test_people_calibrate_the_judge(shell, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(recipe.read_text() + JUDGE)
    shell("compare", "--dataset", "mine", "--recipe", "recipe.toml", "--no-track")
    [run] = (tmp_path / "runs").glob("mine-own-*")
    assert "draw some with rlc judge sheet" in shell("judge", "calibrate", run, code=2).stderr
    said = shell("judge", "sheet", run, "--to", "sheet.csv", "--count", "10").stdout
    assert "to 3 questions: sheet.csv" in said
    sheet = (tmp_path / "sheet.csv").read_text(encoding="utf-8-sig")
    (tmp_path / "sheet.csv").write_text(sheet.replace(",rag,,", ",rag,yes,"))
    said = " ".join(shell("judge", "calibrate", run, "--human", "sheet.csv").stdout.split())
    assert "human verdicts on 2 documents" in said
    assert "test/judge-model (correctness): the humans' verdict on" in said
    figures = json.loads(shell("judge", "calibrate", run, "--json").stdout)
    assert {one["reader"] for one in figures["corrected"]} == {"rag", "long"}
    page = (tmp_path / shell("report", run).stdout.strip()).with_suffix(".md").read_text()
    assert "Judges and human verdicts, on answers that have both" in page
    kept = (run / "verdicts.csv").read_bytes()
    (tmp_path / "sheet.csv").write_text("example_id,reader,right\nzz,long,yes\n")
    strange = " ".join(shell("judge", "calibrate", run, "--human", "sheet.csv", code=2).stderr.split())
    assert "none of the 1 verdicts of sheet.csv is on an answer of mine-own-" in strange
    assert "'zz' by 'long'" in strange
    assert (run / "verdicts.csv").read_bytes() == kept
    (tmp_path / "sheet.csv").write_text("example_id,reader,right\na,long,maybe\n")
    assert "got 'maybe'" in shell("judge", "calibrate", run, "--human", "sheet.csv", code=1).stderr
    assert "cannot be read" in shell("judge", "calibrate", run, "--human", "none.csv", code=1).stderr


def test_a_dry_run_counts_the_judge(shell, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(recipe.read_text() + JUDGE)
    (tmp_path / "prices.toml").write_text("[scripted]\nprompt = 1.0\noutput = 1.0\n")
    words = ("compare", "--dataset", "mine", "--recipe", "recipe.toml", "--no-track", "--dry-run")
    said = shell(*words).stdout
    assert "test/judge-model (correctness): 3 questions, at most" in said
    assert "test/judge-model" in shell(*words, "--prices", "prices.toml", code=2).stderr

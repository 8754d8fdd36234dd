"""`rlc judge`: the figures that say how far verdicts can be trusted."""

import json

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
    assert "same verdict on 50.0% of 4" in said
    assert "kappa" in said


def test_a_model_that_never_says_yes_or_no_is_compared_with_nothing(opinion):
    said = opinion("Perhaps.").stdout
    assert "- right of 0" in said
    assert "they cannot be compared" in said

"""A comparison whose judge fills the table."""

import json
import sqlite3
from dataclasses import replace

import polars as pl
import pytest

from rlc.data.errors import UsageError
from rlc.data.lanes import Lanes
from rlc.data.records import Document
from rlc.experiments.runs.compare import Execution, compare
from rlc.experiments.runs.stored import open_run
from rlc.experiments.scorers.rule import UNSCORED
from rlc.experiments.study.judging import judge_sentences
from rlc.experiments.study.study import make_study
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.recipe_files import load_recipe

HERE = Execution()


def judge(reply, use="correctness", **settings):
    """A judge that replies from a script of questions' parts, as a spec."""
    answers = {"": reply} if isinstance(reply, str) else reply
    return {"use": use, "llm": {"use": "scripted", "name": "judge", "answers": answers}, **settings}


@pytest.fixture
def judged(findable, scripted_recipe, tmp_path):
    """Compare with this judge; both arms always answer that Ada keeps the lamp."""
    recipe = load_recipe(scripted_recipe)

    def run(spec, how=HERE, routers=("length",), recipe=recipe, data=findable, arms=("rag", "long")):
        return compare(data, recipe, arms, routers, tmp_path, how, spec)

    return run


def values(run, reader="long"):
    rows = run.frame.filter(pl.col("reader") == reader)
    return dict(rows.select("example_id", "value").iter_rows())


def verdicts_kept(run):
    with sqlite3.connect(run.folder.parent / "answers.sqlite") as store:
        return sum('"correct": ' in answer for (answer,) in store.execute("SELECT answer FROM answers"))


def test_its_verdict_fills_the_table_and_the_rules_stay_beside(judged):
    plain, run = judged(None), judged(judge({"Who keeps": "no", "": "yes"}))
    assert plain.folder != run.folder, "the judge is part of what a run is called by"
    assert values(run) == {"a1": 0.0, "a2": 1.0, "b1": 1.0, "b2": None}
    for column in ("correct", "reason", "f1", "prediction"):
        assert run.frame[column].equals(plain.frame[column])
    assert set(run.frame["measure"]) == {"judge (correctness)"}
    assert run.judge == "judge (correctness)"
    notes = dict(run.frame.filter(pl.col("reader") == "long").select("example_id", "note").iter_rows())
    assert notes == {"a1": "no", "a2": "yes", "b1": "yes", "b2": UNSCORED}
    told = run.provenance["judged_by"]
    assert (told["judged"], told["not_judged"], told["calls"]) == (9, 0, 3), (
        "equal answers are asked about once"
    )
    assert told["spec"]["llm"]["name"] == "judge"
    assert told["prompt_tokens"] > 0
    assert plain.judge == ""


def test_what_is_judged_is_not_asked_again(judged, monkeypatch):
    run = judged(judge("yes"))
    assert verdicts_kept(run) == 4  # a question without gold is settled, and its verdict is that it has none
    monkeypatch.setattr(ScriptedLLM, "generate", lambda *_, **__: pytest.fail("asked again"))
    again = judged(judge("yes"))
    assert again.frame.equals(run.frame)
    assert again.provenance["judged_by"] == run.provenance["judged_by"]
    judged(judge("yes", allow_self=True))  # changes no verdict


def test_failures_are_counted_apart_and_asked_again(judged):
    run = judged(judge({"Who keeps": "Perhaps.", "mill": "yes"}))  # the script knows no third: an error
    assert values(run) == {"a1": None, "a2": 1.0, "b1": None, "b2": None}
    notes = run.frame.filter(pl.col("reader") == "long")["note"].to_list()
    assert notes[0] == "not judged: the reply is no verdict: 'Perhaps.'"
    assert notes[2].startswith("not judged: the script has no answer")
    assert run.provenance["judged_by"]["not_judged"] == 6
    assert verdicts_kept(run) == 2


def test_attempts_that_failed_are_paid_for_too(judged):
    once = judged(judge("Perhaps.")).provenance["judged_by"]
    assert (once["judged"], once["calls"]) == (0, 3)
    twice = judged(judge("Perhaps.")).provenance["judged_by"]
    assert twice["prompt_tokens"] == 2 * once["prompt_tokens"] > 0
    assert (twice["not_judged"], twice["calls"]) == (once["not_judged"], 6)
    anew = judged(judge("Perhaps."), Execution(resume=False)).provenance["judged_by"]
    assert anew["calls"] == 3


def test_a_verdict_at_last_has_cost_the_attempts_before_it(judged, monkeypatch):
    plain = judged(judge({"Who keeps": "Perhaps.", "": "yes"}))
    generate = ScriptedLLM.generate
    monkeypatch.setattr(
        ScriptedLLM,
        "generate",
        lambda self, prompts, **wishes: [
            replace(one, text="yes") for one in generate(self, prompts, **wishes)
        ],
    )
    again = judged(judge({"Who keeps": "Perhaps.", "": "yes"}))
    assert [run.provenance["judged_by"]["calls"] for run in (plain, again)] == [3, 4]
    assert values(again)["a1"] == 1.0
    monkeypatch.undo()
    last = judged(judge({"Who keeps": "Perhaps.", "": "yes"}))
    assert last.provenance["judged_by"] == again.provenance["judged_by"]


def test_its_money_is_told_by_the_prices_that_ship(judged):
    run = judged(judge("yes"))
    told = run.provenance["judged_by"]
    tokens = {"prompt_tokens": 3_000_000, "cached_tokens": 1_000_000, "output_tokens": 1_000_000}
    engine = {"use": "endpoint", "model": "gpt-4o", "provider": "openai", "base_url": None}
    paid = {**told, **tokens, "spec": {**told["spec"], "llm": engine}}
    study = make_study(replace(run, provenance={**run.provenance, "judged_by": paid}))
    [said] = judge_sentences(study)
    assert "$16.25, which are no reader's" in said, "2 M at 2.50, a cached one at 1.25, one of 10"
    assert not study.prices, "the readers have none"


def test_a_stopped_judge_goes_on(judged, monkeypatch):
    from rlc.experiments.judges.support import asking

    monkeypatch.setattr(asking, "BATCH", 1)
    generate, calls = ScriptedLLM.generate, []

    def stopping(self, prompts, **wishes):
        if self.name == "judge":
            calls.append(prompts)
            if len(calls) == 3:
                raise KeyboardInterrupt
        return generate(self, prompts, **wishes)

    monkeypatch.setattr(ScriptedLLM, "generate", stopping)
    with pytest.raises(KeyboardInterrupt):
        judged(judge("yes"))
    assert values(judged(judge("yes"))) == {"a1": 1.0, "a2": 1.0, "b1": 1.0, "b2": None}
    assert len(calls) == 4, "two were stored, the third was asked again"


def test_workers_judge_alike(judged, tmp_path):
    run = judged(judge({"Who keeps": "no", "": "yes"}), Execution(lanes=Lanes(2)))
    assert values(run) == {"a1": 0.0, "a2": 1.0, "b1": 1.0, "b2": None}


def test_no_resume_asks_again(judged):
    judged(judge("yes"))
    recipe_changes_nothing = judge("yes")
    run = judged(recipe_changes_nothing, Execution(resume=False))
    assert values(run)["a1"] == 1.0


SAME = """
[readers.long]
use = "closed"
llm = { use = "endpoint", model = "m", base_url = "http://localhost:1/v1" }
"""


def test_a_model_does_not_judge_itself(judged):
    itself = {**judge("yes"), "llm": {"use": "scripted", "answers": {"": "yes"}, "name": "org/M"}}
    with pytest.raises(UsageError, match="would judge its own answers"):
        judged(itself, recipe=load_recipe(SAME), routers=(), arms=["long"])


def test_groundedness_sees_what_was_read_and_by_whom(judged, monkeypatch):
    seen = []

    def look(self, prompts, **wishes):
        if self.name == "judge":
            seen.extend(prompt.prefix for prompt in prompts)
        return generate(self, prompts, **wishes)

    generate = ScriptedLLM.generate
    monkeypatch.setattr(ScriptedLLM, "generate", look)
    run = judged(judge("yes", "groundedness"), routers=())
    assert values(run)["b2"] == 1.0, "it needs no gold answer"
    shown = "\n".join(seen)
    assert "The lamp was lit in 1871. Ada keeps the lamp. The harbour has 12 boats." in shown
    assert "[1] " in shown, "passages are numbered"


PREFERS = """
[parts.llm]
use = "scripted"
answers = { "" = "Ada." }
[parts.other]
use = "scripted"
name = "other"
answers = { "lamp" = "Ada.", "" = "Nobody." }
[readers.rag]
use = "closed"
llm = "@llm"
[readers.long]
use = "closed"
llm = "@other"
"""


def test_pairwise_is_how_often_an_answer_is_preferred(judged):
    prefers = judge({"<first>\nAda.": "first", "<second>\nAda.": "second"}, "pairwise")
    run = judged(prefers, recipe=load_recipe(PREFERS), routers=())
    assert values(run, "rag") == {"a1": 0.5, "a2": 1.0, "b1": 1.0, "b2": 1.0}
    assert values(run, "long") == {"a1": 0.5, "a2": 0.0, "b1": 0.0, "b2": 0.0}
    notes = run.frame.filter(pl.col("reader") == "long")["note"].to_list()
    assert notes == ["tie", "not preferred", "not preferred", "not preferred"]
    assert run.provenance["judged_by"]["calls"] == 6, "three pairs in two orders"
    [said] = judge_sentences(make_study(run))
    assert said.startswith("judge (pairwise) judged 8 answers for"), said
    assert "rules" not in said, "they prefer nothing"


def test_an_answer_that_two_arms_give_counts_as_two_rivals(judged):
    arm = '[readers.%s]\nuse = "closed"\nllm = { use = "scripted", answers = { "" = "%s" } }\n'
    said = {"a": "Ada.", "b": "Bob.", "c": "Bob.", "d": "Cid."}
    recipe = load_recipe("".join(arm % one for one in said.items()))
    wins = {"<first>\nBob.": "first", "<second>\nBob.": "second", "": "tie"}
    run = judged(judge(wins, "pairwise"), recipe=recipe, routers=(), arms=tuple(said))
    assert values(run, "a")["a1"] == pytest.approx((0 + 0 + 0.5) / 3), (
        "it loses against two arms, and ties with one"
    )
    assert values(run, "b")["a1"] == pytest.approx((1 + 0.5 + 1) / 3)
    assert run.provenance["judged_by"]["calls"] == 4 * 3 * 2, "equal pairs are asked about once"


def test_nuggets_are_listed_once_a_question(judged):
    spec = judge({"List the vital facts": "- one\n- two", "Which facts": "2"}, "nuggets")
    run = judged(spec)
    assert values(run) == {"a1": 0.5, "a2": 0.5, "b1": 0.5, "b2": None}
    assert run.provenance["judged_by"]["calls"] == 6, "a list and a verdict for each of three questions"
    lost = judged(judge({"List the vital facts": "None come to mind.", "Which facts": "2"}, "nuggets"))
    assert set(lost.frame.filter(pl.col("example_id") != "b2")["note"]) == {
        "not judged: the reply is no verdict: 'None come to mind.'"
    }


def test_what_a_data_sets_measure_says_stays_among_the_parts(judged, findable):
    data = replace(findable, measures={"location": "nolima:contains"})
    run = judged(judge("yes"), data=data)
    [row, *_] = run.frame.filter(pl.col("example_id") == "a1").to_dicts()
    assert (row["value"], json.loads(row["parts"])["nolima:contains"]) == (1.0, 1.0)


def test_a_text_that_is_not_at_hand_is_told(judged, findable):
    """A collection's passages of documents that the data set does not hold cannot be shown to a judge."""
    from rlc.data.records import Answer, Evidence
    from rlc.experiments.runs.judged import RunJudge

    spec = {"use": "groundedness", "prompt": "en", "max_tokens": 8, "allow_self": False}
    judge_ = RunJudge(
        {
            **spec,
            "llm": {
                "use": "scripted",
                "answers": {"": "yes"},
                "window": 8192,
                "name": "j",
                "tokenizer": None,
            },
        },
        findable,
        {},
    )
    example = findable.examples[0]
    assert judge_._read("rag", example, Answer("x", "", (Evidence("elsewhere", 0, 3),))) is None
    known = replace(findable, documents={**findable.documents, "elsewhere": Document(page_content="abcdef")})
    assert (
        replace(judge_, dataset=known)._read("rag", example, Answer("x", "", (Evidence("elsewhere", 0, 3),)))
        == "[1] abc"
    )


def test_a_run_that_is_read_back_knows_its_judge(judged, tmp_path):
    run = judged(judge("yes"))
    assert open_run(run.folder.name, tmp_path).judge == "judge (correctness)"

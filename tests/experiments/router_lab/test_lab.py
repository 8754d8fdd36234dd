"""The routers' laboratory on a made run, whose answers follow a rule that can be learned."""

import json
import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from langchain_core.documents import Document

from rlc.data.errors import DataError, UsageError
from rlc.data.records import Answer, Dataset, Example
from rlc.experiments.cli.explain import explain_question
from rlc.experiments.cli.main import main
from rlc.experiments.router_lab.artefacts import fit_artefacts
from rlc.experiments.router_lab.evaluate import evaluate, evaluate_shipped, score
from rlc.experiments.router_lab.fit import fit_softmax, strengths
from rlc.experiments.router_lab.lab import family, results_lab
from rlc.experiments.router_lab.replay import PROTOCOLS, curve, fixed, folds, priced, tokens
from rlc.experiments.runs.loop import answer_all
from rlc.pipeline.routers.support.decide import Decider
from rlc.pipeline.routers.support.fitted import seen_questions, text_digest
from rlc.pipeline.routers.support.gain_model import model_of

SHORT, LONG = "Name the boat.", "How do Ann and Bob differ, compared over the whole of the story?"


@pytest.fixture(scope="module")
def made():
    """Twelve documents with four questions each: RAG is right on short questions, long context on long ones."""
    examples = []
    for d in range(12):
        text = f"Ann and Bob saw the boat number {d}. " * (3 + d)
        document = Document(id=f"d{d:02}", page_content=text, metadata={"kind": "book"})
        for q in range(4):
            question = SHORT if q % 2 else LONG
            task, answerable = ("hallu", False) if q == 3 else ("location", True)
            answers = ("The text does not say.",) if q == 3 else (f"boat {d}",)
            examples.append(
                Example(f"d{d:02}-{q}", question, document, answers, task, answerable, {"type": "book"})
            )
    documents = {example.document_id: example.document for example in examples}
    return Dataset("made", tuple(examples), documents, "r1")


def arm(name, best):
    def answer(examples, /):
        texts = [e.answers[0] if e.question == best else "It was a red kite." for e in examples]
        return [Answer(text, name, finish_reason="stop") for text in texts]

    return answer


@pytest.fixture(scope="module")
def frame(made):
    readers = {f"{m}/{a}": arm(a, best) for m in ("x", "y") for a, best in (("rag", SHORT), ("long", LONG))}
    return answer_all(readers, made)


@pytest.fixture(scope="module")
def lab(made, frame):
    costs = {"rag": 100, "long": 1000}
    priced_frame = frame.with_columns(
        pl.col("reader")
        .str.extract(r"(rag|long)$")
        .replace_strict(costs)
        .cast(pl.Int64)
        .alias("prompt_tokens")
    )
    return results_lab(priced_frame, made)


def test_outcomes_by_hand(lab):
    assert lab.models == ("x", "y")
    assert lab.rag[0, :4].tolist() == [0, 1, 0, 1]
    assert lab.long[0, :4].tolist() == [1, 0, 1, 0]
    assert lab.unanswerable[:4].tolist() == [False, False, False, True]
    assert lab.seen.all()
    assert lab.silent[0, :4].tolist() == [False, False, False, True]
    assert family("gpt-4o-mini") == family("gpt-4o-0806")
    assert family("llama-3.3-70b") == family("llama-3.3-70b-turbo") != family("llama-3.2-3b")
    assert family("mine") == "mine"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_answer_is_decided_once_and_never_trained_on(lab, protocol):
    decided = np.zeros(lab.seen.shape, dtype=int)
    for fold in folds(lab, protocol):
        decided[np.ix_(fold.models, fold.questions)] += 1
        if protocol != "unseen model":
            assert not set(lab.documents[fold.questions]) & set(lab.documents[fold.train_questions])
            if fold.labelled is not None:
                assert not (fold.labelled & fold.questions).any()
        if protocol not in ("unseen documents", "without abstention cues", "unseen type"):
            assert not set(lab.families[fold.models]) & set(lab.families[fold.train_models])
    assert (decided == 1).all()


def test_the_rule_is_learned_and_scored(lab):
    rows = {row["router"]: row for row in evaluate(lab, protocols=("unseen documents",))}
    assert rows["learned"]["accuracy"] == 1
    assert rows["learned"]["closed"] == pytest.approx(1)
    assert rows["always rag"]["accuracy"] == rows["always long"]["accuracy"] == 0.5
    assert rows["learned"]["tokens"] == pytest.approx(550)
    assert rows["learned-after-rag"]["tokens"] == pytest.approx(600), "both arms where it fell through"
    assert rows["self-route"]["unanswerable"]["accuracy"] == 0, (
        "the refusal was right, and it was asked again"
    )
    assert rows["self-route"]["unanswerable"]["rag"] == 1
    assert rows["learned"]["calibration_error"] < 0.2
    assert rows["learned at 25%"]["tokens_share"] <= 0.25
    assert rows["learned-after-both"]["accuracy"] == rows["buy-then-choose"]["accuracy"] == 1
    assert rows["learned-after-both"]["tokens"] == pytest.approx(1100), "both arms everywhere"
    assert rows["believe-refusal"]["unanswerable"]["accuracy"] == 1
    json.dumps(list(rows.values()))
    with pytest.raises(UsageError, match="no protocol 'unseen document'"):
        evaluate(lab, protocols=("unseen document",))
    with pytest.raises(UsageError, match="there is one of it"):
        evaluate(lab, protocols=("unseen type",))


def test_a_dearer_price_never_spends_more(lab):
    play = replace(fixed(lab)[1], worth=np.tile(np.linspace(-1, 1, lab.seen.shape[1]), (2, 1)))
    spent = [point.tokens for point in curve(lab, play)]
    assert spent == sorted(spent, reverse=True)
    assert not priced(lab, play, float("inf")).long.any()
    assert tokens(lab, fixed(lab)[1]).tolist() == lab.long_tokens.tolist()
    assert score(lab, fixed(lab)[0], "p")["gain"] == 0


def test_strengths_are_drawn_to_the_average(lab):
    everything = np.ones(len(lab.examples), dtype=bool)
    # of 36 answerable questions long context leads on 24 and RAG on 12: both models alike
    np.testing.assert_allclose(strengths(lab, everything), [[1 / 3, -1.0]] * 2, atol=1e-9)
    none = np.zeros(len(lab.examples), dtype=bool)
    np.testing.assert_allclose(strengths(lab, none, [0.1, 0.2]), [[0.1, 0.2]] * 2)


def test_softmax_regression_by_hand():
    """With intercepts alone the fit is the share of each outcome."""
    targets = np.eye(3)[[[0, 1, 1, 2]]]
    weights = fit_softmax(np.ones((1, 4, 1)), np.ones((1, 1)), targets, 5.0)
    odds = np.exp(weights[0, 0])
    np.testing.assert_allclose(odds / odds.sum(), [0.25, 0.5, 0.25], atol=1e-4)


def test_files_are_whole_and_score_as_shipped(lab, tmp_path):
    files = fit_artefacts(lab)
    assert set(files) == {"learned", "learned-after-rag", "learned-after-both", "table"}
    model = model_of(files["learned"].text)
    assert set(model.readers) == {"x", "y"}
    assert model.provenance["documents"] == 12
    assert model.curve[0].accuracy == 1
    path = tmp_path / "learned.json"
    path.write_text(files["learned"].text)
    [row] = evaluate_shipped(lab, ("learned",), fit=str(path))
    assert row["accuracy"] == 1
    both = tmp_path / "both.json"
    both.write_text(files["learned-after-both"].text)
    [row] = evaluate_shipped(lab, ("learned-after-both",), fit=str(both))
    assert (row["accuracy"], row["tokens"]) == (1, 1100)
    slim = {
        name: model_of(made.text)
        for name, made in fit_artefacts(lab, with_folds=False).items()
        if name != "table"
    }
    assert [name for name, model in slim.items() if model.folds] == ["learned"], (
        "trees are ten times as large"
    )
    [cheap] = evaluate_shipped(lab, ("learned",), fit=str(path), budget=100)
    assert cheap["share_long"] == 0
    with pytest.raises(UsageError, match="no router to replay 'lerned'"):
        evaluate_shipped(lab, ("lerned",))


def test_a_question_of_the_fit_is_decided_by_a_fold_that_has_not_seen_its_document(lab, made, tmp_path):
    model = model_of(fit_artefacts(lab)["learned"].text)
    held_out = [fold.documents for fold in model.folds]
    assert sum(map(len, held_out)) == len(frozenset().union(*held_out)) == 12, "each document in one fold"
    file = tmp_path / "learned.json"
    file.write_text(model.to_json())
    decider = Decider.of(str(file), "x", None, 0.0, None, 0.1, 1.0)
    for fold in model.folds:
        for document in fold.documents:
            np.testing.assert_allclose(
                decider.held_out[document].model.weights, fold.model.weights, rtol=1e-4
            )
    assert decider.held_out.keys() == {text_digest(e.document.page_content) for e in made.examples}
    assert model.provenance["seen_questions"] == seen_questions(made.examples)


def test_bad_input(made, frame):
    with pytest.raises(DataError, match="hold rag"):
        results_lab(frame.filter(pl.col("reader").str.ends_with("rag")), made)
    with pytest.raises(DataError, match="24 questions of the results have no document in 'made'"):
        results_lab(frame, made.where(lambda e: e.document_id < "d06"))
    unjudged = frame.with_columns(pl.lit(None, dtype=pl.Float64).alias("value"))
    with pytest.raises(DataError, match="judged"):
        results_lab(unjudged, made)
    alike = results_lab(frame.with_columns(pl.lit(1.0).alias("value")), made)
    with pytest.raises(DataError, match=r"nothing to learn a choice from.*tie"):
        fit_artefacts(alike)
    few = made.where(lambda e: e.document_id < "d03")
    with pytest.raises(DataError, match="at least 5 documents, got 3"):
        fit_artefacts(results_lab(frame.filter(pl.col("document_id") < "d03"), few))


def test_the_command_line(tmp_path, monkeypatch, scripted_recipe):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RLC_DATA", raising=False)
    (tmp_path / "recipe.toml").write_text(scripted_recipe)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "lamp.txt").write_text("The lamp was lit in 1871. Ada keeps the lamp.")
    asked = [{"question": "Who keeps the lamp?", "document": "lamp.txt", "answer": "Ada"}]
    (tmp_path / "mine" / "questions.jsonl").write_text("".join(json.dumps(q) + "\n" for q in asked))

    def run(*words):
        return CliRunner().invoke(main, [str(word) for word in words])

    options = ("--dataset", "mine", "--recipe", "recipe.toml", "--no-track", "--json")
    made = run("compare", *options, "--router", "auto", "--price", "0.5")
    assert made.exit_code == 0, made.output
    folder = json.loads(made.stdout)["run"]
    said = run("explain", folder, "keeps the lamp").stdout
    assert "auto (buy-then-choose): went to" in said
    assert "log-odds" in said
    assert "only long would be right: " in said
    assert "price: 50 points" in said
    with pytest.raises(UsageError, match="no question"):
        list(explain_question(folder, "zzz", tmp_path))
    scored = run("router", "eval", "--run", folder, "--data-root", "mine", "--router", "learned", "--json")
    assert scored.exit_code == 0, scored.output
    assert json.loads(scored.stdout)["rows"][0]["n"] == 1
    assert "at least 5 documents" in run("router", "fit", "--run", folder, "--data-root", "mine").stderr
    alone = run("compare", *options, "--router", "auto", "--price", "0.5", "--budget", "3")
    assert (alone.exit_code, "give one of them" in alone.stderr) == (2, True)
    plain = json.loads(run("compare", *options).stdout)["run"]
    assert "Run `rlc compare` with --router auto" in run("explain", plain, "lamp").stderr
    assert re.search("no recorded answers: .* `rlc fetch dataset lara`", run("router", "eval").stderr)


@pytest.fixture
def run(lab, tmp_path, monkeypatch):
    """Runs `rlc router ...` on the made answers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rlc.experiments.cli.router._lab", lambda *_: lab)
    return lambda *words: CliRunner().invoke(main, ["router", *map(str, words)])


def test_a_router_is_fitted_and_then_scored_as_it_is(run, tmp_path):
    made = run("fit", "--to", "fits")
    assert made.exit_code == 0, made.output
    lines = made.stdout.splitlines()
    assert sorted(lines[:4]) == [
        f"fits/{name}.json" for name in ("learned-after-both", "learned-after-rag", "learned", "table")
    ]
    assert "unseen documents: " in lines[4], "what each is worth where it was not fitted"
    said = run("eval", "--router", "learned", "--fit", "fits/learned.json")
    assert "learned was fitted on 48 of these 48 questions, with these very answers" in said.stderr
    assert "as shipped: 96 answers, 12 documents; always rag 50.0" in said.stdout
    assert re.search(r"learned[ │]+100\.0[ │]+\+50\.0", said.stdout), said.stdout
    assert "gain: points over each model's own better arm" in said.stdout
    (tmp_path / "file").write_text("")
    assert "give a writable folder with --to" in run("fit", "--to", "file/fits").stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--router", "learned", "--protocol", "unseen model"), "scored as it is: give --router"),
        (("--router", "learned", "--price", "1", "--budget", "5"), "give one of them"),
        (("--budget", "5"), "give --router learned"),
        (("--fit", "fits/learned.json"), "give --router learned"),
    ],
)
def test_options_that_do_not_go_together(run, words, message):
    result = run("eval", *words)
    assert (result.exit_code, message in result.stderr) == (2, True), result.output

"""Sweeps: what a person writes, the split, the order of the work, shared stages, and the whole command."""

import json
from dataclasses import replace

import polars as pl
import pytest
from click.testing import CliRunner
from langchain_core.documents import Document

from rlc.data.errors import SpecError, UsageError
from rlc.experiments.cli.main import main
from rlc.experiments.runs.selection import split
from rlc.experiments.sweep.recipe import sweep_of
from rlc.experiments.sweep.sweep import cheapest_first, cost, plan_sweep
from rlc.pipeline.recipe_files import load_recipe, read_tables

SWEEP = """
[sweep.axes]
"readers.rag.retriever.k" = [2, 1]
"readers.rag.order" = ["relevance", "document"]

[sweep.axes."readers.rag.chunker"]
words = { use = "recursive", size = 8 }
lines = { use = "sentence", size = 8 }
"""


@pytest.fixture
def read(scripted_recipe):
    """A sweep from its text, over the scripted recipe."""
    builtin = load_recipe(scripted_recipe)
    return lambda text: sweep_of(read_tables(text), builtin)


def test_every_combination_is_a_completed_spec_named_by_what_differs(read):
    specs = read(SWEEP).specs()
    assert len(specs) == 8
    spec = specs["k=1 order=document chunker=words"]
    assert (spec["retriever"]["k"], spec["order"], spec["chunker"]["size"]) == (1, "document", 8)
    assert spec["chunker"]["use"] == "recursive"


def test_a_whole_part_is_set_before_its_settings(read):
    text = '[sweep.axes]\n"readers.rag.retriever.k" = [3]\n[sweep.axes."readers.rag.retriever"]\na = { use = "bm25", k = 9 }'
    assert read(text).specs()["k=3 retriever=a"]["retriever"]["k"] == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "sweep.axes: expected a table of settings to cross"),
        ("[sweep]\naxis = {}", "sweep.axes: expected"),
        ('[sweep]\nredaer = "rag"\n[sweep.axes]\n"readers.rag.order" = ["document"]', "did you mean 'reader'"),
        ('[sweep]\nreader = "rga"\n[sweep.axes]\n"readers.rag.order" = ["document"]', "did you mean 'rag'"),
        ('[sweep]\ntuning = 0\n[sweep.axes]\n"readers.rag.order" = ["document"]', "sweep.tuning: expected the share"),
        ('[sweep]\nagainst = "long"\n[sweep.axes]\n"readers.rag.order" = ["document"]', "sweep.against: expected a list"),
        ('[sweep.axes]\n"readers.rag.order" = []', 'sweep.axes."readers.rag.order": expected a list of values'),
        ('[sweep.axes]\n"readers.rag.retriever" = [{use = "bm25"}]', "has no name to be told by; write a table"),
        ('[sweep.axes]\n"readers.rag.order" = ["document", "document"]', "expected values that differ"),
        ('[sweep.axes]\n"readers.rag.retriever.k" = ' + str(list(range(1, 502))), "501 settings, more than 500"),
    ],
)  # fmt: skip
def test_what_is_off_is_said_with_its_place(read, text, message):
    with pytest.raises(SpecError, match=message.replace("[", r"\[").replace("{", r"\{")):
        read(text)


def test_settings_that_come_to_the_same_are_refused(read):
    with pytest.raises(SpecError, match="are the same 'rag' in the end"):
        read('[sweep.axes]\n"readers.long.overflow" = ["middle", "head"]').specs()
    with pytest.raises(SpecError, match="no setting 'rga'"):
        read('[sweep.axes]\n"readers.rga.k" = [1]').specs()


def test_the_split_shares_no_document_and_is_seeded(dataset):
    tuning, test = split(dataset, 0.5, seed=0)
    documents = [{example.document_id for example in part.examples} for part in (tuning, test)]
    assert sorted(map(len, documents)) == [1, 1]
    assert documents[0] != documents[1]
    assert split(dataset, 0.5, seed=0)[0].examples == tuning.examples
    assert split(dataset, 1, seed=0)[1].examples == ()
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        split(dataset, 0, seed=0)
    with pytest.raises(UsageError, match="tuning = 1"):
        split(tuning, 0.5, seed=0)


def test_a_split_takes_its_share_of_every_sort(dataset):
    [pattern, *_] = dataset.examples
    examples = tuple(
        replace(
            pattern,
            id=f"{length}-{i}",
            document=Document(id=f"{length}-{i}", page_content="Text."),
            metadata={"length": length},
        )
        for length, count in (("32k", 8), ("128k", 4))
        for i in range(count)
    )
    tuning, _ = split(replace(dataset, examples=examples), 0.25, seed=3)
    lengths = [e.metadata["length"] for e in tuning.examples]
    assert sorted(lengths) == ["128k", "32k", "32k"]


def work(specs, dataset):
    """The order of the work as (reader, question)."""
    costs = {name: cost(name, spec, dataset) for name, spec in specs.items()}
    return [(name, e.id) for name, batch in cheapest_first(specs, dataset, costs) for e in batch]


def test_cheapest_first_and_alike_together(read, dataset):
    specs = read(SWEEP).specs()
    asked = work(specs, dataset)
    order = list(dict.fromkeys(name for name, _ in asked))
    assert [name.split()[0] for name in order] == ["k=1"] * 4 + ["k=2"] * 4
    assert order[0].split()[2] == order[1].split()[2]  # one chunker, both orders
    assert len(asked) == len(set(asked)) == 8 * len(dataset.examples)


def test_a_router_comes_last(scripted_recipe, dataset):
    specs = load_recipe(scripted_recipe).with_router("length").completed()
    routed = {"length": specs["length"], "rag": specs["rag"], "long": specs["long"]}
    assert list(dict.fromkeys(name for name, _ in work(routed, dataset)))[-1] == "length"


def test_questions_without_gold_answers_cannot_choose(read, dataset, tmp_path):
    bare = dataset.where(lambda example: example.id == "b2")
    with pytest.raises(UsageError, match="no question of 'made' has a gold answer"):
        plan_sweep(read(SWEEP), bare, 0, tmp_path)


@pytest.fixture
def shell(tmp_path, monkeypatch, scripted_recipe):
    """Runs `rlc sweep sweep.toml` on four short documents."""
    monkeypatch.delenv("RLC_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweep.toml").write_text(scripted_recipe + SWEEP)
    (tmp_path / "mine").mkdir()
    names = ("Ada", "Bea", "Cid", "Dot")
    for name in names:
        text = f"The lamp of {name} was lit in 1871. {name} keeps the lamp. Rain fell on the mill all night."
        (tmp_path / "mine" / f"{name}.txt").write_text(text)
    asked = [
        {"question": f"Who keeps the lamp of {n}?", "document": f"{n}.txt", "answer": "Ada"} for n in names
    ]
    (tmp_path / "mine" / "questions.jsonl").write_text("".join(json.dumps(q) + "\n" for q in asked))

    def run(*words, code=0):
        result = CliRunner().invoke(
            main, ["sweep", "sweep.toml", "--dataset", "mine", "--no-track", *words], catch_exceptions=False
        )
        assert result.exit_code == code, result.output
        return result

    return run


def test_a_sweep_from_file_to_report(shell, tmp_path):
    found = json.loads(shell("--json").stdout)
    assert len(found["ranking"]) == len(found["winners"]) == 8  # all answer alike
    assert (found["ranking"][0]["first"], found["ranking"][0]["last"]) == (1, 8)
    assert (found["tuning"]["questions"], found["test"]["questions"]) == (2, 2)
    assert [one["reader"] for one in found["against"]] == ["rag", "long"]
    assert {one["axis"] for one in found["effects"]} == {
        "readers.rag.retriever.k", "readers.rag.order", "readers.rag.chunker",
    }  # fmt: skip
    assert "No setting can be told apart" in found["answer"][0]
    assert found["stages"]["chunks"]["served"] > 0
    [folder] = (tmp_path / "runs").glob("sweep-mine-own-*")
    assert {"sweep.json", "ranking.parquet", "report.html", "report.md", "ranking.svg"} <= {
        file.name for file in folder.iterdir()
    }
    assert pl.read_parquet(folder / "ranking.parquet")["setting"].to_list() == [
        one["setting"] for one in found["ranking"]
    ]
    again = json.loads(shell("--json").stdout)
    assert again["stages"] == {
        "answers": {"wanted": 22, "served": 22, "seconds": 0.0}
    }  # 8 settings and 3 readers, 2 questions each
    assert again["chosen"] == found["chosen"]


def test_the_terminal_shows_the_ranking_and_says_what_it_is_worth(shell):
    printed = shell().stdout
    assert "1 to 8" in printed
    assert "had no part in the choice" in printed
    assert "stages" in printed
    assert "8 settings, 16 answers" in shell("--dry-run").stdout


def test_all_settings_on_the_test_split(shell):
    found = json.loads(shell("--json", "--test-all", "--workers", "2").stdout)
    assert found["stages"]["chunks"]["wanted"] > found["stages"]["chunks"]["served"] > 0, (
        "counted by two workers"
    )
    assert len(found["against"]) == 9


def test_without_a_test_split_the_best_is_said_to_be_flattered(shell, tmp_path):
    file = tmp_path / "sweep.toml"
    file.write_text(file.read_text().replace("[sweep.axes]", "[sweep]\ntuning = 1\n[sweep.axes]", 1))
    found = json.loads(shell("--json").stdout)
    assert "There was no test split" in found["answer"][-1]
    assert "which flatters it" in found["answer"][0]
    assert "chosen in turn by the other documents, the best comes to" in found["answer"][0]
    assert found["chosen_elsewhere"]["n"] == found["tuning"]["questions"]
    assert found["test"] == {"run": None, "questions": 0, "documents": 0}

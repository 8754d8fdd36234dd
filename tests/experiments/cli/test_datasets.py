import polars as pl

DATASET = """
[dataset]
use = "ruler"
part = ["niah_single_2", "vt"]
length = [512, 1024]
questions = 2
"""


def results(run, tmp_path):
    [file] = (tmp_path / "runs").glob("*/results.parquet")
    return pl.read_parquet(file)


def test_a_made_set_is_compared_by_its_authors_measure(shell, tmp_path):
    words = ["--recipe", "recipe.toml", "--no-track"]
    shown = shell("compare", "--dataset", "ruler:niah_single_2,vt,length=512,questions=2", *words).output
    assert "scored by ruler:match-all" in shown
    assert "vt: every part of the text is needed" in shown
    rows = results(shell, tmp_path)
    assert set(rows["measure"]) == {"ruler:match-all"}
    assert rows["value"].null_count() == 0
    [run] = (tmp_path / "runs").glob("ruler*")
    assert "ruler-niah_single_2" in run.name
    shell("report", run)  # finds the texts again by the settings


def test_a_recipe_may_name_its_data_set(shell, tmp_path, scripted_recipe):
    (tmp_path / "with.toml").write_text(DATASET + scripted_recipe)
    shell("compare", "--recipe", "with.toml", "--no-track", "--arms", "long")
    assert sorted(set(results(shell, tmp_path)["length"])) == ["1024", "512"]


def test_the_rule_judge_and_any_scorer_can_be_chosen(shell, tmp_path):
    words = ["compare", "--dataset", "mine", "--recipe", "recipe.toml", "--no-track", "--arms", "long"]
    shell(*words, "--measure", "ruler:match-part")
    assert set(results(shell, tmp_path)["measure"]) == {"ruler:match-part"}
    shown = shell(*words, "--measure", "rulr", code=2).output
    assert "no measure 'rulr'" in shown


def test_lists_and_cards(shell):
    assert "made here" in shell("list", "datasets").output
    card = shell("list", "datasets", "ruler").output
    assert "niah_multikey_3" in card
    assert "@inproceedings{hsieh2024ruler" in card
    assert "did you mean 'ruler'" in shell("list", "datasets", "rular", code=2).output
    assert "did you mean 'lara'" in shell("fetch", "dataset", "lora", code=2).output

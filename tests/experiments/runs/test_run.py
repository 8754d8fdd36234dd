"""A run with its folder: resumable, readable, the same for the same question."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from rlc.data.errors import SpecError, StoreError, UsageError
from rlc.data.records import Answer
from rlc.data.store import Store
from rlc.experiments.runs.results_file import read_results
from rlc.experiments.runs.run import plan_run
from rlc.pipeline.readers.support.asking import NOTHING_RETRIEVED
from rlc.pipeline.recipe_files import load_recipe
from rlc.pipeline.routers import AUTO

RECIPE = """
[parts.llm]
use = "scripted"
answers = { "lamp" = "Ada.", "" = "The text does not mention it." }

[readers.rag]
use = "rag"
chunker = { use = "recursive", size = 16 }
retriever = { use = "bm25", k = 2 }
llm = "@llm"

[readers.long]
use = "long"
llm = "@llm"
"""


def run_of(dataset, out, routers=("auto",), recipe=RECIPE):
    return plan_run(dataset, {"": load_recipe(recipe)}, ["rag", "long"], routers, out)


def execute(run):
    store = Store(run.out)
    readers = run.readers(store)
    missing = run.missing(readers)
    outcome = run.execute(readers)
    store.close()
    return outcome, missing


def test_files_and_headline(dataset, tmp_path):
    run = run_of(dataset, tmp_path)
    outcome, missing = execute(run)
    assert {name: len(ids) for name, ids in missing.items()} == {"rag": 4, "long": 4, "auto": 4}
    assert read_results(run.folder / "results.parquet").equals(outcome.frame)
    assert outcome.frame.height == 12
    recipe = json.loads((run.folder / "recipe.json").read_text())
    assert recipe["labels"] == {"auto": f"auto ({AUTO})"}
    assert recipe["readers"]["auto"]["use"] == AUTO
    provenance = json.loads((run.folder / "provenance.json").read_text())
    assert provenance["dataset"]["revision"] == "revision-1"
    assert "polars" in provenance["versions"]
    assert [summary["reader"] for summary in json.loads((run.folder / "summary.json").read_text())] == [
        "rag",
        "long",
        "auto",
    ]


def test_provenance_says_how_answers_were_asked_for(dataset, tmp_path):
    run = run_of(dataset, tmp_path)
    noted = Answer("yes", "", details={"note": "were asked without seed"})
    answers = [("rag", dataset.examples, [noted] * 3 + [Answer("yes", "")])]
    assert run.execute({"rag": None}, answering=answers).provenance["notes"] == {
        "rag": {"were asked without seed": 3}
    }


def test_the_router_is_charged_what_its_arm_cost(dataset, tmp_path):
    outcome, _ = execute(run_of(dataset, tmp_path, routers=("length",)))
    frame = outcome.frame
    routed, long = frame.filter(reader="length"), frame.filter(reader="long")
    assert routed["route"].to_list() == ["long"] * 4  # the documents are short
    assert routed["prompt_tokens"].to_list() == long["prompt_tokens"].to_list()
    assert routed["seconds"].to_list() == long["seconds"].to_list()


def test_a_router_that_asks_both_arms_is_charged_both(findable, tmp_path):
    outcome, _ = execute(run_of(findable, tmp_path, routers=("learned-after-both",)))
    tokens = {name: rows["prompt_tokens"].to_list() for (name,), rows in outcome.frame.group_by("reader")}
    both = [a + b for a, b in zip(tokens["rag"], tokens["long"], strict=True)]
    assert tokens["learned-after-both"] == both


def test_again_answers_nothing_and_says_the_same(findable, tmp_path):
    first, _ = execute(run_of(findable, tmp_path))
    second, missing = execute(run_of(findable, tmp_path))
    assert not any(missing.values())
    assert second.run.folder == first.run.folder
    assert second.frame.equals(first.frame)


def test_a_question_that_finds_nothing_fails_and_is_not_searched_again(dataset, tmp_path):
    first, _ = execute(run_of(dataset, tmp_path))
    failed = first.frame.drop_nulls("error")
    assert failed.select("reader", "example_id").rows() == [("rag", "b2")]
    assert failed["error"][0].startswith(NOTHING_RETRIEVED)
    second, missing = execute(run_of(dataset, tmp_path))
    assert missing == {"rag": set(), "long": set(), "auto": set()}
    assert second.frame.equals(first.frame)


def test_another_setting_is_another_run_and_asks_again(dataset, tmp_path):
    first, _ = execute(run_of(dataset, tmp_path))
    second, missing = execute(run_of(dataset, tmp_path, recipe=RECIPE.replace("k = 2", "k = 1")))
    assert second.run.folder != first.run.folder
    assert {name: len(ids) for name, ids in missing.items()} == {"rag": 4, "long": 0, "auto": 4}


def test_renew_asks_again_and_drops_nothing_before_there_is_a_new_answer(dataset, tmp_path):
    execute(run_of(dataset, tmp_path))
    run = run_of(dataset, tmp_path)
    store = Store(tmp_path)
    readers = run.readers(store)
    kept = len(store)
    run.renew(readers, store)
    assert all(len(ids) == 4 for ids in run.missing(readers).values())
    assert len(store) == kept
    store.close()


def test_bad_requests_name_their_place(dataset, tmp_path):
    with pytest.raises(SpecError, match="readers: no reader 'lnog'; did you mean 'long'"):
        plan_run(dataset, {"": load_recipe(RECIPE)}, ["lnog"], [], tmp_path)
    with pytest.raises(SpecError, match="no router 'lenght'; did you mean 'length'"):
        run_of(dataset, tmp_path, ["lenght"])
    with pytest.raises(SpecError, match=r"readers.rag.chunker: no chunker 'recusive'"):
        run_of(dataset, tmp_path, recipe=RECIPE.replace('"recursive"', '"recusive"'))
    with pytest.raises(UsageError, match="has no questions"):
        run_of(dataset.where(lambda example: False), tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_read_only_folder_is_named(dataset, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="--out"):
        execute(run_of(dataset, tmp_path / "runs"))


def test_a_file_in_the_folders_place_is_named(dataset, tmp_path):
    (tmp_path / "runs").write_text("in the way")
    with pytest.raises(StoreError, match="--out"):
        execute(run_of(dataset, tmp_path / "runs"))


SLOW = """
import sys, time
from pathlib import Path
from langchain_core.documents import Document
from rlc.data.records import Answer, Dataset, Example
from rlc.data.store import Store
from rlc.experiments.runs.loop import answer_all
from rlc.pipeline.readers.support.stored import StoredReader

def slow(examples, /):
    print(len(examples), flush=True)
    time.sleep(float(sys.argv[2]))
    return [Answer("yes", "") for _ in examples]

documents = {f"d{i}": Document(id=f"d{i}", page_content=f"text {i}") for i in range(5)}
examples = tuple(Example(f"{d}-{q}", "Why?", documents[d]) for d in documents for q in range(3))
store = Store(Path(sys.argv[1]))
frame = answer_all({"slow": StoredReader(lambda: slow, store, "v1", "slow")}, Dataset("x", examples, documents, "r"))
assert frame.height == 15 and frame["error"].null_count() == 15
"""


def test_kill_9_loses_at_most_one_batch(tmp_path):
    command = [sys.executable, "-c", SLOW, str(tmp_path)]
    first = subprocess.Popen([*command, "0.3"], stdout=subprocess.PIPE, text=True)
    for _ in range(3):  # the third batch has begun, so two are stored
        first.stdout.readline()
    time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    store = Store(tmp_path)
    kept = len(store)
    store.close()
    assert kept == 6
    second = subprocess.run([*command, "0"], capture_output=True, text=True, check=True)
    assert second.stdout.split() == ["3"] * 3

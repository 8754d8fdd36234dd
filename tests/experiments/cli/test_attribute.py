"""What a stored answer rests on, told by the model that gave it, on random weights."""

import re

import pytest
from click.testing import CliRunner

from rlc.data.datasets import load_dataset
from rlc.data.errors import UnsupportedError, UsageError
from rlc.data.store import Store
from rlc.experiments.cli.attribute import attribute_question
from rlc.experiments.cli.main import main
from rlc.experiments.runs.run import plan_run
from rlc.pipeline.recipe_files import load_recipe

RECIPE = """
[readers.rag]
use = "rag"
chunker = {{ use = "recursive", size = 4 }}
retriever = {{ use = "bm25", k = 3 }}
max_tokens = 4
llm = {{ use = "hf", model = '{model}', device = "cpu", dtype = "float32" }}

[readers.closed]
use = "closed"
llm = {{ use = "scripted", answers = {{ "" = "a lamp" }} }}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny_llm_folder):
    """A run of one question, with the folder that holds it."""
    out = tmp_path_factory.mktemp("runs")
    dataset = load_dataset("sample")
    dataset = dataset.where(lambda example: example.id == dataset.examples[0].id)
    planned = plan_run(
        dataset, {"": load_recipe(RECIPE.format(model=tiny_llm_folder))}, ["rag", "closed"], [], out
    )
    store = Store(out)
    frame = planned.execute(planned.readers(store)).frame
    store.close()
    assert frame["error"].is_null().all()
    return planned.folder.name, dataset.examples[0], out


def test_an_answers_passages_are_told_best_first(run):
    name, example, out = run
    lines = list(attribute_question(name, example.id, out, ["rag"], looks={"subsets": 4}))
    assert lines[0] == f"{example.id}: {example.question}"
    assert lines[1].startswith("rag: ")
    told = [re.fullmatch(r"\s+(\d+)% ([* ]) (\d+)-(\d+): (.*)", line) for line in lines[2:-1]]
    shares = [int(one[1]) for one in told]
    assert shares == sorted(shares, reverse=True)
    assert 98 <= sum(shares) <= 102
    for one in told:
        text = " ".join(example.document.page_content[int(one[3]) : int(one[4])].split())
        assert one[5][:60] == text[:60]
    assert re.fullmatch(r"\s+3 texts, 4 passes, [\d,]+ tokens, [\d.]+ s", lines[-1])


def test_what_cannot_be_told_is_said_and_the_others_are_told(run):
    name, example, out = run
    lines = list(attribute_question(name, example.id, out, looks={"subsets": 2}))
    [told] = [line for line in lines if "cannot be told" in line]
    assert "take the engine hf" in told
    assert any(" texts, 2 passes" in line for line in lines)
    with pytest.raises(UnsupportedError, match="take the engine hf"):
        list(attribute_question(name, example.id, out, ["closed"]))


def test_the_command(run):
    name, example, out = run
    done = CliRunner().invoke(
        main,
        ["attribute", name, example.id, "--out", str(out), "--reader", "rag", "--share", "1", "--top", "1"],
    )
    assert done.exit_code == 0, done.output
    assert "3 texts, 1 passes" in done.output


def test_bad_input(run):
    name, example, out = run
    with pytest.raises(UsageError, match="no reader 'rga'"):
        list(attribute_question(name, example.id, out, ["rga"]))
    with pytest.raises(UsageError, match="none of the document's text"):
        list(attribute_question(name, example.id, out, ["closed"], model=f"hf:{_model(run)}"))


def _model(run):
    from rlc.experiments.runs.stored import open_run

    name, _, out = run
    return open_run(name, out).specs["rag"]["llm"]["model"]

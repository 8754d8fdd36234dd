"""A small run on documents of its own, made once; a database with MLflow's tables, which take long to make."""

import json
import shutil

import pytest

from rlc.data.datasets import load_dataset
from rlc.data.store import Store
from rlc.experiments.runs.run import plan_run
from rlc.experiments.runs.stored import open_run
from rlc.pipeline.recipe_files import load_recipe

DOCUMENTS = {
    "lamp.txt": "The lamp was lit in 1871. Ada keeps the lamp.",
    "mill.txt": "The mill ground rye. It was closed in 1902.",
}
QUESTIONS = [
    {"question": "Who keeps the lamp?", "document": "lamp.txt", "answer": "Ada"},
    {"question": "How many sacks of rye?", "document": "mill.txt", "answer": "1,902 sacks"},
    {"question": "Is it nice?", "document": "mill.txt"},
]


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch):
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


@pytest.fixture(scope="session")
def planned(tmp_path_factory, scripted_recipe):
    """Both arms and a router over three questions on two documents; the third has no gold answer."""
    folder = tmp_path_factory.mktemp("mine", numbered=False)
    for name, text in DOCUMENTS.items():
        (folder / name).write_text(text)
    (folder / "questions.jsonl").write_text("".join(json.dumps(one) + "\n" for one in QUESTIONS))
    dataset, recipes = load_dataset(str(folder)), {"": load_recipe(scripted_recipe)}
    return lambda out: plan_run(dataset, recipes, ["rag", "long"], ["length"], out)


@pytest.fixture(scope="session")
def executed(planned, tmp_path_factory):
    """A run store with one run, and MLflow's empty tables beside it."""
    import mlflow

    out = tmp_path_factory.mktemp("executed")
    run, store = planned(out), Store(out)
    run.execute(run.readers(store))
    store.close()
    mlflow.MlflowClient(f"sqlite:///{out / 'mlflow.db'}").search_experiments()
    return out


@pytest.fixture
def out(executed, tmp_path):
    """A copy of the run store."""
    return shutil.copytree(executed, tmp_path / "runs")


@pytest.fixture
def stored(out):
    """Its run."""
    [folder] = out.glob("mine-own-*")
    return open_run(str(folder), out)


@pytest.fixture
def client():
    """An MLflow client of a run store."""
    import mlflow

    return lambda out: mlflow.MlflowClient(f"sqlite:///{out.resolve() / 'mlflow.db'}")

"""A run to look at: two arms and a router on two documents, one answer hostile, one failed."""

import json
import threading

import pytest
import uvicorn

from rlc.data.datasets import load_dataset
from rlc.experiments.runs.compare import Execution, carry_out
from rlc.experiments.runs.run import plan_run
from rlc.experiments.view.app import listen, make_app
from rlc.experiments.view.shelf import Shelf
from rlc.pipeline.recipe_files import load_recipe

EVIL = "</script><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
TEXT = (
    f"The lamp was lit in 1871. Ada keeps the lamp. {EVIL} "
    + "Nothing happens on this day. " * 600
    + "The mill was closed in 1902."
)
RECIPE = """
[readers.rag]
use = "rag"
chunker = { use = "recursive", size = 64 }
retriever = { use = "bm25", k = 2 }
llm = { use = "scripted", answers = { "Who keeps" = "Ada keeps it.", "closed" = "In 1899." } }

[readers.long]
use = "long"
llm = { use = "scripted", answers = { "Who keeps" = %s, "closed" = "In 1902." } }
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder of documents, and a folder of runs with one of them."""
    place = tmp_path_factory.mktemp("view")
    mine = place / "mine"
    mine.mkdir()
    (mine / "lamp.txt").write_text(TEXT)
    (mine / "mill.txt").write_text("The mill was closed in 1902.")
    asked = [
        {"question": "Who keeps the lamp?", "document": "lamp.txt", "answer": "Ada"},
        {"question": f"When was the mill closed? {EVIL}", "document": "mill.txt", "answer": "1902"},
        {"question": "When was the great mill closed?", "document": "lamp.txt", "answer": "1902"},
        {"question": "Is it nice?", "document": "mill.txt"},
    ]
    (mine / "questions.jsonl").write_text("".join(json.dumps(one) + "\n" for one in asked))
    recipe = {"": load_recipe(RECIPE % json.dumps(f"Nobody. {EVIL}"))}
    carry_out(plan_run(load_dataset(str(mine)), recipe, ["rag", "long"], [], place / "runs"), Execution())
    return place


@pytest.fixture
def shelf(folder):
    """All runs of the folder."""
    return Shelf(folder / "runs")


@pytest.fixture
def run(shelf):
    """The one that is there."""
    [found] = shelf.runs()
    return found


@pytest.fixture
def serve():
    """Serves a shelf by a thread, for a browser; gives the address."""
    running = []

    def start(shelf):
        place = listen(0)
        server = uvicorn.Server(uvicorn.Config(make_app(shelf), log_level="error", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, args=([place],), daemon=True)
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{place.getsockname()[1]}"

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(30)

"""A run that goes on while it is looked at: it is written by another process, which is killed."""

import json
import subprocess
import sys
import time

import pytest
from starlette.testclient import TestClient

from rlc.experiments.runs.rows import SO_FAR
from rlc.experiments.view.app import make_app
from rlc.experiments.view.shelf import NothingYetError, Shelf

ADDRESS = "http://127.0.0.1:8420"
QUESTIONS = 6
WRITER = """
import sys, time
from pathlib import Path
from rlc.data.datasets import load_dataset
from rlc.experiments.runs.compare import Execution, carry_out
from rlc.experiments.runs.run import plan_run
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.recipe_files import load_recipe

generate = ScriptedLLM.generate

def slowly(llm, prompts, **wishes):
    # An answer for every line that comes in.
    sys.stdin.readline()
    return generate(llm, prompts, **wishes)

ScriptedLLM.generate = slowly
recipe = {"": load_recipe(Path("recipe.toml").read_text())}
carry_out(plan_run(load_dataset("mine"), recipe, ["rag", "long"], [], Path("runs")), Execution())
"""


@pytest.fixture
def writer(tmp_path, scripted_recipe):
    """Another process that carries a run out, one batch for every call."""
    (tmp_path / "recipe.toml").write_text(scripted_recipe)
    (tmp_path / "mine").mkdir()
    for i in range(QUESTIONS):
        (tmp_path / "mine" / f"{i}.txt").write_text(f"Ada keeps lamp {i}.")
    asked = [
        {"question": f"Who keeps {i}?", "document": f"{i}.txt", "answer": "Ada"} for i in range(QUESTIONS)
    ]
    (tmp_path / "mine" / "questions.jsonl").write_text("".join(json.dumps(one) + "\n" for one in asked))

    def start():
        return subprocess.Popen(
            [sys.executable, "-c", WRITER],
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    process = start()
    process.again = start
    yield process
    process.kill()
    process.wait()


def until(found):
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.1)
    raise AssertionError("not within 120 s")


def answer(process, count):
    process.stdin.write("\n" * count)
    process.stdin.flush()


@pytest.mark.slow
def test_a_page_that_is_open_shows_them_without_being_loaded_anew(writer, tmp_path, serve, page):
    shelf = Shelf(tmp_path / "runs")
    [run] = until(shelf.runs)
    answer(writer, 1)
    until(lambda: shelf.run(run.id).so_far and (run.folder / SO_FAR).is_file())
    page.shows(f"{serve(shelf)}/run/{run.id}/questions", "1 of 12 answers", "1 question")
    page.run("window.still = 1")
    answer(writer, 4)
    page.comes("5 of 12 answers", "3 questions")
    writer.kill()
    page.comes("Stopped after 5 of 12 answers: whoever wrote it is gone")
    assert page.run("window.still") == 1


def test_rows_appear_as_they_are_answered_and_a_writer_that_is_gone_is_told(writer, tmp_path):
    shelf = Shelf(tmp_path / "runs")
    [run] = until(shelf.runs)
    run = until(lambda: (found := shelf.run(run.id)).so_far and found)  # its small files are there
    assert (run.state, run.so_far, run.data["examples"]) == (
        "going on",
        {"questions": 0, "documents": 0, "of": QUESTIONS},
        QUESTIONS,
    )
    with pytest.raises(NothingYetError):
        shelf.study(run)
    with TestClient(make_app(shelf), base_url=ADDRESS) as client:
        at = f"/run/{run.id}"
        assert "nothing is answered yet" in client.get(at).text
        assert "going on" in client.get("/").text

        def shows(address, *texts):
            return until(lambda: all(text in client.get(address).text for text in texts))

        answer(writer, 3)
        shows(at, "3 of 12 answers", "data-live")
        shows(f"{at}/questions", "2 questions")
        assert client.get(f"{at}/questions").text.count('class="verdict right"') == 3
        answer(writer, 2)
        shows(at, "5 of 12 answers")
        shows(f"{at}/report/costs", "5 of 12 answers", "Tokens a question", f'data-live="{at}/state"')
        shows(f"{at}/state", "5 of 12 answers")

        writer.kill()
        writer.wait()
        page = client.get(at).text
        assert "Stopped after 5 of 12 answers: whoever wrote it is gone" in page
        assert 'id="state" data-part data-live' not in page
        assert "stopped" in client.get("/").text
        assert shelf.study(run).run.frame.height == 5

        again = writer.again()
        answer(again, 2 * QUESTIONS)
        assert again.wait(timeout=120) == 0
        page = client.get(at).text
        assert "answers: whoever" not in page
        assert shelf.study(shelf.run(run.id)).run.frame.height == 2 * QUESTIONS
        assert not (run.folder / SO_FAR).exists()

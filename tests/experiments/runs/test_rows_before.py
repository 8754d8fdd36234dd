"""A row whose question, stored answer and code are what they were stands; any other is made anew."""

from dataclasses import replace

import polars as pl
import pytest

from rlc.data.records import Answer, Document, Evidence, Usage
from rlc.data.store import Store
from rlc.experiments.runs import made_of as makings
from rlc.experiments.runs.compare import carry_out
from rlc.experiments.runs.made_of import made_of
from rlc.experiments.runs.results_file import RESULTS, read_results
from rlc.experiments.runs.rows_before import RowsBefore
from rlc.experiments.runs.run import plan_run
from rlc.experiments.scorers import base
from rlc.pipeline.recipe_files import load_recipe


@pytest.fixture
def run(findable, scripted_recipe, tmp_path):
    return plan_run(findable, {"": load_recipe(scripted_recipe)}, ["rag", "long"], ["length"], tmp_path)


@pytest.fixture
def scored(monkeypatch):
    """What is scored from now on, by question and answer."""
    asked = []
    score = base.score_text

    def noting(judge, example, answer):
        asked.append((example.id, answer.text))
        return score(judge, example, answer)

    monkeypatch.setattr(base, "score_text", noting)
    return asked


def test_a_run_again_makes_no_row_anew(run, scored):
    first = carry_out(run).frame
    assert len(scored) == len(set(scored)) > 0
    assert first["made_of"].null_count() == 0
    assert first["made_of"].n_unique() == first.height
    scored.clear()
    again = carry_out(run)
    assert again.frame.equals(first)
    assert again.reused == first.height
    assert scored == []


def test_other_code_makes_all_anew(run, scored, monkeypatch):
    first = carry_out(run).frame
    scored.clear()
    monkeypatch.setattr(makings, "code", lambda: "other code")
    again = carry_out(run).frame
    assert again.drop("made_of").equals(first.drop("made_of"))
    assert set(again["made_of"]).isdisjoint(first["made_of"])
    assert scored


def test_a_stored_answer_that_changed_is_seen_in_its_row_alone(run, findable, scored):
    first = carry_out(run).frame
    store = Store(run.out)
    example = findable.examples[0]
    [key] = run.readers(store)["long"].keys([example])
    store.put({key: Answer("Nobody.", "long", usage=Usage(prompt_tokens=7))})
    store.close()
    scored.clear()
    again = carry_out(run).frame
    changed = again.filter(pl.col("reader") == "long", pl.col("example_id") == example.id)
    assert changed.select("prediction", "prompt_tokens").rows() == [("Nobody.", 7)]
    assert scored == [(example.id, "Nobody.")]
    others = ~((pl.col("reader") == "long") & (pl.col("example_id") == example.id))
    assert again.filter(others).equals(first.filter(others))
    assert again.select("reader", "example_id").equals(first.select("reader", "example_id")), (
        "the order holds"
    )


def test_a_damaged_answer_is_asked_again(run, findable):
    first = carry_out(run).frame
    store = Store(run.out)
    [key] = run.readers(store)["long"].keys(findable.examples[:1])
    with store._connection as connection:
        connection.execute("UPDATE answers SET answer = answer || ' ' WHERE key = ?", (key,))
    store.close()
    with pytest.warns(UserWarning, match="1 stored answers of long cannot be read"):
        again = carry_out(run)
    assert again.reused == first.height - 1
    assert again.frame["prediction"].equals(first["prediction"])


def test_whatever_belongs_to_a_question_belongs_to_the_row(findable):
    example = findable.examples[0]
    known = made_of("long", example, "rule", "seal")
    assert known == made_of("long", replace(example), "rule", "seal")
    others = [
        ("rag", example, "rule", "seal"),
        ("long", example, "helmet:f1", "seal"),
        ("long", example, "rule", "another"),
        *(
            ("long", replace(example, **changed), "rule", "seal")
            for changed in (
                {"answers": ("other",)},
                {"answerable": False},
                {"task": "other"},
                {"metadata": {"length": "8k"}},
                {"gold": (Evidence("d", 0, 1),)},
                {"document": Document(id="d", page_content="", metadata={"pages": (0, 5)})},
            )
        ),
    ]
    digests = [made_of(*one) for one in others]
    assert None not in digests
    assert len({known, *digests}) == len(digests) + 1


@pytest.mark.parametrize(
    ("measure", "seal", "metadata"),
    [("rule", "", {}), ("rule", None, {}), ("mine:f1", "s", {}), ("rule", "s", {(1,): 2})],
)
def test_what_cannot_be_known_has_no_digest(findable, measure, seal, metadata):
    assert made_of("long", replace(findable.examples[0], metadata=metadata), measure, seal) is None


def test_results_that_cannot_be_read_keep_nothing(run, tmp_path):
    first = carry_out(run).frame
    file = run.folder / RESULTS
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    file.write_bytes(damaged)
    for place in (file, tmp_path / "nowhere"):
        with RowsBefore(place, {}) as before:
            assert before.count == 0
            assert list(before.frames("long")) == []
    assert carry_out(run).frame.equals(first)
    assert read_results(file).equals(first)

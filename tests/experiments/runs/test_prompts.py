"""Prompts made again, recognised by the hash that the answer kept."""

import pytest

from rlc.data.store import Store
from rlc.experiments.report.pages.question import show_question
from rlc.experiments.report.terminal import lines
from rlc.experiments.runs.prompts import rebuild_prompts
from rlc.experiments.runs.results import steps_of
from rlc.experiments.runs.run import plan_run
from rlc.pipeline.families import BUILDER, READER
from rlc.pipeline.llms.hf import HfLLM
from rlc.pipeline.recipe_files import load_recipe


def test_every_stored_answers_prompt_is_found_again(findable, tmp_path, scripted_recipe):
    run = plan_run(findable, {"": load_recipe(scripted_recipe)}, ["rag", "long"], [], tmp_path)
    store = Store(tmp_path)
    frame = run.execute(run.readers(store)).frame
    store.close()
    examples = {example.id: example for example in findable.examples}
    for row in frame.iter_rows(named=True):
        prompts = rebuild_prompts(run.specs[row["reader"]], examples[row["example_id"]])
        assert set(prompts) == {row["prompt_hash"]}
        assert prompts[row["prompt_hash"]].question.startswith(f"Question: {row['question']}")


def test_show_prints_the_prompt(tmp_path, scripted_recipe):
    from rlc.data.datasets import load_dataset

    dataset = load_dataset("sample")
    dataset = dataset.where(lambda example: example.id == dataset.examples[0].id)
    run = plan_run(dataset, {"": load_recipe(scripted_recipe)}, ["rag", "long"], ["length"], tmp_path)
    store = Store(tmp_path)
    run.execute(run.readers(store))
    store.close()
    text = "\n".join(
        line.plain for line in lines(show_question(str(run.folder), dataset.examples[0].id, tmp_path))
    )
    assert text.count("prompt:\n") == 2  # the arms'; the router asked nothing itself
    assert "Read these chunks to answer a question." in text
    assert f"Question: {dataset.examples[0].question}" in text


STRATEGY = """
[parts.llm]
use = "scripted"
window = 500
answers = {"" = "a lamp"}

[readers.map-reduce]
use = "map-reduce"
llm = "@llm"
piece = 60
note_tokens = 20
"""


def test_a_strategys_steps_are_shown_with_all_prompts_and_no_model(tmp_path):
    from rlc.data.datasets import load_dataset

    dataset = load_dataset("sample")
    dataset = dataset.where(lambda example: example.id == dataset.examples[0].id)
    run = plan_run(dataset, {"": load_recipe(STRATEGY)}, ["map-reduce"], [], tmp_path)
    store = Store(tmp_path)
    [row] = run.execute(run.readers(store)).frame.to_dicts()
    store.close()
    steps = steps_of(row["steps"])
    assert row["calls"] == len(steps) > 2
    rebuilt = rebuild_prompts(run.specs["map-reduce"], dataset.examples[0], steps)
    assert set(rebuilt) == {step.prompt_hash for step in steps}
    page = show_question(str(run.folder), dataset.examples[0].id, tmp_path)
    text = "\n".join(line.plain for line in lines(page))
    assert text.count("round 1: map") == len(steps) - row["rounds"] + 1
    assert text.count("prompt:\n") == len(steps)
    assert "another hash" not in text


@pytest.mark.parametrize("name", ["attention-sorting", "attrieval"])
def test_prompts_that_follow_from_what_was_looked_at_are_found_again(
    name, make_example, tiny_llm_folder, monkeypatch
):
    search = {"use": "search", "chunker": {"use": "sentence", "size": 9}, "retriever": "bm25"}
    settings = (
        {"search": search, "sorts": 2} if name == "attention-sorting" else {"reason_tokens": 9, "facts": 1}
    )
    llm = {"use": "hf", "model": str(tiny_llm_folder), "dtype": "float32", "device": "cpu"}
    spec = BUILDER.complete({"use": name, "llm": llm, "max_tokens": 4, **settings}, READER, "reader")
    example = make_example("1", "Who saw a cat?", "Ann saw a cat. Bob saw a dog and a cat. Cyd saw a bird.")
    [answer] = BUILDER.build(spec, READER, "reader")([example])
    assert answer.error is None
    assert "attend" in [step.kind for step in answer.steps]
    monkeypatch.setattr(HfLLM, "_forward", None)  # nobody looks, nobody writes
    assert set(rebuild_prompts(spec, example, answer.steps)) == {
        s.prompt_hash for s in answer.steps if s.prompt_hash
    }

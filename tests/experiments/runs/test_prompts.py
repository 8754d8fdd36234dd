"""Prompts made again, recognised by the hash that the answer kept."""

from rlc.data.store import Store
from rlc.experiments.report.pages.question import show_question
from rlc.experiments.report.terminal import lines
from rlc.experiments.runs.prompts import rebuild_prompts
from rlc.experiments.runs.run import plan_run
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

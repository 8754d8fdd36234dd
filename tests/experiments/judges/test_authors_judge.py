"""Authors' prompts for a judge: every file's places, and a run that is judged with them."""

import json
import re

import pytest

from rlc.data.records import Answer, Document, Example
from rlc.data.sets import SETS
from rlc.experiments.judges.base import Case
from rlc.experiments.judges.correctness import Correctness
from rlc.experiments.judges.support.second_opinion import second_opinion
from rlc.experiments.runs.loop import answer_all
from rlc.experiments.scorers.authors_judge import FOLDER, authors_judge
from rlc.pipeline.llms.scripted import ScriptedLLM

FILES = sorted(FOLDER.glob("*.toml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_of_prompts(file):
    authors = authors_judge(file.stem)
    assert file.stem in SETS
    assert re.search(r"@[0-9a-f]{7}.*(MIT|Apache)", file.read_text().replace("\n", " "))
    assert "default" in authors.prompts
    assert authors.accepts(authors.right.title())
    assert not authors.accepts(authors.wrong)
    for template in authors.prompts.values():
        assert re.findall(r"\{(\w+)\}", template) == ["question", "reference", "candidate"]


def test_the_prompt_of_a_task_and_of_what_is_not_answered():
    document = Document(id="d", page_content="")
    example = Example("q", "When {reference}?", document, ("May",), "temporal-reasoning")
    judge = Correctness(ScriptedLLM({}), dataset="longmemeval")
    [prompt] = judge.prompts(Case(example, Answer("In May.", "")))
    assert "off-by-one" in prompt.prefix
    assert prompt.question.startswith("When {reference}?\n\nCorrect Answer: May\n\nModel Response: In May.")
    silent = Example("q", "When?", document, ("Never told.",), "temporal-reasoning", answerable=False)
    [prompt] = judge.prompts(Case(silent, Answer("Unknown.", "")))
    assert "unanswerable" in prompt.prefix


@pytest.mark.parametrize(
    ("reply", "share", "accepted", "unparsed"), [("False", 0.0, 0, 0), ("It is true", None, 5, 5)]
)
def test_a_run_is_judged_by_the_authors_prompts(
    dataset, right, wrong, tmp_path, reply, share, accepted, unparsed
):
    del wrong.answers["b1"]
    (tmp_path / "recipe.json").write_text("{}")
    (tmp_path / "provenance.json").write_text(json.dumps({"dataset": {"settings": [{"use": "loogle"}]}}))
    frame = answer_all({"right": right, "wrong": wrong}, dataset)
    judge = ScriptedLLM({"": reply}, name="judge")
    opinion = second_opinion(tmp_path, frame, judge)
    assert (opinion.prompts, opinion.accepted, opinion.unparsed) == (
        "bigai-nlco/LooGLE@d3c81ae",
        accepted,
        unparsed,
    )
    assert opinion.by_reader["right"][0] == share
    assert judge.calls[0].prompts[0].system.startswith("Given one question")

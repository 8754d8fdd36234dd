"""What must be said beside a figure."""

from dataclasses import replace

import pytest
from langchain_core.documents import Document

from rlc.data.records import Answer, Dataset, Example
from rlc.experiments.runs.loop import answer_all
from rlc.experiments.runs.results_table import ResultsTable
from rlc.experiments.runs.stored import StoredRun
from rlc.experiments.study.caveats import caveats, outside_collections
from rlc.experiments.study.study import make_study
from rlc.pipeline.routers.support.fitted import seen_questions
from rlc.pipeline.routers.support.gain_model import load_model


@pytest.fixture
def dataset():
    documents = {f"d{i}": Document(id=f"d{i}", page_content=f"Text number {i}.") for i in range(6)}
    examples = [Example(f"q{i}", f"What is {i}?", documents[f"d{i}"], ("it",)) for i in range(6)]
    return Dataset("own", tuple(examples), documents, "1")


def fit_file(folder, examples, models=("m",)):
    shipped = load_model("lara-1")
    provenance = {"data": "results", "models": list(models), "seen_questions": seen_questions(examples)}
    file = folder / "learned.json"
    file.write_text(replace(shipped, readers={}, provenance=provenance).to_json())
    return str(file)


def study_of(dataset, tmp_path, fit, model="m", details=None):
    def reader(name):
        return lambda examples, /: [
            Answer("it", name, finish_reason="stop", details=details or {}) for _ in examples
        ]

    frame = answer_all({name: reader(name) for name in ("rag", "long", "auto")}, dataset)
    arms = {arm: {"use": "recorded", "arm": arm, "model": model} for arm in ("rag", "long")}
    router = {"use": "learned", "fit": fit, **arms}
    return make_study(
        StoredRun(tmp_path, ResultsTable(frame), {**arms, "auto": router}, {"auto": "auto (learned)"})
    )


def test_a_router_on_the_questions_that_it_was_fitted_on_is_marked(dataset, tmp_path):
    study = study_of(dataset, tmp_path, fit_file(tmp_path, dataset.examples[:4]))
    [sentence] = caveats(study)
    assert sentence.startswith("* auto (learned)*: fitted on 4 of these 6 questions, with these very answers")
    assert study.reader("auto").label == "auto (learned)*"
    assert [study.reader(name).label for name in ("rag", "long")] == ["rag", "long"]


def test_other_models_answers_are_told_apart(dataset, tmp_path):
    study = study_of(dataset, tmp_path, fit_file(tmp_path, dataset.examples, models=("other",)))
    first, second = caveats(study)
    assert "fitted on 6 of these 6 questions, with answers of other models" in first
    assert "fitted on results (other) and takes m for their average" in second


def test_held_out_folds_are_no_flattery(dataset, tmp_path):
    study = study_of(dataset, tmp_path, fit_file(tmp_path, dataset.examples), details={"held_out": True})
    [sentence] = caveats(study)
    assert (
        "decided each of the 6 questions that it was fitted on by a fit without the question's document"
        in sentence
    )
    assert study.reader("auto").label == "auto (learned)"


def test_questions_that_no_fit_has_seen_need_no_word(dataset, tmp_path):
    others = [replace(one, question=f"{one.question} And why?") for one in dataset.examples]
    assert caveats(study_of(dataset, tmp_path, fit_file(tmp_path, others))) == []


def test_a_fit_that_is_gone_is_said(dataset, tmp_path):
    [sentence] = caveats(study_of(dataset, tmp_path, str(tmp_path / "gone.json")))
    assert "cannot be read any more" in sentence


def test_collections_that_lack_documents():
    data = {"documents": 4, "outside_collections": {"lara": 1}}
    assert outside_collections(data) == [
        "The collection lara lacks 1 of the 4 documents that are asked about."
    ]
    assert outside_collections({}) == []

"""Length by depth: the table, the picture and where the depth is from."""

from pathlib import Path

import numpy as np
import pytest

from rlc.data.datasets import load_dataset
from rlc.data.records import Answer
from rlc.experiments.report.sections.heat import depth_bins, depths, length_and_depth, lengths
from rlc.experiments.report.sections.silver import silver_recall
from rlc.experiments.runs.loop import answer_all
from rlc.experiments.runs.provenance import provenance
from rlc.experiments.runs.results_table import ResultsTable
from rlc.experiments.runs.stored import StoredRun
from rlc.experiments.study.study import make_study


def short_only(examples, /):
    """Answers texts of 512 tokens and reads their needle; of longer ones it reads the beginning."""
    return [
        Answer(e.answers[0], "", e.gold) if e.metadata["length"] == "512" else Answer("No.", "", e.gold[:0])
        for e in examples
    ]


def always(examples, /):
    return [Answer(f"It is {e.answers[0]}.", "", e.gold) for e in examples]


@pytest.fixture(scope="module")
def study():
    data = load_dataset("niah,length=512+1024,depths=3")
    frame = answer_all({"rag": always, "long": short_only}, data)
    specs = {"rag": {"use": "rag"}, "long": {"use": "long"}}
    run = StoredRun(Path("run"), ResultsTable(frame), specs, {}, {"dataset": provenance(data, {})["dataset"]})
    return make_study(run, dataset=data)


def test_the_table_says_where_an_arm_breaks(study):
    section = length_and_depth(study)
    by_length, effective = section.tables
    assert [[cell.text for cell in row] for row in by_length.rows] == [
        ["rag: single", "100%", "100%", "holds"],
        ["long: single", "100%", "0%", "1,024"],
    ]
    assert [row[1].text for row in effective.rows] == ["1,024", "512"]


def test_the_picture_has_a_panel_a_reader_and_a_cell_a_length_and_depth(study):
    [plot] = length_and_depth(study).plots
    figure = plot.draw()
    panels = [axes for axes in figure.axes if axes.images and axes.get_title(loc="left")]
    assert [axes.get_title(loc="left") for axes in panels] == ["rag", "long"]
    grids = [axes.images[0].get_array() for axes in panels]
    assert grids[0].shape == (3, 2)
    assert grids[1].tolist() == [[100, 0]] * 3


def test_evidence_is_found_by_the_marked_spans(study):
    assert study.found["rag"].tolist() == [1.0] * 6
    assert np.nansum(study.found["long"]) == 3
    section = silver_recall(study)
    assert section.title == "Gold evidence"
    assert "marks where the evidence of 6 of 6 questions stands" in section.texts[0]


def test_depths_and_lengths_are_the_data_sets_own(study):
    assert sorted(set(lengths(study))) == [512, 1024]
    assert sorted(set(depths(study))) == [0, 0.5, 1]
    assert len(depth_bins(np.array([0, 0.5, 1, np.nan]))) == 3
    assert len(depth_bins(np.linspace(0, 1, 40))) == 11


def test_other_data_has_no_such_section(study):
    from dataclasses import replace

    assert length_and_depth(replace(study, run=replace(study.run, provenance={}))) is None

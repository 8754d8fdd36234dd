"""Studies as sections of a report: what was stored comes back as the same figures."""

import json
from dataclasses import asdict

import pytest
from click.testing import CliRunner

from rlc.data.errors import DataError, UsageError
from rlc.experiments.cli.main import main
from rlc.experiments.report.sections.chunk_quality import as_data, draw, rows_of, write_page
from rlc.experiments.report.sections.measured import sections
from rlc.experiments.report.sections.prune_quality import draw as draw_pruners
from rlc.experiments.statistics.intervals import difference, estimate
from rlc.experiments.study.chunking import CurveSummary, Point

CLUSTERS = [f"d{i}" for i in range(12)]
FIRST = estimate([1.0, 0.0] * 6, CLUSTERS)
ABOUT = {
    "dataset": "lara",
    "variant": "sample",
    "questions": 12,
    "documents": 12,
    "tokenizer": "approximate",
}
ROWS = [
    CurveSummary(
        "recursive", "bm25", [Point(100, FIRST, 90.0, 0.1), Point(200, FIRST, 180.0, 0.2)], FIRST, None
    ),
    CurveSummary(
        "fixed",
        "bm25",
        [Point(100, FIRST, 95.0, 0.1), Point(200, FIRST, 190.0, 0.2)],
        FIRST,
        difference([1.0] * 12, [0.0] * 12, CLUSTERS),
    ),
]
PRUNED = {
    "sets": {
        "nq": {
            "questions": 12,
            "bearing": 12,
            "goal": [0.75, 0.95],
            "threshold": 0.1,
            "curves": {"lead": [[0, 1], [1, 0]], "provence-mini": [[0, 1], [0.9, 0.9], [1, 0]]},
            "rows": [
                {
                    "method": method,
                    "removed": asdict(FIRST),
                    "kept": asdict(FIRST),
                    "difference": None,
                    "removed_at_95": 0.25,
                    "removed_at_90": 0.5,
                }
                for method in ("lead", "provence-mini")
            ],
        }
    },
    "reranking": {"nq": {"as found": asdict(FIRST)}},
    "latency": {"bfloat16": {"median": 0.4}},
}


@pytest.fixture
def folder(tmp_path):
    write_page(as_data(ROWS, ABOUT), tmp_path / "study")
    return tmp_path / "study"


def test_rows_come_back_from_the_file(folder):
    assert rows_of(json.loads((folder / "chunkers.json").read_text())) == ROWS


def test_chunkers_by_hand(folder):
    [made] = sections([folder])
    [table] = made.tables
    assert [cell.text for cell in table.rows[1]] == ["fixed", "bm25", "50.0%", "50.0%", "50.0%", "+100.0"]
    assert table.rows[0][2].detail.endswith("90 tokens")
    assert [len(axes.get_lines()) > 0 for axes in draw(ROWS).axes] == [True, True]


def test_pruners_by_hand(tmp_path):
    (tmp_path / "prune_quality.json").write_text(json.dumps(PRUNED))
    [made] = sections([tmp_path])
    assert [cell.text for cell in made.tables[0].rows[0]] == ["lead", "50.0%", "50.0%", "", "25.0%", "50.0%"]
    assert made.tables[1].columns == ("passages", "as found")
    [axes] = draw_pruners(PRUNED["sets"]).axes
    assert [line.get_label() for line in axes.get_lines()] == ["lead", "provence-mini", "goal"]


def test_two_of_a_kind_have_names_of_their_own(folder):
    first, second = sections([folder, folder])
    assert (first.id, second.id, second.plots[0].name) == ("chunkers", "chunkers-2", "chunkers-2")


def test_a_folder_without_a_study_and_a_broken_one(folder, tmp_path):
    with pytest.raises(UsageError, match=r"chunkers\.json or prune_quality\.json"):
        sections([tmp_path])
    (folder / "chunkers.json").write_text("{}")
    with pytest.raises(DataError, match="not a study of this version"):
        sections([folder])


def test_the_report_of_a_run_takes_them_in(folder, tmp_path):
    words = ["report", "no-run", "--out", str(tmp_path), "--study"]
    done = CliRunner().invoke(main, [*words, str(tmp_path / "nowhere")])
    assert done.exit_code == 2
    assert "does not exist" in done.output

"""The routers' curve."""

import pytest

from rlc.data.errors import UsageError
from rlc.experiments.router_lab.plot import draw_curve, write_curve

ROW = {
    "router": "learned",
    "protocol": "unseen documents",
    "accuracy": 0.7,
    "accuracy_ci": [0.65, 0.75],
    "tokens": 30_000.0,
    "better_arm": "rag",
    "better_arm_accuracy": 0.66,
}


def test_curves_points_and_the_better_arm():
    [axes] = draw_curve([ROW, {**ROW, "router": "table"}]).axes
    assert [line.get_label() for line in axes.get_legend_handles_labels()[0]] == [
        "learned, by price",
        "learned-after-rag, by price",
        "buy-then-choose, by price",
    ]
    assert {text.get_text() for text in axes.texts} == {"learned", "table"}


def test_files_are_written_where_asked(tmp_path):
    for name in ("a.svg", "b.svg", "c.png"):
        write_curve([ROW], tmp_path / "new" / name)
    assert (tmp_path / "new" / "c.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("row", "name", "message"),
    [
        ({**ROW, "protocol": "calibrated"}, "a.svg", "nothing was measured under"),
        (ROW, "a.gif", "ends in .svg or .png"),
    ],
)
def test_bad_requests(row, name, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        write_curve([row], tmp_path / name)

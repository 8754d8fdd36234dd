"""Names in pictures can be read: they stand off each other, and the same ones stand in the same places."""

from itertools import combinations

from rlc.experiments.report.figures.plots import label_points, new_figure, new_panels

CROWD = {f"rag (setting {i})": (1000.0 + 20 * i, 60.0 + 0.4 * i) for i in range(5)} | {"closed": (80.0, 20.0)}


def named():
    figure, axes = new_figure(7, 4.4)
    axes.plot(*zip(*CROWD.values(), strict=True), "o")
    axes.margins(x=0.18)
    label_points(axes, CROWD)
    figure.draw_without_rendering()
    return {text.get_text(): text.get_window_extent() for text in axes.texts if text.get_text()}


def test_names_stand_off_each_other_the_same_each_time():
    boxes = named()
    assert boxes.keys() == CROWD.keys()
    assert not any(one.overlaps(other) for one, other in combinations(boxes.values(), 2))
    assert {name: box.bounds for name, box in named().items()} == {n: b.bounds for n, b in boxes.items()}


def test_panels_stand_in_rows_and_none_is_left_over():
    figure, panels = new_panels(5, 3, (2, 1), margin=(0.5, 1))
    assert figure.get_size_inches().tolist() == [6.5, 3.0]
    assert len(panels) == 5
    assert [axes.get_visible() for axes in figure.axes] == [True] * 5 + [False]
    assert panels[1].xaxis.get_tick_params()["labelbottom"] is False
    assert panels[2].xaxis.get_tick_params()["labelbottom"] is True  # the lowest of its column

"""What must be said beside a figure."""

import pytest

from rlc.experiments.runs.caveats import caveats

BENCHMARK = {"name": "lara", "variant": "benchmark"}


def test_a_router_on_the_data_that_it_was_fitted_on_is_named():
    specs = {"rag": {"use": "rag"}, "auto": {"use": "learned", "fit": "lara-1"}}
    [sentence] = caveats(specs, BENCHMARK)
    assert sentence.startswith("auto: fitted on a part of LaRA")
    many = {f"{model}/auto": specs["auto"] for model in "abcd"}
    assert caveats(many, BENCHMARK)[0].startswith("4 routers: ")


@pytest.mark.parametrize(
    ("spec", "data"),
    [
        ({"use": "length"}, BENCHMARK),
        ({"use": "learned", "fit": "mine/fit.json"}, BENCHMARK),
        ({"use": "learned", "fit": "lara-1"}, {"name": "lara", "variant": "sample"}),
        ({"use": "learned", "fit": "lara-1"}, {"name": "mine", "variant": "own"}),
    ],
)
def test_nothing_is_said_where_nothing_needs_saying(spec, data):
    assert caveats({"auto": spec}, data) == []

import pytest

from rlc.data.errors import DataError, UsageError
from rlc.data.records import Usage
from rlc.experiments.metrics.cost import Price, dollars, read_prices

USAGE = Usage(prompt_tokens=1_000_000, cached_tokens=400_000, output_tokens=100_000, index_tokens=200_000)


def test_price_by_hand():
    # 0.6 M fresh + 0.2 M index at 2 + 0.4 M cached at 0.5 + 0.1 M output at 8
    assert Price(2.0, 0.5, 8.0).of(USAGE) == pytest.approx(1.6 + 0.2 + 0.8)


def test_price_of_a_sum_is_the_sum_of_prices():
    price = Price(2.0, 0.5, 8.0)
    assert price.of(USAGE.then(USAGE)) == pytest.approx(2 * price.of(USAGE))


def test_sheets_in_toml_and_json(tmp_path):
    toml, json = tmp_path / "prices.toml", tmp_path / "prices.json"
    toml.write_text('["org/model"]\nprompt = 2\noutput = 8.0\n')
    json.write_text('{"org/model": {"prompt": 2, "cached": 0.5, "output": 8}}')
    assert read_prices(toml) == {"org/model": Price(2, 2, 8.0)}  # cached costs as much as fresh
    assert dollars(USAGE, "org/model", read_prices(json)) == pytest.approx(2.6)


def test_unknown_model_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'model'"):
        dollars(USAGE, "modle", {"model": Price(1, 1, 1)})


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("p.toml", "not = [", "cannot be read"),
        ("p.json", "[1]", "expected a table of models"),
        ("p.toml", "[m]\nprompt = 1", "expected prompt and output"),
        ("p.toml", "[m]\nprompt = 1\noutput = 1\ninput = 1", "expected prompt and output"),
        ("p.toml", "[m]\nprompt = '1'\noutput = 1", "expected numbers"),
        ("p.toml", "[m]\nprompt = true\noutput = 1", "expected numbers"),
        ("p.toml", "[m]\nprompt = -1\noutput = 1", "at least 0"),
        ("p.toml", "[m]\nprompt = nan\noutput = 1", "at least 0"),
    ],
)
def test_broken_sheets_name_the_file(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_prices(tmp_path / name)
    assert name in str(caught.value)


def test_missing_sheet(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_prices(tmp_path / "none.toml")

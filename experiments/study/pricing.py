"""The prices of a comparison's models."""

from collections.abc import Iterable

from rlc.data.errors import UsageError, unknown
from rlc.data.spec import Spec
from rlc.experiments.metrics.cost import Price, shipped_prices
from rlc.experiments.metrics.pricing import Sheet, model_of, price_of


def prices_of(models: Iterable[str], engines: Iterable[Spec], sheet: Sheet | None = None) -> dict[str, Price]:
    """Prices by the names of models: those of a user's sheet, which must hold them all, else what is known of providers.

    Raises:
        UsageError: if the user's sheet lacks a model.
    """
    known = {
        model_of(engine): price
        for engine in engines
        if (price := price_of(engine, sheet or shipped_prices())) is not None
    }
    if not sheet:
        return known
    known = {**sheet, **known}
    for model in models:
        if model not in known:
            raise UsageError(f"{unknown('price for model', model, sheet)}; add it to the file of --prices")
    return known

"""Recipe files: TOML tables of readers and their parts, with the data sets, the judge and the sweep that may stand beside them."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlc.data.errors import SpecError, unknown
from rlc.data.plain import parse_toml
from rlc.data.spec import (
    Spec,
)
from rlc.pipeline.recipe import ROUTER_NAMES, Recipe, check_size, named_parts, router_part

BESIDE = ("dataset", "judge", "sweep")  # tables of a recipe file that are no part of the recipe


def load_recipe(source: Path | str) -> Recipe:
    """Read a recipe file, or a text of that form.

    A `[sweep]` table (`rlc.experiments.sweep.recipe`), a `[dataset]` (`dataset_specs`) and a `[judge]` (`judge_table`) are
    no part of it. A part that no table names is warned of.

    Raises:
        SpecError: if it cannot be read or is not a recipe.
    """
    tables = read_tables(source)
    recipe = recipe_of({key: table for key, table in tables.items() if key not in BESIDE})
    if spare := sorted(
        {*tables.get("parts", {})} - set(named_parts(tables)) - {router_part(name) for name in ROUTER_NAMES}
    ):
        warnings.warn(
            f"nothing in the recipe names {', '.join(f'[parts.{name}]' for name in spare)}, so that what stands there reaches "
            f'nothing: write "@{spare[0]}" where it is to be used, or take it out',
            stacklevel=2,
        )
    return recipe


def dataset_specs(source: Path | str) -> list[Spec]:
    """The data sets that a recipe asks about: its `[dataset]` or `[[dataset]]` tables, as they stand; none without.

    Raises:
        SpecError: if it cannot be read, or a table names no data set.
    """
    tables = read_tables(source).get("dataset", [])
    specs = [tables] if isinstance(tables, Mapping) else tables
    for spec in specs:
        if not isinstance(spec, Mapping) or "use" not in spec:
            raise SpecError(f'dataset: expected a table such as [dataset] use = "ruler", got {spec!r}')
    return [dict(spec) for spec in specs]


def judge_table(source: Path | str) -> Spec | None:
    """The judge of a recipe: its `[judge]` table, which may name the recipe's parts (`llm = "@judge"`); None without.

    Raises:
        SpecError: if it cannot be read, or names no judge.
    """
    tables = read_tables(source)
    if (table := tables.get("judge")) is None:
        return None
    if not isinstance(table, Mapping) or "use" not in table:
        raise SpecError(
            f'judge: expected a table such as [judge] use = "correctness", llm = "@judge", got {table!r}'
        )
    return dict(Recipe({}, tables.get("parts", {})).written_out(dict(table), "judge"))


def read_tables(source: Path | str) -> dict[str, Any]:
    """The tables of a TOML file, or of a text of that form.

    Raises:
        SpecError: if it cannot be read.
    """
    try:
        text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
        return parse_toml(text)
    except (OSError, ValueError) as error:
        name = source if isinstance(source, Path) else ""
        raise SpecError(
            f"cannot read the recipe {name}: {error}; `rlc init` writes one to begin with"
        ) from error


def recipe_of(tables: Mapping[str, Any]) -> Recipe:
    """The recipe that stands in these tables.

    Raises:
        SpecError: if they are not those of a recipe.
    """
    for key, table in tables.items():
        if key not in ("readers", "parts"):
            raise SpecError(f"{key}: {unknown('table', key, ['readers', 'parts', *BESIDE])}")
        if not isinstance(table, Mapping):
            raise SpecError(f"{key}: expected [{key}.NAME] tables, got {table!r}")
    check_size(tables)
    if not tables.get("readers"):
        raise SpecError(
            "the recipe has no [readers.NAME] table, so there is nothing to compare; `rlc init` writes one"
        )
    parts = tables.get("parts", {})
    for name in parts:  # nothing else would miss it: it is looked up by the names of routers
        router = name.removeprefix(router_part(""))
        if router != name and router not in ROUTER_NAMES:
            raise SpecError(f"parts.{name}: {unknown('router', router, ROUTER_NAMES)}")
    return Recipe(tables["readers"], parts)

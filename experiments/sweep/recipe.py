"""Sweeps as a person writes them: a recipe, and the settings of it that are crossed.

    [sweep]
    reader = "rag"                  # the reader whose settings are crossed
    against = ["rag", "long"]       # readers of the recipe, as they stand, that the chosen setting meets on the test split
    tuning = 0.5                    # share of the documents that chooses; the others test

    [sweep.axes]                    # a path, as for --set, and its values
    "readers.rag.chunker.size" = [128, 256]
    "readers.rag.order" = ["relevance", "document"]

    [sweep.axes."readers.rag.retriever"]    # or named alternatives for a whole part
    bm25 = { use = "bm25", k = 5 }
    dense = { use = "dense", encoder = "minilm", k = 5 }

Everything but the axes may be left out; a file without readers sweeps the built-in recipe. Whole parts are set before
their settings, wherever they stand in the file.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from rlc.data.errors import SpecError, unknown
from rlc.data.spec import Spec, fingerprint
from rlc.pipeline.recipe import Recipe
from rlc.pipeline.recipe_files import BESIDE, recipe_of
from rlc.pipeline.recipe_settings import with_setting

KEYS = ("reader", "against", "tuning", "axes")
SAYS_LITTLE = ("use", "model")  # as last words of a path: the word before them says more
MOST = 500  # settings; more is a slip of the pen, or a night's work that should be meant


@dataclass(frozen=True)
class Sweep:
    """A recipe, and the axes that are crossed: path to name to value."""

    recipe: Recipe
    axes: Mapping[str, Mapping[str, Any]]
    reader: str = "rag"
    against: Sequence[str] = ("rag", "long")
    tuning: float = 0.5

    @property
    def short(self) -> dict[str, str]:
        """What the axes are called in tables: the end of the path, as far as it tells them apart."""
        ends = {path: _end(path) for path in self.axes}
        several = Counter(ends.values())
        return {path: end if several[end] == 1 else path for path, end in ends.items()}

    def settings(self) -> dict[str, dict[str, str]]:
        """All combinations: the setting's name, made of what sets it apart, to the names of its values by axis."""
        combinations = [dict(zip(self.axes, names, strict=True)) for names in product(*self.axes.values())]
        short = self.short
        return {
            " ".join(f"{short[path]}={name}" for path, name in chosen.items()): chosen
            for chosen in combinations
        }

    def specs(self) -> dict[str, Spec]:
        """The completed spec of every setting.

        Raises:
            SpecError: if a setting cannot be completed, or two are the same.
        """
        found: dict[str, Spec] = {}
        names: dict[str, str] = {}
        for setting, chosen in self.settings().items():
            recipe = self.recipe
            for path in sorted(chosen, key=lambda one: one.count(".")):
                recipe = with_setting(recipe, path, self.axes[path][chosen[path]], "sweep.axes: ")
            spec = recipe.only([self.reader]).completed()[self.reader]
            twin = names.setdefault(fingerprint(spec), setting)
            if twin != setting:
                raise SpecError(
                    f"sweep: {twin!r} and {setting!r} are the same {self.reader!r} in the end; leave out the axis or "
                    "value that changes nothing"
                )
            found[setting] = spec
        return found

    def baselines(self) -> dict[str, Spec]:
        """The completed specs of what the chosen setting is compared with."""
        return self.recipe.only(self.against).completed()


def sweep_of(tables: Mapping[str, Any], builtin: Recipe) -> Sweep:
    """The sweep that stands in a file's tables; `builtin` is the recipe of a file without readers.

    Raises:
        SpecError: with the place of what is off.
    """
    table = tables.get("sweep")
    if not isinstance(table, Mapping) or not isinstance(table.get("axes"), Mapping) or not table["axes"]:
        raise SpecError(
            'sweep.axes: expected a table of settings to cross, such as "readers.rag.chunker.size" = [128, 256], got '
            f"{None if not isinstance(table, Mapping) else table.get('axes')!r}"
        )
    for key in table:
        if key not in KEYS:
            raise SpecError(f"sweep.{key}: {unknown('setting', key, KEYS)}")
    rest = {key: value for key, value in tables.items() if key not in BESIDE}
    recipe = recipe_of(rest) if rest.get("readers") else _over(builtin, rest)
    reader = str(table.get("reader", "rag"))
    known = [name for name in (reader, "long") if name in recipe.readers]
    sweep = Sweep(
        recipe=recipe,
        axes={path: _values(path, values) for path, values in table["axes"].items()},
        reader=reader,
        against=_names(table.get("against", known)),
        tuning=_share(table.get("tuning", 0.5)),
    )
    if sweep.reader not in recipe.readers:
        raise SpecError(f"sweep.reader: {unknown('reader', sweep.reader, recipe.readers)}")
    number = len(sweep.settings())
    if number > MOST:
        raise SpecError(f"sweep.axes: {number:,} settings, more than {MOST}; leave some values out")
    return sweep


def _over(builtin: Recipe, tables: Mapping[str, Any]) -> Recipe:
    """The built-in recipe with the file's own parts."""
    parts = recipe_of({**tables, "readers": dict(builtin.readers)}).parts
    return Recipe(builtin.readers, {**builtin.parts, **parts})


def _values(path: str, values: object) -> dict[str, Any]:
    """An axis's values by name: a table names them, a list of plain values names itself."""
    place = f'sweep.axes."{path}"'
    if isinstance(values, Mapping) and values:
        return dict(values)
    if not isinstance(values, list) or not values:
        raise SpecError(f"{place}: expected a list of values, or a table of named ones, got {values!r}")
    for value in values:
        if isinstance(value, list | Mapping):
            raise SpecError(
                f"{place}: {value!r} has no name to be told by; write a table instead: "
                f'[sweep.axes."{path}"] and a line NAME = {{ ... }} for each'
            )
    named = {_text(value): value for value in values}
    if len(named) < len(values):
        raise SpecError(f"{place}: expected values that differ, got {values!r}")
    return named


def _text(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text.replace("/", "-")  # a slash in a reader's name parts its group from it


def _end(path: str) -> str:
    *before, last = path.split(".")
    if last in SAYS_LITTLE and before:
        return before[-1]
    return f"{before[-1]}.{last}" if last.isdecimal() and before else last


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise SpecError(f'sweep.against: expected a list of readers, such as ["rag", "long"], got {value!r}')
    return tuple(value)


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise SpecError(
            f"sweep.tuning: expected the share of the documents that chooses, above 0 and at most 1, got {value!r}"
        )
    return float(value)

"""Settings changed by their path in a recipe, as `--set` and sweeps do."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rlc.data.errors import SpecError, unknown
from rlc.data.plain import value_of
from rlc.data.spec import (
    Family,
    Spec,
    holds_table,
)
from rlc.pipeline.families import BUILDER, READER
from rlc.pipeline.former_names import present_name, present_names
from rlc.pipeline.recipe import ROUTER_NAMES, Recipe, router_part
from rlc.pipeline.routers import ROUTERS


def with_settings(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """Change settings by path, such as `readers.rag.chunker.size=300`; values are TOML, or else plain strings.

    Raises:
        SpecError: if a setting is not of that form or its path leads nowhere.
    """
    for setting in settings:
        path, equals, value = setting.partition("=")
        if not equals or "." not in path:
            raise SpecError(f"--set {setting}: expected path=value, such as readers.rag.chunker.size=300")
        recipe = with_setting(recipe, path.strip(), value_of(value.strip()), "--set ")
    return recipe


def with_setting(recipe: Recipe, path: str, value: object, place: str = "") -> Recipe:
    """Change one setting by its path; messages call it by `place` and the path.

    Raises:
        SpecError: if the path leads nowhere.
    """
    root: Any = {
        "readers": copy.deepcopy(dict(recipe.readers)),
        "parts": copy.deepcopy(dict(recipe.parts)),
    }
    kind, name = (*path.split("."), "")[:2]
    if kind == "parts" and name in map(router_part, ROUTER_NAMES):
        # Looked up by the router's name, whether or not the recipe says anything of it.
        root["parts"].setdefault(name, {})
    elif kind == "parts" and present_name(name, root["parts"]) not in root["parts"]:
        raise SpecError(f"{place}{path}: {unknown('part', name, root['parts'])}")
    table = root
    built = _families(recipe)
    *folders, key = path.split(".")
    said = f"{place}{path}"
    free = False  # within a table of whatever its user likes
    for i, name in enumerate(folders):
        step = _step(table, name, said)
        free = free or _holds_table(table, step)
        if free and isinstance(table, dict):
            table.setdefault(step, {})
        folders[i] = str(step)
        if isinstance(table, Mapping) and step not in table:
            raise SpecError(f"{said}: {unknown('setting', name, table)}")
        inner = table[step]
        if isinstance(inner, str):  # a bare name, such as chunker = "recursive", gets settings of its own
            reached = ".".join(folders[: i + 1])
            inner = table[step] = _spelled_out(inner, f"{place}{reached}", built.get(reached))
        table = inner
    table[_step(table, key, said)] = present_names(value)
    return Recipe(root["readers"], root["parts"])


def _step(table: object, name: str, said: str) -> Any:  # noqa: ANN401 - a table's key or a list's index
    if isinstance(table, Mapping):
        return "retriever" if name == "index" and "retriever" in table else present_name(name, table)
    if not isinstance(table, list):
        raise SpecError(f"{said}: there is no {name!r} in {table!r}, which is a value and no table")
    if not name.isdecimal() or int(name) >= len(table):
        raise SpecError(f"{said}: {unknown('item', name, map(str, range(len(table))))}")
    return int(name)


def _holds_table(spec: object, name: str) -> bool:
    """Whether a spec's setting is a table of whatever its user likes, such as `extra_body` of an endpoint."""
    use = str(spec.get("use")) if isinstance(spec, Mapping) else ""
    settings = [family.parameters(use, "").get(name) for family in BUILDER.families if use in family.table]
    return any(setting is not None and holds_table(setting.annotation) for setting in settings)


def _spelled_out(name: str, said: str, family: Family | None) -> Spec:
    if name.startswith("@"):
        raise SpecError(f"{said}: is shared ({name}); set it where {name[1:]!r} is defined")
    return family.spelled_out(name) if family else {"use": name}


def _families(recipe: Recipe) -> dict[str, Family]:
    """What every part and setting of a recipe is built from, by its path; a part is what its first user makes of it."""
    tables = {f"parts.{name}": part for name, part in recipe.parts.items()}
    tables |= {f"readers.{name}": spec for name, spec in recipe.readers.items()}
    paths = {path.partition(".")[2]: path for path in tables}
    found: dict[str, Family] = {}
    # Parts of routers wait until the readers have been seen.
    waiting = [(f"readers.{name}", spec, READER) for name, spec in recipe.readers.items()] + [
        (f"parts.router-{name}", {"use": name, **recipe.parts[f"router-{name}"]}, READER)
        for name in ROUTERS
        if isinstance(recipe.parts.get(f"router-{name}"), Mapping)
    ]
    while waiting:
        path, value, family = waiting.pop(0)
        if path not in found:
            found[path] = family
            if isinstance(value, str) and value.startswith("@") and value[1:] in paths:
                shared = paths[value[1:]]
                waiting.append((shared, tables[shared], family))
            waiting += _settings_built(value, family, path)
    return found


def _settings_built(value: object, family: Family, path: str) -> Iterator[tuple[str, Any, Family]]:
    """The settings of a spec, as a user writes it, that are built from specs of their own."""
    if not isinstance(value, Mapping) or value.get("use") not in {*family.table, *family.aliases}:
        return
    for key, parameter in family.parameters(value["use"], path).items():
        inner = BUILDER.family_of(parameter.annotation)
        if inner is not None and isinstance(value.get(key), list):
            yield from ((f"{path}.{key}.{i}", item, inner) for i, item in enumerate(value[key]))
        elif inner is not None and key in value:
            yield f"{path}.{key}", value[key], inner

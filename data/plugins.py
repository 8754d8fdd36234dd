"""Methods of other packages: what they announce by entry points, and what a recipe names as `package.module:Class`.

A package announces methods under a group for each table (`GROUPS`); who installs it trusts it, and a recipe names them like
any other method. A class that nobody announced is code that a recipe brings: it needs the user's word (`rlc.data.trust`).
"""

import importlib
import warnings
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points, packages_distributions, version
from typing import Any

from rlc.data.errors import SpecError
from rlc.data.lazy import load
from rlc.data.trust import check_code, source_digest

# What follows `rlc.` in the name of an entry point's group: the tables of methods.
GROUPS = (
    "chunkers",
    "retrievers",
    "rerankers",
    "pruners",
    "selectors",
    "encoders",
    "sparse_encoders",
    "multi_vector_encoders",
    "engines",
    "kv",
    "looks",
    "fusions",
    "readers",
    "routers",
    "datasets",
    "scorers",
)


def with_plugins(group: str, own: Mapping[str, str]) -> dict[str, str]:
    """A table of methods with those that installed packages announce under `rlc.<group>`; the table's own names stay its."""
    found = {one.name: one.value for one in _announced().get(f"rlc.{group}", [])}
    for name in sorted(set(found) & set(own)):
        _warn_of(name, found[name], f"among rlc.{group}")
    return {**dict(sorted(found.items())), **own}


def joined(*tables: Mapping[str, str]) -> dict[str, str]:
    """Tables whose methods a recipe names in one place, as one; a name of rlc's own stays its, in whichever table it is."""
    found: dict[str, str] = {}
    for name, target in (entry for table in tables for entry in table.items()):
        earlier = found.setdefault(name, target)
        if earlier != target:
            own, other = (target, earlier) if target.startswith("rlc.") else (earlier, target)
            found[name] = own
            _warn_of(name, other, f"beside {own}")
    return found


def is_path(name: str) -> bool:
    """Whether a method is named by where it stands, `package.module:Class`."""
    return ":" in name


def load_path(name: str, place: str) -> Any:  # noqa: ANN401 - whatever it names
    """Import `package.module:Class`, once the user allows it.

    Raises:
        UsageError: if it is not allowed, or this is only a look at what is there.
        SpecError: if there is no such module or class.
    """
    check_code(place, name)
    try:
        return load(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SpecError(
            f"{place}: expected package.module:Class that can be imported, got {name!r}: {error}; install its package, "
            "or name its folder in PYTHONPATH"
        ) from error


def code_version(target: str) -> str:
    """What tells states of a method's code apart: a digest of its file, or of what is installed the package's version."""
    if digest := source_digest(target):
        return digest
    top = target.partition(":")[0].partition(".")[0]
    importlib.invalidate_caches()
    return "; ".join(f"{name} {version(name)}" for name in sorted(set(packages_distributions().get(top, []))))


def _warn_of(name: str, target: str, where: str) -> None:
    warnings.warn(
        f"{target} is announced as {name!r} {where}, which is the name of another method: the plug-in is left out until it "
        "has another name",
        stacklevel=3,
    )


@cache
def _announced() -> Mapping[str, list[EntryPoint]]:
    """Entry points by group, read once for all groups: `distributions` would parse what every package says of itself for its name."""
    every = entry_points()
    return {name: list(every.select(group=name)) for name in every.groups if name.startswith("rlc.")}

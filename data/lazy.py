"""Tables of methods, handed out lazily (PEP 562): importing a chunker loads no torch."""

import ast
import importlib
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rlc.data.errors import require


def load(target: str) -> Any:  # noqa: ANN401 - whatever the target is
    """Import `"package.module:Name"`.

    Raises:
        MissingExtraError: if a package that the method names in `NEEDS` is not installed.
    """
    module, _, name = target.partition(":")
    found = getattr(importlib.import_module(module), name)
    require(*getattr(found, "NEEDS", ()))
    return found


def import_needs(method: object) -> None:
    """Import the packages that a method names in `NEEDS`: what is imported before a clock starts is on no document's bill."""
    for package in getattr(method, "NEEDS", ()):
        importlib.import_module(package)


def lazy_attributes(
    package: str, *tables: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make a package's `__getattr__` and `__dir__` from tables of `name -> "module:Class"`.

    `from rlc.chunkers import RecursiveChunker` then works and imports that module alone.
    """
    targets = {target.rpartition(":")[2]: target for table in tables for target in table.values()}

    def __getattr__(name: str) -> Any:  # noqa: ANN401, N807 - the package's module-level hook
        if name in targets:
            return load(targets[name])
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def __dir__() -> list[str]:  # noqa: N807
        return sorted(targets)

    return __getattr__, __dir__


def first_sentence(target: str) -> str:
    """The first line of a class's, function's or module's docstring, read from its source: nothing is imported."""
    module, _, name = target.partition(":")
    return _first_lines(module).get(name, "")


@cache
def _first_lines(module: str) -> Mapping[str, str]:
    """The first line of a module's docstring, under "", and of those of its classes and functions; parsed once for all."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return {}
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    named = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    return {
        name: (ast.get_docstring(node) or "").partition("\n")[0] for name, node in {"": tree, **named}.items()
    }

"""What the shell offers at the Tab key. Nothing heavy is imported before a word is wanted."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from rlc.experiments.runs.recipes import packaged_recipes, recipe_file

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
OUT = Path("runs")


def runs(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of runs below --out, or folders."""
    out = Path(ctx.params.get("out") or OUT)
    names = sorted(file.parent.name for file in out.glob("*/results.parquet"))
    return [*_files("dir", incomplete), *_beginning(names, incomplete)]


def questions(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of the run's questions."""
    import polars as pl

    run = str(ctx.params.get("run") or "")
    places = (Path(run), Path(ctx.params.get("out") or OUT) / run)
    files = [place / "results.parquet" for place in places if (place / "results.parquet").is_file()]
    if not run or not files:
        return []
    return _beginning(pl.read_parquet(files[0], columns=["example_id"])["example_id"].unique(), incomplete)


def named(kind: str) -> Complete:
    """The methods of a table of `rlc list`."""

    def complete(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from rlc.experiments.cli.lists import TABLES

        return _beginning(TABLES[kind], incomplete)

    return complete


def kinds(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The tables of `rlc list`."""
    from rlc.experiments.cli.lists import TABLES

    return _beginning(TABLES, incomplete)


def datasets(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Data sets by name, or folders."""
    return [*_files("dir", incomplete), *named("datasets")(ctx, parameter, incomplete)]


def recipes(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The package's recipes, or files."""
    return [*_files("file", incomplete), *_beginning(packaged_recipes(), incomplete)]


def arms(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Readers of the recipe: the last of a list by commas."""
    before, comma, last = incomplete.rpartition(",")
    taken = before.split(",")
    names = [name for name in _recipe(ctx).get("readers", {}) if name not in taken]
    return _beginning([f"{before}{comma}{name}" for name in names if name.startswith(last)], incomplete)


def settings(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Paths into the recipe, each with its =."""
    from rlc.data.spec import flatten

    return _beginning([f"{path}=" for path in flatten(_recipe(ctx))], incomplete)


def _recipe(ctx: click.Context) -> dict[str, Any]:
    """The tables of the recipe in use; none where it cannot be read, for a Tab key must not complain."""
    import tomllib

    try:
        return tomllib.loads(recipe_file(ctx.params.get("recipe")).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _beginning(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]


def _files(kind: str, incomplete: str) -> list[CompletionItem]:
    """Lets the shell add files or folders of its own."""
    return [CompletionItem(incomplete, type=kind)]

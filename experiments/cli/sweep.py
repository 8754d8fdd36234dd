"""`rlc sweep`: the settings of a reader crossed, ranked, and the chosen one tested."""

from pathlib import Path
from typing import Any

import click

from rlc.experiments.cli.completion import recipes
from rlc.experiments.cli.options import DATA_ROOT, DATASET, LIMIT, OUT, RESUME, SETTINGS, TRACK, WHERE


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path, dir_okay=False), shell_complete=recipes)
@DATASET
@DATA_ROOT
@SETTINGS
@click.option("--reader", metavar="[ENGINE:]MODEL", help="The language model of all settings.")
@WHERE
@LIMIT
@click.option("--seed", default=0, help="Seed of the split, of the draw and of sampling readers.")
@OUT
@RESUME
@TRACK
@click.option(
    "--test-all", is_flag=True, help="Ask all settings on the test split too, not the chosen one alone."
)
@click.option("--dry-run", is_flag=True, help="Only list the settings, in the order of the work.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def sweep(**options: Any) -> None:  # noqa: ANN401 - click's parameters, named above
    """Cross settings as the [sweep] table of RECIPE says, and rank them as far as the intervals allow.

    A tuning split of the documents chooses; a test split says what the chosen setting is worth. RECIPE is a file, or the
    name of a recipe that comes with the package (`rlc list recipes`).
    """
    from rlc.experiments.cli.conduct_sweep import run_sweep

    run_sweep(**options)

"""`rlc init` and `rlc completion`: a recipe to begin with, and the Tab key."""

from pathlib import Path

import click

SHELLS = {
    "bash": 'eval "$(rlc completion bash)"  # in ~/.bashrc',
    "zsh": 'eval "$(rlc completion zsh)"  # in ~/.zshrc, after compinit',
    "fish": "rlc completion fish | source  # in ~/.config/fish/config.fish",
}


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default=Path("recipe.toml"))
def init(file: Path) -> None:
    """Write a commented recipe to begin with into FILE: every choice of every family, and a sweep."""
    from rlc.experiments.cli.init import write_recipe

    click.echo(f"{write_recipe(file)}: change it, then `rlc compare --recipe {file}` or `rlc sweep {file}`")


@click.command(epilog="\b\nTo have it in every shell:\n" + "\n".join(f"  {line}" for line in SHELLS.values()))
@click.argument("shell", type=click.Choice(list(SHELLS)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that lets SHELL complete commands, options, runs, questions and methods."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"click completes no {shell}")
    click.echo(found(ctx.find_root().command, {}, "rlc", "_RLC_COMPLETE").source())

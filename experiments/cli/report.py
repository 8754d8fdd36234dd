"""`rlc report` and `rlc show`: a stored run as a page, and one of its questions."""

from pathlib import Path

import click

from rlc.experiments.cli.options import EVIDENCE_ROOT, OUT, PRICES, QUESTION, RUN


@click.command()
@RUN
@OUT
@PRICES
@EVIDENCE_ROOT
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "latex", "csv", "markdown"]),
    default="html",
    help="The report, or on stdout the paper's table alone.",
)
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), help="Write here, not into the run.")
@click.option(
    "--study",
    "studies",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    multiple=True,
    help="Add a study's tables and plots: a folder that `rlc chunks --out` wrote; may be repeated.",
)
def report(
    run: str,
    out: Path,
    prices: Path | None,
    data_root: Path | None,
    form: str,
    to: Path | None,
    studies: tuple[Path, ...],
) -> None:
    """Write the report of RUN (a run's folder, or its name): HTML, Markdown and plots; or print the paper's table."""
    if form != "html":
        from rlc.experiments.report.tables import FORMATS, paper_table
        from rlc.experiments.runs.stored import open_run
        from rlc.experiments.study.study import make_study

        _, write, _ = FORMATS[form]
        click.echo(write(paper_table(make_study(open_run(run, out)))), nl=False)
        return
    from rlc.experiments.report.pages.run import write_report

    click.echo(write_report(run, out, prices, data_root, to, studies))


@click.command()
@RUN
@QUESTION
@OUT
@click.option("--reader", "readers", multiple=True, help="Show this reader only; may be repeated.")
@EVIDENCE_ROOT
@click.option("--characters", default=2000, help="Longest text shown whole, in characters.")
@click.option(
    "--prompts/--no-prompts",
    default=True,
    help="Show the prompts, which are made again: that indexes the document again, a while for a long one.",
)
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page here in place of the text."
)
def show(
    run: str,
    question: str,
    out: Path,
    readers: tuple[str, ...],
    data_root: Path | None,
    characters: int,
    prompts: bool,
    html: Path | None,
) -> None:
    """Show one QUESTION of RUN whole: gold answers, and what every reader read, said and cost.

    What a pruner dropped stands in [- -] and gold evidence in ** **, in colour too where there is any.
    """
    from rich.console import Console

    from rlc.experiments.report.pages.question import show_question, write_page
    from rlc.experiments.report.terminal import lines

    page = show_question(run, question, out, readers, data_root, characters, prompts)
    if html:
        write_page(page, html)
        click.echo(html)
        return
    console = Console(highlight=False, emoji=False)
    for line in lines(page):
        console.print(line, soft_wrap=True)

"""`rlc check` and `rlc power`: a gate on a run's figures, and how many questions a difference takes."""

import math
from pathlib import Path

import click

from rlc.data.errors import GateError, GateOpenError, UsageError
from rlc.experiments.cli.options import OUT, RUN
from rlc.experiments.cli.words import tell


@click.command()
@RUN
@OUT
@click.option(
    "--min",
    "least",
    multiple=True,
    metavar="FIGURE=LIMIT",
    help="A figure that must reach a limit, such as accuracy=70 (percent); may be repeated.",
)
@click.option(
    "--max",
    "most",
    multiple=True,
    metavar="FIGURE=LIMIT",
    help="A figure that must stay below one, such as failed=2 (percent), prompt_tokens=3000 or seconds=1.5.",
)
@click.option(
    "--max-loss", type=click.FloatRange(min=0), help="Points that a reader may lose against BASELINE."
)
@click.option("--against", "baseline", metavar="BASELINE", help="The run that --max-loss compares with.")
@click.option("--reader", "readers", multiple=True, help="Check this reader only; may be repeated.")
def check(
    run: str,
    out: Path,
    least: tuple[str, ...],
    most: tuple[str, ...],
    max_loss: float | None,
    baseline: str | None,
    readers: tuple[str, ...],
) -> None:
    """Hold the figures of RUN against limits, by the ends of their intervals: a gate for CI.

    Exits with 0 if all hold, 4 if one is broken, 5 if none is and one cannot be told from its limit, or the run was stopped
    before its end.
    """
    from rlc.experiments.cli.console import print_report
    from rlc.experiments.report.pages.gate import gate_report
    from rlc.experiments.runs.stored import open_run
    from rlc.experiments.study.caveats import provisional
    from rlc.experiments.study.diff import diff_runs, judges_text
    from rlc.experiments.study.gate import Verdict, check_figures, check_losses
    from rlc.experiments.study.study import make_study

    if (max_loss is None) != (baseline is None):
        raise UsageError("--max-loss and --against belong together, such as --max-loss 2 --against last-week")
    if not least and not most and baseline is None:
        raise UsageError(
            "nothing to check: give --min accuracy=70, --max failed=2, or --max-loss 2 --against RUN"
        )
    stored = open_run(run, out)
    study = make_study(stored)
    names = list(readers or study.run.table.readers)
    checks = [
        *check_figures(study, _limits("--min", least), False, names),
        *check_figures(study, _limits("--max", most), True, names),
    ]
    if baseline is not None and max_loss is not None:
        found = diff_runs(open_run(baseline, out), stored, {})
        if found.judges:
            raise UsageError(
                f"{baseline} and {run} were judged differently ({judges_text(found.judges)}), so a loss may be the judge's "
                "and no reader's: let one judge judge both, as with rlc compare --judge"
            )
        partners = [one.second for one in found.changes]
        if found.alone[1] and not readers:
            tell(f"not in {baseline}, so not held against it: {', '.join(found.alone[1])}")
        checks += check_losses(found, max_loss, readers or partners)
    print_report(gate_report(stored.folder.name, checks))
    verdicts = [one.verdict for one in checks]
    if Verdict.BROKEN in verdicts:
        raise GateError(f"{verdicts.count(Verdict.BROKEN)} of {len(checks)} checks are broken")
    if Verdict.OPEN in verdicts:
        raise GateOpenError(
            f"{verdicts.count(Verdict.OPEN)} of {len(checks)} checks cannot be told from their limit"
        )
    for sentence in provisional(stored):
        raise GateOpenError(f"all checks hold so far, and need not in the end. {sentence}")


def _limits(option: str, given: tuple[str, ...]) -> list[tuple[str, float]]:
    found = []
    for one in given:
        name, _, text = one.partition("=")
        try:
            limit = float(text)
        except ValueError:
            limit = math.nan
        if not math.isfinite(limit):  # nothing holds against what is no number, and nothing breaks it
            raise UsageError(f"{option} {one}: expected FIGURE=NUMBER, such as accuracy=70")
        found.append((name, limit))
    return found


@click.command()
@RUN
@OUT
@click.option(
    "--points",
    multiple=True,
    type=click.FloatRange(min=0, min_open=True, max=100),
    default=(10.0, 5.0, 2.0),
    help="Differences to be seen, in points of percent; may be repeated.",
)
def power(run: str, out: Path, points: tuple[float, ...]) -> None:
    """Say how many questions it takes to see a difference between the arms of RUN, from the spread that it shows."""
    from rlc.experiments.cli.console import print_report
    from rlc.experiments.report.pages.gate import power_report
    from rlc.experiments.runs.stored import open_run
    from rlc.experiments.study.power import needs
    from rlc.experiments.study.study import make_study

    stored = open_run(run, out)
    print_report(power_report(stored.folder.name, points, needs(make_study(stored), points)))

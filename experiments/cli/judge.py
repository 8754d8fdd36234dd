"""`rlc judge`: how far the judge can be trusted."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from rlc.data.errors import NoAnswerError, UsageError
from rlc.data.lanes import Lanes
from rlc.experiments.cli.options import ALLOW_CODE, OUT, RUN, Output, in_records, lane_options
from rlc.experiments.cli.words import say_line


@click.group()
def judge() -> None:
    """Check the judge, or ask for a second opinion."""


@judge.command()
@click.option(
    "--data-root", type=click.Path(path_type=Path), envvar="RLC_DATA", help="LaRA with published.csv."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def agreement(data_root: Path | None, as_json: bool) -> None:
    """Compare the rule judge with LaRA's published accuracies, on models that it was not fitted on."""
    from rlc.experiments.scorers.agreement import agreement_report

    if data_root is None:
        raise UsageError("LaRA's recorded answers are needed: give their folder with --data-root or RLC_DATA")
    report = agreement_report(data_root)
    if as_json:
        figures: dict[str, Any] = {
            "models": report.models,
            "fitted_on": report.fitted_on,
            "overall": asdict(report.overall),
            "by_task": {task: asdict(one) for task, one in report.by_task.items()},
        }
        click.echo(json.dumps(figures))
        return
    say_line(f"fitted on  {', '.join(report.fitted_on)}")
    say_line(f"shown on   {', '.join(report.models)}")
    say_line(f"{report.answers:,} answers, {report.failed} failed, {report.questions:,} questions\n")
    say_line(
        f"{'':<10}{'cells':>6}{'Pearson':>9}{'Spearman':>9}{'error':>7}{'bias':>7}{'gaps':>6}{'sign':>7}"
    )
    for name, one in {"all": report.overall, **report.by_task}.items():
        say_line(
            f"{name:<10}{one.n:>6}{one.pearson:>9.3f}{one.spearman:>9.3f}{one.error:>7.2f}{one.bias:>+7.2f}"
            f"{one.gaps:>6}{100 * one.sign:>6.1f}%"
        )
    say_line(f"\nerror and bias in points of accuracy; sign: of the long-minus-RAG gap. {report.note}")


@judge.command()
@RUN
@click.option(
    "--model", required=True, metavar="[ENGINE:]MODEL", help="The judge, such as endpoint:NAME or hf:ID."
)
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Settings of the engine: window=32768."
)
@OUT
@ALLOW_CODE
@click.option(
    "--max-tokens", type=click.IntRange(min=1), help="New tokens of a reply, a thought before it included."
)
@click.option(
    "--prompt",
    default=None,
    metavar="LANGUAGE|FILE",
    help="What is asked: en, de, zh, or a TOML file of yours.",
)
@click.option("--allow-self", is_flag=True, help="Let a model judge its own answers.")
@lane_options
@in_records
def llm(
    run: str,
    model: str,
    settings: tuple[str, ...],
    output: Output,
    lanes: Lanes,
    max_tokens: int | None,
    prompt: str | None,
    allow_self: bool,
) -> None:
    """Let a language model judge a stored RUN, and report how far it agrees with the rules."""
    from rlc.data.prompt_files import ENGLISH
    from rlc.experiments.cli.choose import completed_engine
    from rlc.experiments.judges.base import MAX_TOKENS
    from rlc.experiments.judges.support.second_opinion import second_opinion
    from rlc.experiments.runs.stored import open_run
    from rlc.experiments.study.judging import plain_text, share_text
    from rlc.pipeline.families import BUILDER, LLM

    stored = open_run(run, output.out)
    spec = completed_engine(model, settings)
    opinion = second_opinion(
        stored.folder,
        stored.frame,
        BUILDER.build(spec, LLM, "judge"),
        allow_self=allow_self,
        max_tokens=max_tokens or MAX_TOKENS,
        prompt=prompt or ENGLISH,
        elsewhere=(lanes, spec) if lanes.elsewhere else None,
    )
    say_line(
        f"{opinion.judge} judged {opinion.judged} answers; {opinion.unparsed} replies were neither yes nor no"
    )
    if opinion.prompts:
        say_line(
            f"asked with the prompts of the data set's authors ({opinion.prompts}); their own reading of the replies "
            f"accepts {opinion.accepted}"
        )
    if opinion.failed:
        click.secho(
            f"{opinion.failed} answers were not judged, the same command asks again: {opinion.problem}",
            fg="yellow",
        )
    say_line(f"verdicts: {opinion.file}")
    for reader, (share, n) in opinion.by_reader.items():
        say_line(f"  {reader:<24} {'-' if share is None else f'{100 * share:.1f}%'} right of {n}")
    found = opinion.agreement
    if found is None and (opinion.failed or opinion.unparsed):
        raise NoAnswerError(
            f"{opinion.judge}: no answer was judged both by the rules and by the model, so they cannot be compared: "
            f"{opinion.failed:,} were not judged, {opinion.unparsed:,} replies were neither yes nor no"
        )
    if found is None:
        say_line("no answer was judged both by the rules and by the model, so they cannot be compared")
        return
    say_line(
        f"with the rule judge: kappa {plain_text(found.kappa)}, same verdict on {share_text(found.same)} of "
        f"{found.same.n:,}; {found.left_out:,} left out"
    )


@judge.command()
@RUN
@click.option(
    "--to",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The CSV file to write.",
)
@click.option("--count", type=click.IntRange(min=1), default=60, show_default=True, help="Answers to judge.")
@click.option("--seed", default=0, help="Seed of the draw.")
@OUT
def sheet(run: str, to: Path, count: int, seed: int, out: Path) -> None:
    """Draw answers of RUN for a person to judge, as a CSV file: fill in the column right with yes, no or unsure."""
    from rlc.experiments.runs.human import read_sheet
    from rlc.experiments.runs.kept import write_whole
    from rlc.experiments.runs.stored import open_run
    from rlc.experiments.study.sheet import as_csv
    from rlc.experiments.study.sheet import sheet as drawn

    table = drawn(open_run(run, out), count, seed)
    if to.exists() and (filled := read_sheet(to)):
        raise UsageError(
            f"{to} holds {len(filled)} human verdicts that would be lost: give another file with --to"
        )
    write_whole(to, as_csv(table), "give another file with --to")
    questions = table["example_id"].n_unique()
    say_line(f"{table.height} answers to {questions} questions: {to}")
    say_line(f"fill in the column right (yes, no, unsure), then: rlc judge calibrate {run} --human {to}")


@judge.command()
@RUN
@click.option(
    "--human",
    metavar="FILE|mlflow",
    help="Human verdicts: a CSV file with the columns example_id, reader, right, note, or the feedback that people gave in "
    "MLflow.  [default: those that were kept beside the run, as by rlc view]",
)
@OUT
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def calibrate(run: str, human: str | None, out: Path, as_json: bool) -> None:
    """Hold the judges of RUN against human verdicts, and correct its accuracies for the judge's errors."""
    from rlc.experiments.cli.console import print_table
    from rlc.experiments.cli.words import say
    from rlc.experiments.report.sections.judged import corrected_table
    from rlc.experiments.report.terminal import table_of
    from rlc.experiments.runs.human import keep_verdicts, read_sheet
    from rlc.experiments.runs.stored import open_run
    from rlc.experiments.study.calibration import calibration, corrected_rows, trust_sentences
    from rlc.experiments.study.study import make_study

    stored = open_run(run, out)
    if human == "mlflow":
        from rlc.experiments.tracking.feedback import human_feedback

        keep_verdicts(stored.folder, human_feedback(stored, out))
    elif human is not None:
        sheet = read_sheet(Path(human))
        if not sheet:
            raise UsageError(f"{human} holds no verdict yet: fill in its column right with yes, no or unsure")
        if sheet and sheet.keys().isdisjoint(stored.table.select("example_id", "reader").iter_rows()):
            raise UsageError(
                f"none of the {len(sheet)} verdicts of {human} is on an answer of {stored.folder.name}, and the first is on "
                f"{' by '.join(map(repr, next(iter(sheet))))}: give the run that the sheet was drawn from"
            )
        keep_verdicts(stored.folder, sheet)
    found = calibration(make_study(stored))
    if found is None or not found.verdicts:
        raise UsageError(
            f"there are no human verdicts on the answers of {stored.folder.name}: draw some with rlc judge sheet, fill them "
            "in, and give them with --human FILE"
        )
    if as_json:
        click.echo(json.dumps({**asdict(replace(found, corrected=[])), "corrected": corrected_rows(found)}))
        return
    if (table := corrected_table(found)).rows:
        print_table(table_of(table))
    say([*trust_sentences(found), f"kept beside the run, for its report: rlc report {stored.folder}"])

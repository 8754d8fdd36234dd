"""`rlc router eval`, `rlc router fit` and `rlc explain`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlc.data.errors import DataError, UsageError
from rlc.experiments.cli.options import OUT
from rlc.experiments.cli.words import say, tell

if TYPE_CHECKING:
    from rlc.experiments.router_lab.lab import Lab

_DATA_ROOT = click.option(
    "--data-root", type=click.Path(path_type=Path), help="Where LaRA lies (else RLC_DATA, else the cache)."
)
_RUN = click.option("--run", help="A run of your own in place of LaRA: its folder, or its name.")
_COLUMNS = ("router", "accuracy", "gain", "interval", "closed", "pooled", "long", "tokens", "of LC")


@click.group()
def router() -> None:
    """The routers' laboratory: replay them over recorded answers, or fit your own."""


@router.command("eval")
@click.option(
    "--router",
    "routers",
    multiple=True,
    help="Score this one as it is shipped; may be repeated. Else all, fitted fold by fold.",
)
@click.option("--protocol", "protocols", multiple=True, help="One protocol only; may be repeated.")
@click.option("--fit", help="A file of `rlc router fit` in place of the shipped one, with --router.")
@click.option(
    "--price",
    type=click.FloatRange(min=0),
    default=0.0,
    help="Gain asked of 1,000 more tokens, with --router.",
)
@click.option("--budget", type=click.IntRange(min=0), help="Prompt tokens a question, with --router.")
@_DATA_ROOT
@_RUN
@OUT
@click.option("--seed", default=0, help="Seed of folds, draws and intervals.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print everything as JSON, one row a router and protocol."
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw accuracy against tokens: FILE.svg or .png.",
)
def evaluate(
    routers: tuple[str, ...],
    protocols: tuple[str, ...],
    fit: str | None,
    price: float,
    budget: int | None,
    data_root: Path | None,
    run: str | None,
    out: Path,
    seed: int,
    as_json: bool,
    plot: Path | None,
) -> None:
    """Replay routers over recorded answers: what they win, what they cost, and how much of the gap they close."""
    from rlc.experiments.router_lab.evaluate import evaluate as replay_all
    from rlc.experiments.router_lab.evaluate import evaluate_shipped, noise_floors

    if routers and protocols:
        raise UsageError("a shipped router is scored as it is: give --router or --protocol")
    if price and budget is not None:
        raise UsageError("--price and --budget say the same thing in two ways; give one of them")
    if not routers and (fit or price or budget is not None):
        raise UsageError("--fit, --price and --budget belong to one router: give --router learned")
    lab = _lab(data_root, run, out)
    if routers:
        rows = evaluate_shipped(lab, routers, fit=fit, price=price, budget=budget, seed=seed)
        _say_seen(lab, routers, fit)
    else:
        rows = replay_all(lab, protocols=protocols, seed=seed)
    if plot:
        from rlc.experiments.router_lab.plot import write_curve

        write_curve(rows, plot)
    floors = noise_floors(lab, seed=seed)
    if as_json:
        click.echo(json.dumps({"rows": rows, "noise_floor": floors}))
        return
    _print(rows, floors)


@router.command()
@_DATA_ROOT
@_RUN
@OUT
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("routers"),
    help="Folder for the fits.",
)
@click.option("--slim", is_flag=True, help="Keep no folds of the trees: files of a tenth of the size.")
@click.option("--seed", default=0, help="Seed of folds and draws.")
def fit(data_root: Path | None, run: str | None, out: Path, to: Path, slim: bool, seed: int) -> None:
    """Fit the routers on recorded answers (LaRA's, or those of a run of your own) and write their files.

    Says what each is worth on documents that it was not fitted on and, of a run of your own, how many labelled
    questions it takes. Use one with `rlc compare --router learned --set parts.router-learned.fit=FILE`.
    """
    from rlc.data.errors import StoreError
    from rlc.data.written import written
    from rlc.experiments.router_lab.artefacts import fit_artefacts

    lab = _lab(data_root, run, out)
    files = fit_artefacts(lab, with_folds=not slim, seed=seed)
    try:
        to.mkdir(parents=True, exist_ok=True)
        for name, made in files.items():
            with written(to / f"{name}.json") as draft:
                draft.write_text(made.text, encoding="utf-8")
            click.echo(to / f"{name}.json")
    except OSError as error:
        raise StoreError(f"cannot write into {to}: {error}; give a writable folder with --to") from error
    from rlc.experiments.router_lab.evaluate import score
    from rlc.experiments.router_lab.replay import UNSEEN

    _print([score(lab, made.play, UNSEEN, seed) for made in files.values()], [])
    if run is not None:
        _print_learning(lab, seed)


def _print_learning(lab: "Lab", seed: int) -> None:
    """Say what the first labels are worth, and whether the shipped fit does with fewer."""
    from rich.table import Table

    from rlc.experiments.cli.console import print_table
    from rlc.experiments.router_lab.evaluate import fitted_on
    from rlc.experiments.router_lab.learning import DRAWS, learning_curve
    from rlc.pipeline.routers.learned import SHIPPED
    from rlc.pipeline.routers.support.gain_model import load_model

    seen = fitted_on("learned").seen((example.document_id, example.question) for example in lab.examples)
    curve = learning_curve(lab, None if seen else load_model(SHIPPED), seed=seed)
    if not curve:
        return
    table = Table(title="how many labelled questions the router learned needs", title_justify="left")
    for column in ("labels", "own fit", "ahead in", "shipped fit, strength measured", "ahead in"):
        table.add_column(column, justify="right")
    for at in curve:
        shipped = (
            ("-", "-")
            if at.measured is None or at.measured_ahead is None
            else (f"{100 * at.measured:+.1f}", f"{100 * at.measured_ahead:.0f}%")
        )
        table.add_row(str(at.labels), f"{100 * at.own:+.1f}", f"{100 * at.own_ahead:.0f}%", *shipped)
    print_table(table)
    say([f"points over the better arm on the other half of the documents, mean of {DRAWS} draws"])


def _lab(data_root: Path | None, run: str | None, out: Path) -> "Lab":
    from rlc.data.datasets import load_dataset
    from rlc.experiments.router_lab.lab import lara_lab, results_lab
    from rlc.experiments.runs.stored import open_run
    from rlc.experiments.study.readers import readers_of

    if run is not None:
        stored = open_run(run, out)
        models = {model for one in readers_of(["rag", "long"], stored.specs, {}) for model in one.models}
        return results_lab(stored.frame, stored.dataset(data_root), ", ".join(sorted(models)))
    dataset = load_dataset("lara", data_root)
    if dataset.variant == "sample" or dataset.root is None:
        raise DataError(
            "the bundled sample has no recorded answers: give a LaRA tree with --data-root (or RLC_DATA), run "
            "`rlc fetch dataset lara`, or give a run of your own with --run"
        )
    return lara_lab(dataset.root)


def _say_seen(lab: "Lab", routers: tuple[str, ...], fit: str | None) -> None:
    """Warn where a fit is scored on what it was fitted on."""
    from rlc.experiments.router_lab.evaluate import fitted_on

    questions = [(example.document_id, example.question) for example in lab.examples]
    for name in routers:
        record = fitted_on(name, fit)
        if count := record.seen(questions):
            answers = (
                "these very answers" if set(record.models) & set(lab.models) else "answers of other models"
            )
            tell(
                f"warning: {name} was fitted on {count:,} of these {len(questions):,} questions, with {answers}, so its "
                "figures are too good; without --router it is fitted fold by fold",
                "yellow",
            )


def _print(rows: list[dict[str, Any]], floors: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from rlc.experiments.cli.console import print_table

    for protocol in dict.fromkeys(row["protocol"] for row in rows):
        part = [row for row in rows if row["protocol"] == protocol]
        first, several = part[0], len(part[0]["models"]) > 1
        table = Table(
            title=f"{protocol}: {first['n']:,} answers, {first['documents']} documents; always {first['better_arm']} "
            f"{100 * first['better_arm_accuracy']:.1f}"
            + (f", each model's better arm {100 * first['own_arm_accuracy']:.1f}" if several else "")
            + f", oracle {100 * first['oracle']:.1f}",
            title_justify="left",
        )
        for column in _COLUMNS:
            if several or column != "pooled":
                table.add_column(column, justify="left" if column == "router" else "right")
        for row in part:
            table.add_row(*_cells(row, several))
        print_table(table)
    several = len(rows[0]["models"]) > 1
    say(
        [
            "gain: points over each model's own better arm; pooled: over the arm that is better over all models; tokens a "
            "question"
        ]
        if several
        else ["gain: points over the better arm; tokens a question"]
    )
    say(
        f"noise floor: choosing between {' and '.join(floor['models'])} ({floor['arm']}) by outcome wins "
        f"{100 * floor['headroom']:.1f} points"
        for floor in floors
    )


def _cells(row: dict[str, Any], several: bool) -> list[str]:
    """The gain over the arm that is better with hindsight, model by model, comes first; the pooled one beside it."""
    low, high = row["hindsight_gain_ci"]
    told = low is not None and not low <= 0 <= high  # a share of nothing says nothing
    closed = row["hindsight_closed"] if told else None
    return [
        row["router"],
        f"{100 * row['accuracy']:.1f}",
        f"{100 * row['hindsight_gain']:+.1f}",
        "-" if low is None else f"{100 * low:.1f} to {100 * high:.1f}",
        "-" if closed is None else f"{100 * closed:.0f}%",
        *([f"{100 * row['gain']:+.1f}"] if several else []),
        f"{100 * row['share_long']:.0f}%",
        f"{row['tokens']:,.0f}",
        f"{100 * row['tokens_share']:.0f}%",
    ]

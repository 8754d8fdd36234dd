"""Routers: what they sent where, and how near they come to a perfect choice."""

from collections.abc import Sequence

from rlc.experiments.report.cells import name, percent, percent_text, points
from rlc.experiments.report.figures.calibration import calibration_plot, calibration_table
from rlc.experiments.report.figures.pricing import price_plot, price_table
from rlc.experiments.report.records import Cell, Section, Table
from rlc.experiments.statistics.intervals import Difference
from rlc.experiments.study.router_scores import Scored, scores
from rlc.experiments.study.study import Routing, Study


def routing(study: Study) -> Section | None:
    """Shares, gain, regret and the share of the gap closed; None where no router ran over two arms."""
    if not study.routings:
        return None
    scored, silent = scores(study)
    with_price = [one for one in scored if one.has_price]
    return Section(
        "routers",
        "Routers and the oracle",
        texts=(
            "The oracle takes, for every question, whichever arm was right. It knows the outcomes and profits from "
            "luck too: two runs of one system would leave it something to choose from. So the gap between the better "
            "arm and the oracle is more than a router can close, and regret never falls to 0. A router that was "
            "fitted on questions of this data (see What was compared) looks better here than it is, its curve and its "
            "calibration too.",
            *((_why_silent(silent),) if silent else ()),
            *((why_no_price(scored),) if len(with_price) < len(scored) else ()),
        ),
        plots=(
            *((price_plot(study, with_price),) if with_price else ()),
            *((calibration_plot(scored),) if scored else ()),
        ),
        tables=(
            Table(
                "Routers",
                (
                    "router",
                    "questions sent",
                    "accuracy",
                    "better arm",
                    "gain over it",
                    "oracle",
                    "regret",
                    "gap closed",
                ),
                [
                    _row(routing, comparison.difference)
                    for routing, comparison in zip(study.routings, study.router_comparisons, strict=True)
                ],
                note="On the questions where the router and both arms have a verdict. Gain and regret in points of "
                "percent, regret being oracle minus router. Gap closed is the gain as a share of oracle minus better "
                "arm: 0% is the better arm itself, below 0% worse than always taking it.",
            ),
            *((price_table(with_price),) if with_price else ()),
            *((calibration_table(scored),) if scored else ()),
        ),
    )


def _why_silent(routers: Sequence[str]) -> str:
    return (
        f"No curve and no calibration for {', '.join(routers)}: it keeps no expected gain beside its answers, so there is "
        "nothing to hold against a price or against what was seen."
    )


def why_no_price(scored: Sequence[Scored]) -> str:
    """Which routers no price can be tried on, and why."""
    names = ", ".join(one.name for one in scored if not one.has_price)
    return (
        f"No curve for {names}: a router that always reads both answers has no price, and one of two stages that ran under an "
        "earlier version did not keep what it held against its price; run the same command again."
    )


def shares_text(found: Routing) -> str:
    """Where the router's answered questions went."""
    return ", ".join(f"{100 * share:.0f}% to {arm}" for arm, share in sorted(found.shares.items()))


def _row(found: Routing, gain: Difference) -> tuple[Cell, ...]:
    closed = found.score.closed
    detail = (
        ""
        if closed.low is None or closed.high is None
        else f"{100 * closed.low:.0f} to {100 * closed.high:.0f}".replace("-", "−")
    )
    return (
        name(found.router.label),
        Cell(shares_text(found)),
        percent(found.score.accuracy),
        Cell(found.better.short, percent_text(found.top.better.value)),
        points(gain),
        percent(found.top.oracle),
        points(found.score.regret),
        Cell(percent_text(closed.value), detail),
    )

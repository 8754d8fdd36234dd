"""The router's curve: what rising prices of a token would have led to, on the run's own answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rlc.experiments.report.cells import name, number, percent, percent_text
from rlc.experiments.report.figures.plots import FAINT, INK, MARKERS, new_panels, reach
from rlc.experiments.report.records import Cell, Plot, Table
from rlc.experiments.statistics.intervals import Estimate, estimate
from rlc.experiments.statistics.resample import Floats
from rlc.experiments.study.router_scores import Scored
from rlc.experiments.study.study import Mask, Study
from rlc.pipeline.routers.support.price import worth_it

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRICES = (0.0, *np.geomspace(1e-5, 0.1, 24).tolist(), float("inf"))
SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Priced:
    """What a price per 1,000 extra tokens leads to: the share read whole, prompt tokens a question, accuracy."""

    price: float
    whole: float
    tokens: float
    accuracy: Estimate


def choose(scored: Scored, price: float) -> Mask:
    """Which questions are read whole at a price per 1,000 extra tokens, every token counted in full."""
    return worth_it(scored.worth, scored.long_tokens - scored.rag_tokens, price)


def priced(scored: Scored, price: float) -> Priced:
    """One point of the curve."""
    whole = choose(scored, price)
    bought = scored.rag_tokens if scored.pays_both else np.where(whole, 0.0, scored.rag_tokens)
    return Priced(
        price,
        float(whole.mean()),
        float((bought + np.where(whole, scored.long_tokens, 0.0)).mean()),
        estimate(np.where(whole, scored.kept, scored.rag), scored.documents),
    )


def curve(scored: Scored) -> list[Priced]:
    """From no price, or that of the run, to one at which nothing is read whole."""
    found = []
    for price in (scored.least, *(price for price in PRICES if price > scored.least)):
        found.append(priced(scored, price))
        if not found[-1].whole:
            break
    return found


def price_plot(study: Study, all_scored: Sequence[Scored]) -> Plot:
    """All routers that score their questions."""
    several = ", over all models" if len(study.groups) > 1 else ""
    return Plot(
        "router-price",
        f"Share of right answers against prompt tokens a question as the price of a token rises, from right to left, "
        f"with 95% intervals{several}. The dotted line mixes the two arms at random.",
        lambda: _draw([(scored, curve(scored)) for scored in all_scored]),
    )


def price_table(all_scored: Sequence[Scored]) -> Table:
    """The cheapest price that stays within a share of long context's tokens."""
    rows = []
    for scored in all_scored:
        found = curve(scored)
        full = float(scored.long_tokens.mean())
        told: Priced | None = None
        for share in SHARES:
            within = next((one for one in found if one.tokens <= share * full), None)
            if within is not None and within is not told:
                told = within
                rows.append(
                    (
                        name(scored.name),
                        Cell(f"{share:.0%}"),
                        Cell("any" if np.isinf(within.price) else f"{100 * within.price:.3g}"),
                        Cell(percent_text(within.whole)),
                        number(within.tokens),
                        percent(within.accuracy),
                    )
                )
    return Table(
        "Accuracy at a budget",
        ("router", "of long context's tokens, at most", "price", "read whole", "prompt tokens", "accuracy"),
        rows,
        note="Price: points of accuracy asked of 1,000 extra tokens, every token counted in full, the lowest that keeps "
        "to the budget; of a router of two stages none below that of the run. It is found on these very questions, which flatters it a little.",
    )


def _draw(found: "Sequence[tuple[Scored, list[Priced]]]") -> "Figure":
    figure, grid = new_panels(len(found), 2, (3.6, 3.5), margin=(1.4, 0), share="y")
    marker = MARKERS["router"]
    for axes, (scored, points) in zip(grid, found, strict=True):
        xs = np.array([one.tokens for one in points])
        ys: Floats = np.array([100 * (one.accuracy.value or 0) for one in points])
        lows, highs = (
            np.array([reach(one.accuracy, 100) or [[0.0], [0.0]] for one in points])[:, side, 0]
            for side in (0, 1)
        )
        axes.fill_between(xs, ys - lows, ys + highs, color=marker.color, alpha=0.18, lw=0)
        axes.plot(xs, ys, color=marker.color, marker=marker.shape, markersize=3, lw=1.3, label="by price")
        arms = [(scored.rag_tokens, scored.rag, "rag"), (scored.long_tokens, scored.long, "long")]
        ends = [(float(tokens.mean()), 100 * float(values.mean())) for tokens, values, _ in arms]
        axes.plot(*zip(*ends, strict=True), color=FAINT, ls=":", lw=1.2, zorder=0, label="at random")
        for place, (_, _, role) in zip(ends, arms, strict=True):
            arm = MARKERS[role]
            axes.plot(
                *place,
                **arm.style,
                ls="none",
                markersize=7,
                label=f"always {arm.name}",
            )
        axes.axhline(
            100 * float(np.maximum(scored.rag, scored.long).mean()),
            color=INK,
            ls="--",
            lw=0.8,
            label="oracle",
        )
        axes.set_title(scored.name, loc="left")
        axes.xaxis.set_major_formatter(
            lambda value, _: f"{value / 1000:,.0f}k" if value >= 1000 else f"{value:,.0f}"
        )
        axes.grid(color=FAINT, lw=0.3, alpha=0.4)
        axes.set_xlim(left=0)
    for axes in grid[len(found) :]:
        axes.set_visible(False)
    figure.supxlabel("prompt tokens a question", fontsize=9, color=INK)
    figure.supylabel("right answers, %", fontsize=9, color=INK)
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside upper left", ncols=3)
    return figure

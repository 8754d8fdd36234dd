"""The routers' curve: accuracy against tokens on documents that they have not seen."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlc.data.errors import StoreError, UsageError
from rlc.experiments.report.figures.plots import style
from rlc.pipeline.routers.learned import SHIPPED
from rlc.pipeline.routers.learned_after_both import SHIPPED as SHIPPED_AFTER_BOTH
from rlc.pipeline.routers.learned_after_rag import SHIPPED as SHIPPED_AFTER_RAG
from rlc.pipeline.routers.support.gain_model import load_model

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROTOCOL = "unseen documents"
CURVES = {  # what rising prices lead to, as the shipped fits hold it
    "learned": (SHIPPED, "-", "#3a9a4b"),
    "learned-after-rag": (SHIPPED_AFTER_RAG, "--", "#8a63b3"),
    "buy-then-choose": (SHIPPED_AFTER_BOTH, "-.", "#c0562f"),
}
LABELS = {  # points from the mark; where two routers stand close, one label steps aside
    "learned": (-38, 6),
    "learned-after-both": (-100, -14),
    "learned-after-both-panel": (-128, 8),
}
MARKERS = {
    "length": "o",
    "table": "D",
    "self-route": "v",
    "believe-refusal": "<",
    "learned": "^",
    "learned-after-rag": "s",
    "learned-after-both": "P",
    "learned-after-both-panel": "X",
}


def write_curve(rows: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Draw the rows of `rlc router eval` on unseen documents, over the shipped fits' curves of the price.

    Raises:
        UsageError: if no row is of that protocol, or the file's ending is not .svg or .png.
        StoreError: if the file cannot be written.
    """
    # A router "at 25%" is a point of its curve already, and buy-then-choose at no price is learned-after-both.
    shown = [
        row
        for row in rows
        if row["protocol"] == PROTOCOL and " at " not in row["router"] and row["router"] != "buy-then-choose"
    ]
    if not shown:
        raise UsageError(
            f"--plot: nothing was measured under {PROTOCOL!r}; leave --protocol out, or name that one"
        )
    if file.suffix not in (".svg", ".png"):
        raise UsageError(f"--plot {file}: expected a file that ends in .svg or .png")
    with style():
        figure = draw_curve(shown)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(
                file, dpi=160, bbox_inches="tight", metadata={"Date": None} if file.suffix == ".svg" else None
            )
        except OSError as error:
            raise StoreError(f"cannot write {file}: {error}; give a writable place with --plot") from error


def draw_curve(rows: Sequence[Mapping[str, Any]]) -> "Figure":
    """Points with 95% intervals, the curves that the price runs along, and the better single arm."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.8))
    axes = figure.add_subplot()
    for name, (fit, line, color) in CURVES.items():
        points = load_model(fit).curve
        axes.plot(
            [point.tokens for point in points],
            [100 * point.accuracy for point in points],
            line,
            color=color,
            label=f"{name}, by price",
        )
    for row in rows:
        low, high = (100 * bound for bound in row["accuracy_ci"])
        value = 100 * row["accuracy"]
        axes.errorbar(
            row["tokens"],
            value,
            yerr=[[value - low], [high - value]],
            marker=MARKERS.get(row["router"], "o"),
            color="#2b2b2b",
            markerfacecolor="white",
            linewidth=0.8,
        )
        axes.annotate(
            row["router"],
            (row["tokens"], value),
            xytext=LABELS.get(row["router"], (6, -10)),
            textcoords="offset points",
            fontsize=8,
        )
    best = rows[0]
    axes.axhline(100 * best["better_arm_accuracy"], color="#9a9a9a", linewidth=0.8, linestyle=":")
    axes.set_xlabel("prompt tokens a question")
    axes.set_ylabel("right answers, %")
    axes.xaxis.set_major_formatter(lambda tokens, _: f"{tokens:,.0f}")
    axes.legend(loc="lower right", fontsize=8)
    return figure

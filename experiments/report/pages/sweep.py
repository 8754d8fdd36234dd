"""The report of a sweep: the choice, the ranking with the room that the intervals leave, axes, test, shared work."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rlc.experiments.report.cells import (
    NONE,
    count,
    documents_text,
    interval,
    name,
    number,
    p_clause,
    p_text,
    percent,
    percent_text,
    points,
    points_text,
)
from rlc.experiments.report.figures.plots import FAINT, MARKERS, new_figure, point, reach
from rlc.experiments.report.records import Cell, Plot, Report, Section, Table
from rlc.experiments.report.sections.compared import banner, compared, data_name
from rlc.experiments.report.sections.differences import verdict
from rlc.experiments.report.sections.frontier import frontier
from rlc.experiments.report.sections.origin import origin
from rlc.experiments.statistics.intervals import FEW
from rlc.experiments.study.ranking import RankedSetting, Stage, SweepResult
from rlc.experiments.study.study import Comparison

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def sweep_report(result: SweepResult) -> Report:
    """Make the page of a sweep from its sections."""
    text, loud = banner(result.study)
    sections = (
        Section("choice", "The choice", texts=sentences(result)),
        ranking(result),
        axes(result),
        test(result),
        frontier(result.study),
        work(result),
        compared(result.study),
        origin(result.study),
    )
    return Report(
        title=f"Sweep of {len(result.ranking)} settings: {data_name(result.study)}",
        banner=text,
        loud=loud,
        sections=[section for section in sections if section is not None],
    )


def sentences(result: SweepResult) -> list[str]:
    """What was chosen, how sure that is, and what the test split says of it."""
    return [_choice(result), *_cheapest(result), _tested(result)]


def _choice(result: SweepResult) -> str:
    best, others = result.best, len(result.winners) - 1
    total = len(result.ranking)
    documents = result.study.examples["document_id"].n_unique()
    start = (
        f"Of {total} settings on the {best.accuracy.n:,} questions about {documents_text(documents)} of the tuning split, "
        f"{best.reader.label} got the most right: {percent_text(best.accuracy.value)}"
    )
    if total == 1:
        return f"{start} (95% interval {interval(best.accuracy).rstrip(', ') or 'open'}). It ran alone."
    start += f", which flatters it, since it was picked for that{_elsewhere(result)}"
    if others == total - 1:
        few = (
            f" {documents_text(documents).capitalize()} cannot show a difference, however large: take {FEW} or more."
            if documents < FEW
            else ""
        )
        return f"{start}. No setting can be told apart from it: these data do not say which is best.{few}"
    if others:
        return f"{start}. {others} more cannot be told apart from the best; {total - 1 - others} are worse than some other."
    return f"{start}. Every other setting is worse than some other."


def _elsewhere(result: SweepResult) -> str:
    """What the choice is worth where the questions have no part in it; nothing where one document leaves no other."""
    found = result.elsewhere
    if found.value is None:
        return ""
    limits = interval(found).rstrip(", ") or "open"
    return f"; chosen in turn by the other documents, the best comes to {percent_text(found.value)} (95% interval {limits})"


def _cheapest(result: SweepResult) -> list[str]:
    """The cheapest that may be the best, where that says something: some may not, and it saves a twentieth."""
    if len(result.winners) == len(result.ranking):
        return []
    priced = [(setting.tokens.value, setting) for setting in result.winners if setting.tokens.value]
    least = min((one for one in priced), key=lambda one: one[0], default=None)
    cost = result.best.tokens.value
    if least is None or cost is None or least[1] is result.best or least[0] > 0.95 * cost:
        return []
    return [
        f"The cheapest of those that may be the best is {least[1].reader.label}: {least[0]:,.0f} prompt tokens a question "
        f"against {cost:,.0f}, and {percent_text(least[1].accuracy.value)} right."
    ]


def _tested(result: SweepResult) -> str:
    if not result.test:
        return (
            "There was no test split, so nothing else was measured of the choice: `tuning = 0.5` under [sweep] keeps documents back "
            "for it."
        )
    claims = "; ".join(_claim(one) for one in result.test)
    first = result.test[0]
    return (
        f"On the test split ({first.difference.n:,} questions about {result.test_documents:,} other documents, which had no "
        f"part in the choice) it got {percent_text(first.first_mean.value)} right: {claims}."
    )


def _claim(one: Comparison) -> str:
    difference = one.difference
    limits = interval(difference, signed=True).rstrip(", ")
    evidence = f"{points_text(difference.value)} points" + (f", 95% interval {limits}" if limits else "")
    evidence += f", {p_clause(difference.p_holm)}" if difference.p_holm is not None else ""
    words = {"ahead": "ahead of", "behind": "behind", "not told apart": "not told apart from"}
    told = words.get(_verdict(one), "not testable against")
    return f"{told} {one.second.label} with {percent_text(one.second_mean.value)} ({evidence})"


def _verdict(one: Comparison) -> str:
    said = verdict(one)
    if not said.endswith(" ahead"):
        return said
    return "ahead" if (one.difference.value or 0) > 0 else "behind"


def ranking(result: SweepResult) -> Section:
    """Every setting with its place."""
    axes_ = list(result.short)
    rows = [
        (
            name(places(setting)),
            *(Cell(result.settings[setting.reader.name][axis]) for axis in axes_),
            percent(setting.accuracy)._replace(strong=setting.winner),
            Cell(NONE) if setting.behind is None else points(setting.behind),
            number(setting.tokens.value),
            number(setting.seconds, 2),
            count(setting.failures),
        )
        for setting in result.ranking
    ]
    pairs = len(result.ranking) * (len(result.ranking) - 1) // 2
    return Section(
        "ranking",
        "The ranking",
        texts=(
            "Tuning split. The place says how far the figures can be trusted to order the settings: from the number of "
            "settings that are better beyond doubt, and one more, to the number of those that are not worse beyond doubt. "
            f"{result.best.reader.label} is {places(result.best)} of {len(result.ranking)}. All {pairs:,} pairs are tested and corrected together, since "
            "any setting could have come out first: a difference is held against the largest of any two settings when whole "
            "documents swap their signs. A failed answer counts as wrong.",
        ),
        plots=(
            Plot(
                "ranking",
                "Share of right answers with 95% intervals, best first; filled marks may be the best. The interval is each "
                "setting's own: that of the first is flattered by having come first.",
                lambda: draw_ranking(result.ranking),
            ),
        ),
        tables=(
            Table(
                "Settings, best first",
                (
                    "place",
                    *result.short.values(),
                    "right",
                    "best minus this, points",
                    "prompt tokens",
                    "seconds",
                    "failed",
                ),
                rows,
                note="In bold: may be the best. Seconds are what a setting would have cost alone: work that it shares "
                "with others is charged to it all the same.",
            ),
        ),
    )


def places(setting: RankedSetting) -> str:
    """The places that a setting may have."""
    return str(setting.first) if setting.first == setting.last else f"{setting.first} to {setting.last}"


def axes(result: SweepResult) -> Section | None:
    """What each value does on average over all other axes."""
    if not result.effects:
        return None
    return Section(
        "axes",
        "What each setting does",
        texts=(
            "Averages over all values of the other axes, and the difference to the axis's first value: paired, clustered by "
            "document, bold where called after Holm's correction over the table.",
        ),
        tables=(
            Table(
                "Axis by axis",
                ("setting", "right", "to the first value, points", "p, Holm"),
                [
                    (
                        name(f"{result.short[one.axis]} = {one.value}"),
                        percent(one.accuracy),
                        Cell(NONE) if one.change is None else points(one.change),
                        Cell(NONE if one.change is None else p_text(one.change.p_holm)),
                    )
                    for one in result.effects
                ],
            ),
        ),
    )


def test(result: SweepResult) -> Section | None:
    """The chosen setting on questions that had no part in the choice."""
    if not result.test:
        return None
    return Section(
        "test",
        "On the test split",
        texts=(
            "The chosen setting minus each reader of the recipe as it stands, on documents that it was not chosen on.",
        ),
        tables=(
            Table(
                "Chosen against the others",
                ("reader", "chosen", "this reader", "points", "p, Holm", "verdict"),
                [
                    (
                        name(one.second.label),
                        percent(one.first_mean),
                        percent(one.second_mean),
                        points(one.difference),
                        Cell(p_text(one.difference.p_holm)),
                        Cell(_verdict(one)),
                    )
                    for one in result.test
                ],
            ),
        ),
    )


def work(result: SweepResult) -> Section:
    """Tell how much work the settings shared, by stage."""
    return Section(
        "work",
        "Shared work",
        texts=(f"The sweep took {result.seconds:,.0f} s. {shared(result.stages)}",),
        tables=(
            Table(
                "Stages",
                ("stage", "wanted", "there already", "share", "seconds saved"),
                [
                    (
                        name(stage),
                        count(one.wanted),
                        count(one.served),
                        Cell(percent_text(one.served / one.wanted if one.wanted else None)),
                        number(one.seconds, 1),
                    )
                    for stage, one in result.stages.items()
                ],
                note="Answers were in the store; the rest was done before for another setting of this sweep.",
            ),
        ),
    )


def shared(stages: Mapping[str, Stage]) -> str:
    """The share of stages that was there already, in a sentence."""
    wanted, served = (sum(getattr(one, what) for one in stages.values()) for what in ("wanted", "served"))
    share = percent_text(served / wanted if wanted else None)
    return f"{served:,} of {wanted:,} stages ({share}) were there already."


def draw_ranking(ranking: Sequence[RankedSetting]) -> "Figure":
    """Accuracy with intervals, a line a setting, best on top."""
    figure, axes = new_figure(7, 0.9 + 0.24 * len(ranking))
    for line, setting in enumerate(ranking):
        found = setting.accuracy
        if found.value is not None:
            marker = MARKERS["rag"]._replace(filled=setting.winner)
            point(axes, marker, 100 * found.value, line, xerr=reach(found, 100))
    axes.set_yticks(range(len(ranking)), [setting.reader.label for setting in ranking])
    axes.set_ylim(len(ranking) - 0.4, -0.6)
    axes.set_xlabel("right answers, %")
    axes.grid(axis="x", color=FAINT, lw=0.4, alpha=0.5)
    return figure

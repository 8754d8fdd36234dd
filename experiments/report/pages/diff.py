"""Two runs compared, as a page: what changed by reader, in which settings, and on which questions."""

from collections.abc import Iterator, Sequence

from rlc.experiments.report.cells import NONE, name, p_text, percent_text, points, points_text
from rlc.experiments.report.records import Block, Cell, Excerpt, Piece, Report, Section, Table
from rlc.experiments.statistics.intervals import Difference
from rlc.experiments.study.diff import Change, Flip, RunDiff, judges_text

VERDICTS = {
    "better": "Better than in the first run",
    "worse": "Worse",
    "not told apart": "Not told apart",
    "cannot be tested": "Cannot be tested",
}


def change_report(found: RunDiff, flips: int | None = None, settings: int | None = None) -> Report:
    """Make the page of two runs compared, with at most so many questions that flipped and settings that differ."""
    first, second = found.first.folder.name, found.second.folder.name
    return Report(
        title=f"From {first} to {second}",
        banner=_banner(found),
        loud=_data_differ(found) or found.judges is not None,
        sections=[_changes(found), _settings(found, settings), *_flipped(found, flips)],
    )


def _banner(found: RunDiff) -> str:
    said = [f"{found.questions:,} questions are in both runs."]
    for run, alone in zip((found.first, found.second), found.asked, strict=True):
        said += [f"{alone:,} are in {run.folder.name} alone."] if alone else []
    if _data_differ(found):
        said.append(
            "The runs are on different revisions of their data: documents may differ behind equal questions."
        )
    if found.judges:
        same, answered = (sum(getattr(one, name_) for one in found.changes) for name_ in ("same", "answered"))
        said.append(
            f"The runs were judged differently ({judges_text(found.judges)}), so a change may be the judge's and no reader's: {same:,} of "
            f"{answered:,} answers are the same text."
        )
    for run, names in zip((found.first, found.second), found.alone, strict=True):
        said += [f"Without a partner in {run.folder.name}: {', '.join(names)}."] if names else []
    return " ".join(said)


def _data_differ(found: RunDiff) -> bool:
    return bool(found.first.data.get("revision") != found.second.data.get("revision"))


def _changes(found: RunDiff) -> Section:
    rows = [
        (
            name(one.first if one.first == one.second else f"{one.first} → {one.second}"),
            Cell(percent_text(one.comparison.second_mean.value)),
            Cell(percent_text(one.comparison.first_mean.value)),
            points(one.comparison.difference),
            Cell(_verdict(one)),
            Cell(f"+{len(one.gained)} −{len(one.lost)}"),
            _amount(one.tokens, 0),
            Cell(f"{one.failures[0]} → {one.failures[1]}"),
            Cell(NONE) if one.seconds is None else _amount(one.seconds, 2),
            Cell(p_text(one.comparison.difference.p_holm)),
            Cell(f"{one.same:,} of {one.answered:,}"),
        )
        for one in found.changes
    ]
    return Section(
        "changes",
        "What changed",
        texts=(_headline(found),),
        tables=(
            Table(
                "By reader",
                (
                    "reader",
                    "first",
                    "second",
                    "change, points",
                    "verdict",
                    "flipped",
                    "tokens",
                    "failed",
                    "seconds",
                    "p, Holm",
                    "same text",
                ),
                rows,
                note="Second minus first, on the questions where both have a verdict; intervals of 95%, clustered by "
                f"document; Holm's correction over {len(rows)}. Flipped: to right and to wrong. Tokens and seconds: the mean "
                "change of a question that both answered.",
            ),
        ),
    )


def _headline(found: RunDiff) -> str:
    """What became better, what worse, and of what neither can be said: the answer before the table."""
    told: dict[str, list[str]] = {}
    for one in found.changes:
        value = one.comparison.difference.value
        amount = "" if value is None else f" ({points_text(value)} points)"
        told.setdefault(_verdict(one), []).append(f"{one.second}{amount}")
    said = [f"{words}: {', '.join(told[verdict])}" for verdict, words in VERDICTS.items() if verdict in told]
    return f"{'; '.join(said)}."


def _verdict(one: Change) -> str:
    found = one.comparison.difference
    if found.value is None or found.p is None:
        return "cannot be tested"
    if not found.called:
        return "not told apart"
    return "better" if found.value > 0 else "worse"


def _amount(found: Difference, digits: int) -> Cell:
    if found.value is None:
        return Cell(NONE)
    form = f"{{:+,.{digits}f}}"
    limits = (
        "" if found.low is None or found.high is None else f"{form} to {form}".format(found.low, found.high)
    )
    return Cell(form.format(found.value).replace("-", "−"), limits.replace("-", "−"))


def _settings(found: RunDiff, most: int | None) -> Section:
    """What differs in the readers' specs and in what the runs were made by; what several readers share stands once."""
    owners: dict[tuple[str, str, str], list[str]] = {}
    for one in found.changes:
        for setting in one.settings:
            owners.setdefault(setting, []).append(one.first)
    by_reader = [(f"{', '.join(names)}: {key}", a, b) for (key, a, b), names in owners.items()]
    tables = [
        Table(
            title,
            ("what", "first", "second"),
            [(name(key), Cell(a), Cell(b)) for key, a, b in rows[:most]],
            note="" if most is None or len(rows) <= most else f"{len(rows) - most} more with --html FILE.",
            prose=True,
        )
        for title, rows in (
            ("Settings of the readers", by_reader),
            ("Where the runs come from", found.origin),
        )
        if rows
    ]
    text = "" if by_reader else "Every reader has the same settings in both runs."
    return Section("settings", "What differs otherwise", texts=(text,) if text else (), tables=tables)


def _flipped(found: RunDiff, flips: int | None) -> Iterator[Section]:
    for place, one in enumerate(found.changes):
        if one.gained or one.lost:
            blocks = [
                *_blocks("to right", one.gained, flips),
                *_blocks("to wrong", one.lost, flips),
            ]
            yield Section(f"flipped-{place}", f"{one.second}: questions that flipped", blocks=blocks)


def _blocks(way: str, flips: Sequence[Flip], most: int | None) -> Iterator[Block]:
    shown = flips[:most]
    for flip in shown:
        texts = {
            "question": flip.question,
            "gold answer": " | ".join(flip.gold) or "none",
            "first": flip.first,
            "why": flip.first_reason,
            "second": flip.second,
            "why then": flip.second_reason,
        }
        yield Block(
            f"{way}: {flip.example_id}",
            [Excerpt(name_, [Piece(text)]) for name_, text in texts.items() if text],
        )
    if len(shown) < len(flips):
        yield Block(f"{len(flips) - len(shown)} more went {way}", [])

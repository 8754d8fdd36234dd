"""`rlc report`: from a run's folder to report.html, report.md and the plots."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rlc.data.errors import DataError
from rlc.experiments.metrics.cost import Price, read_prices
from rlc.experiments.report.pictures import drawn_of
from rlc.experiments.report.records import Report, Section
from rlc.experiments.report.render import write_files
from rlc.experiments.report.sections.answer import answer
from rlc.experiments.report.sections.budgets import budgets
from rlc.experiments.report.sections.compared import banner, compared, data_name
from rlc.experiments.report.sections.costs import costs
from rlc.experiments.report.sections.differences import differences
from rlc.experiments.report.sections.extremes import extremes
from rlc.experiments.report.sections.failures import failures
from rlc.experiments.report.sections.frontier import frontier
from rlc.experiments.report.sections.heat import length_and_depth
from rlc.experiments.report.sections.judged import judged
from rlc.experiments.report.sections.length import length
from rlc.experiments.report.sections.measured import sections as study_sections
from rlc.experiments.report.sections.origin import origin
from rlc.experiments.report.sections.planned import planned
from rlc.experiments.report.sections.position import position
from rlc.experiments.report.sections.pruning import pruning
from rlc.experiments.report.sections.questions import questions
from rlc.experiments.report.sections.retrieved import retrieved
from rlc.experiments.report.sections.routing import routing
from rlc.experiments.report.sections.silver import silver_recall
from rlc.experiments.report.sections.slices import answerable, book_comparisons, by_groups, macro
from rlc.experiments.runs.stored import StoredRun, open_run
from rlc.experiments.study.study import Study, make_study

# In the order of the page. A section that does not apply to the run gives None.
SECTIONS: Sequence[Callable[[Study], Section | None]] = (
    answer,
    compared,
    judged,
    frontier,
    budgets,
    by_groups,
    answerable,
    book_comparisons,
    macro,
    differences,
    length_and_depth,
    position,
    length,
    routing,
    silver_recall,
    retrieved,
    pruning,
    costs,
    failures,
    extremes,
    questions,
    planned,
    origin,
)


def write_report(
    run: str,
    out: Path,
    prices: Path | None = None,
    data_root: Path | None = None,
    to: Path | None = None,
    studies: Sequence[Path] = (),
) -> Path:
    """Write the report of a run into `to`, or the folder `report` of the run's own.

    Args:
        run: The run's folder, or its name below `out`.
        out: The folder of runs.
        prices: A price sheet; see `rlc.experiments.metrics.cost`.
        data_root: Where the data set lies; only needed for figures that read the documents again.
        to: Another folder to write to.
        studies: Folders of studies whose sections are added; see `rlc.experiments.report.sections.measured`.

    Returns:
        The HTML file.

    Raises:
        RlcError: with what the user can mend: no such run, a broken price sheet, a full disk.
    """
    stored = open_run(run, out)
    added = study_sections(studies)
    study = study_of(stored, read_prices(prices) if prices else None, data_root)
    report = make_report(study)
    whole = replace(report, sections=[*report.sections, *added])
    return write_files(whole, to or stored.folder / "report", drawn_of(study, prices, studies))


def make_report(study: Study) -> Report:
    """Work out all sections."""
    text, loud = banner(study)
    found = (section(study) for section in SECTIONS)
    return Report(
        title=f"RAG and long context compared: {data_name(study)}",
        banner=text,
        loud=loud,
        sections=[section for section in found if section is not None],
    )


def study_of(
    run: StoredRun, prices: Mapping[str, Price] | None = None, data_root: Path | None = None
) -> Study:
    """The study of a run, with the documents where they are at hand; a place given by hand must hold them."""
    try:
        return make_study(run, prices, dataset=run.dataset(data_root))
    except DataError as error:
        if data_root is not None:
            raise
        return make_study(run, prices, absence=str(error))

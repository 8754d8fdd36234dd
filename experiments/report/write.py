"""`rlc report`: from a run's folder to report.html, report.md and the plots."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rlc.data.errors import DataError
from rlc.experiments.metrics.cost import Price, read_prices
from rlc.experiments.report.answer import answer
from rlc.experiments.report.compared import banner, compared, data_name
from rlc.experiments.report.costs import costs
from rlc.experiments.report.differences import differences
from rlc.experiments.report.extremes import extremes
from rlc.experiments.report.failures import failures
from rlc.experiments.report.frontier import frontier
from rlc.experiments.report.length import length
from rlc.experiments.report.origin import origin
from rlc.experiments.report.planned import planned
from rlc.experiments.report.position import position
from rlc.experiments.report.pruning import pruning
from rlc.experiments.report.questions import questions
from rlc.experiments.report.records import Report, Section
from rlc.experiments.report.render import write_files
from rlc.experiments.report.retrieved import retrieved
from rlc.experiments.report.routing import routing
from rlc.experiments.report.silver import silver_recall
from rlc.experiments.report.slices import answerable, book_comparisons, by_groups, macro
from rlc.experiments.report.study import Study, make_study
from rlc.experiments.runs import StoredRun, open_run
from rlc.experiments.studies import sections as study_sections

# In the order of the page. A section that does not apply to the run gives None.
SECTIONS: Sequence[Callable[[Study], Section | None]] = (
    compared,
    answer,
    frontier,
    by_groups,
    answerable,
    book_comparisons,
    macro,
    differences,
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
        studies: Folders of studies whose sections are added; see `rlc.experiments.studies`.

    Returns:
        The HTML file.

    Raises:
        RlcError: with what the user can mend: no such run, a broken price sheet, a full disk.
    """
    stored = open_run(run, out)
    added = study_sections(studies)
    report = make_report(stored, read_prices(prices) if prices else None, data_root)
    return write_files(replace(report, sections=[*report.sections, *added]), to or stored.folder / "report")


def make_report(
    run: StoredRun, prices: Mapping[str, Price] | None = None, data_root: Path | None = None
) -> Report:
    """Work out all sections."""
    study = _study(run, prices, data_root)
    text, loud = banner(study)
    found = (section(study) for section in SECTIONS)
    return Report(
        title=f"RAG and long context compared: {data_name(study)}",
        banner=text,
        loud=loud,
        sections=[section for section in found if section is not None],
    )


def _study(run: StoredRun, prices: Mapping[str, Price] | None, data_root: Path | None) -> Study:
    """With the documents where they are at hand; a place given by hand must hold them."""
    try:
        return make_study(run, prices, dataset=run.dataset(data_root))
    except DataError as error:
        if data_root is not None:
            raise
        return make_study(run, prices, absence=str(error))

"""Studies that stand beside runs, such as `rlc chunks` writes them: folders whose figures a report can show."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rlc.data.errors import DataError, UsageError
from rlc.data.lazy import load
from rlc.data.plain import parse_json
from rlc.experiments.report.records import Section

STUDIES = {
    "chunkers.json": "rlc.experiments.report.sections.chunk_quality:section",
    "prune_quality.json": "rlc.experiments.report.sections.prune_quality:section",
}
"""What a folder's file is called -> what makes a section of it."""


def sections(folders: Sequence[Path]) -> list[Section]:
    """The studies' sections, in order; those of one kind are numbered from the second on.

    Raises:
        UsageError: if a folder holds no study.
        DataError: if a study cannot be read.
    """
    found: list[Section] = []
    for folder in folders:
        files = [folder / name for name in STUDIES if (folder / name).is_file()]
        if not files:
            raise UsageError(
                f"--study {folder}: expected a folder that holds {' or '.join(STUDIES)}; `rlc chunks --out FOLDER` writes one"
            )
        for file in files:
            made = _section(file)
            twins = sum(one.id.partition("-")[0] == made.id for one in found)
            found.append(_numbered(made, twins + 1) if twins else made)
    return found


def _section(file: Path) -> Section:
    make: Any = load(STUDIES[file.name])
    try:
        made: Section = make(parse_json(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise DataError(
            f"{file} is not a study of this version ({type(error).__name__}: {error}); measure again to write it"
        ) from error
    return made


def _numbered(section: Section, number: int) -> Section:
    plots = [replace(plot, name=f"{plot.name}-{number}") for plot in section.plots]
    return replace(section, id=f"{section.id}-{number}", title=f"{section.title} ({number})", plots=plots)

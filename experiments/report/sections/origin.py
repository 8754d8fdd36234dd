"""Where the figures come from: code, machine, data, models, judge."""

from collections.abc import Mapping
from typing import Any

from rlc.data.spec import flatten
from rlc.experiments.report.cells import name
from rlc.experiments.report.records import Cell, Section, Table
from rlc.experiments.scorers.rule import default_fit
from rlc.experiments.study.study import Study


def origin(study: Study) -> Section:
    """The run's provenance, and the judge's fit."""
    tables = [_table("The run", {"run": study.run.folder.name, **study.run.provenance})]
    if "judge" not in study.run.provenance:
        tables.append(
            _table("The judge's fit, as the package that wrote this report has it", default_fit().provenance)
        )
    return Section("provenance", "Provenance", tables=tables)


def _table(title: str, record: Mapping[str, Any]) -> Table:
    lists = {
        key: ", ".join(map(str, value)) for key, value in record.items() if isinstance(value, list | tuple)
    }
    rows = [(name(key), Cell(value)) for key, value in flatten({**record, **lists}).items()]
    return Table(title, ("what", "value"), rows, prose=True)

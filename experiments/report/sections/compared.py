"""What was compared: the data, the readers, and how each was set."""

from rlc.data.spec import flatten
from rlc.experiments.report.cells import count, name
from rlc.experiments.report.records import Cell, Section, Table
from rlc.experiments.runs.scope import searched
from rlc.experiments.study.caveats import caveats
from rlc.experiments.study.noted import answer_notes
from rlc.experiments.study.readers import ReaderInfo
from rlc.experiments.study.study import Study

ROLE_NAMES = {
    "long": "long context",
    "rag": "retrieval",
    "both": "retrieval and long context",
    "closed": "closed book",
    "router": "router",
    "other": "other",
}


def data_name(study: Study) -> str:
    """The data set's name, with what its figures may be called."""
    data = study.run.data
    return f"{data.get('name', 'unnamed data')} ({data.get('variant', 'unknown variant')})"


def banner(study: Study) -> tuple[str, bool]:
    """What the figures may be called, and whether that is a warning."""
    questions = (
        f"{study.examples.height:,} questions about {study.examples['document_id'].n_unique():,} documents"
    )
    variant = study.run.data.get("variant")
    if variant == "sample":
        return (
            f"Sample, not the benchmark: {questions} that come with the package. These figures show that the "
            "pipeline works and say nothing about LaRA.",
            True,
        )
    if variant == "benchmark":
        return f"Benchmark data: {questions} of {study.run.data.get('name')}.", False
    return f"Your own data: {questions}. These are not figures of a benchmark.", False


def compared(study: Study) -> Section:
    """The readers with roles, models and settings."""
    table = Table(
        "Readers",
        ("reader", "kind", "searches", "language model", "questions", "answered"),
        [
            (
                name(reader.label),
                Cell(ROLE_NAMES[reader.role]),
                Cell(searched(study.run.specs.get(reader.name, {}))),
                Cell(", ".join(reader.models)),
                count(study.rows(reader, "error").height),
                count(study.answered(reader, "error").height),
            )
            for reader in study.readers
        ],
        prose=True,
    )
    settings = Table(
        "Settings of every reader",
        ("reader", "settings"),
        [(name(reader.label), Cell(_settings(study, reader))) for reader in study.readers],
        prose=True,
        folded=True,
    )
    return Section(
        "compared",
        "What was compared",
        texts=[*_aliases(study), *caveats(study), *(f"{note}." for note in answer_notes(study.run))],
        tables=(table, settings),
    )


def _aliases(study: Study) -> list[str]:
    """What aliases stand for, each once, whatever the number of models."""
    used = {
        reader.short: study.run.specs.get(reader.name, {}).get("use", "an unknown reader")
        for reader in study.readers
        if reader.name in study.run.labels
    }
    return [f"The router {alias} resolved to {use}." for alias, use in used.items()]


def _settings(study: Study, reader: ReaderInfo) -> str:
    found = flatten(study.run.specs.get(reader.name, {}))
    return ", ".join(f"{key} = {value}" for key, value in found.items()) or "not recorded"

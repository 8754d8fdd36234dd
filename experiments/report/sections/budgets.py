"""At equal memory: accuracy against the bytes of keys and values that answers were read from."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from rlc.experiments.report.cells import NONE, name, percent, points
from rlc.experiments.report.figures.memory import by_memory
from rlc.experiments.report.records import Cell, Plot, Section, Table
from rlc.experiments.report.sections.slices import slices
from rlc.experiments.statistics.intervals import Estimate
from rlc.experiments.study.readers import ReaderInfo
from rlc.experiments.study.study import Comparison, Mask, Study, corrected

MEGA = 1_000_000
ALIKE = 1.05  # budgets that differ by less are the same


def budgets(study: Study) -> Section | None:
    """Every reader's accuracy and bytes, and what is ahead at the same bytes; None where no answer was read from a part."""
    methods = {reader.name: method_of(study.run.specs.get(reader.name, {})) for reader in study.readers}
    if not any(_keeps_less(study.run.specs.get(reader.name, {})) for reader in study.readers):
        return None
    sizes = bytes_of(study)
    readers = sorted(
        (one for one in study.readers if one.name in sizes), key=lambda one: sizes[one.name].value or 0
    )
    rivals = {one.name: rival(one, readers, sizes, methods) for one in readers}
    pairs = [(one, other) for one in readers for other in [rivals[one.name]] if other is not None]
    found = {
        one.first.name: one for one in corrected([study.compare(first, other) for first, other in pairs])
    }
    tasks = {task: mask for task, mask in slices(study, "task").items() if not mask.all()}
    lines: dict[str, list[str]] = {}
    for one in readers:
        lines.setdefault(methods[one.name], []).append(one.name)
    panels = {"all questions": np.ones(study.examples.height, dtype=bool), **tasks}
    return Section(
        "equal-memory",
        "At equal memory",
        texts=(
            "The keys and values that an answer is read from, in bytes: those of its prompt, or what a method keeps of them, its "
            "question's included. Methods that round count what they would store. So passages, the whole text and every "
            "method stand on one axis.",
            verdict(found.values()),
        ),
        plots=(
            Plot(
                "equal-memory",
                "Share of right answers against megabytes of keys and values a question (logarithmic), with 95% intervals; "
                "a line joins the budgets of a method.",
                lambda: by_memory(study, lines, sizes, panels),
            ),
        ),
        tables=(_table(study, readers, sizes, methods, found, tasks),),
    )


def method_of(spec: Mapping[str, Any]) -> str:
    """What chooses the keys and values that a reader's answers are read from.

    >>> method_of({"use": "long", "llm": {"use": "hf-kv", "sees": "question", "kv": {"use": "snapkv"}}})
    'snapkv, question seen'
    >>> method_of({"use": "fused", "fusion": {"use": "ape"}})
    'passages by ape'
    """
    engine, fusion = spec.get("llm"), spec.get("fusion")
    if isinstance(fusion, Mapping):
        return f"passages by {fusion['use']}"
    if _keeps_less(spec) and isinstance(engine, Mapping):
        return f"{engine['kv']['use']}{', question seen' * (engine.get('sees') == 'question')}"
    return {"long": "whole text", "rag": "passages"}.get(str(spec.get("use")), str(spec.get("use")))


def _keeps_less(spec: Mapping[str, Any]) -> bool:
    engine = spec.get("llm")
    return isinstance(engine, Mapping) and "kv" in engine


def bytes_of(study: Study) -> dict[str, Estimate]:
    """The mean bytes of a reader's answers, by name; readers whose engine does not say are left out."""
    found = {}
    for reader in study.readers:
        values = study.values(reader, "kv_bytes")
        values = np.where(values == 0, np.nan, values)
        if np.isfinite(values).any():
            found[reader.name] = study.mean(values)
    return found


def rival(
    reader: ReaderInfo,
    readers: Sequence[ReaderInfo],
    sizes: Mapping[str, Estimate],
    methods: Mapping[str, str],
) -> ReaderInfo | None:
    """The passages with the most bytes that are no more than a reader's; None where there are none, or it is passages itself."""
    own = sizes[reader.name].value or 0
    if methods[reader.name] == "passages":
        return None
    fitting = [
        one
        for one in readers
        if methods[one.name] == "passages" and (sizes[one.name].value or 0) <= ALIKE * own
    ]
    return max(fitting, key=lambda one: sizes[one.name].value or 0) if fitting else None


def verdict(comparisons: Iterable[Comparison]) -> str:
    """How the others stand against passages of no more bytes, in a sentence."""
    found = [one.difference for one in comparisons]
    if not found:
        return "No reader has passages of no more bytes beside it, so nothing can be said at equal memory."
    ahead = sum(one.called and (one.value or 0) > 0 for one in found)
    behind = sum(one.called and (one.value or 0) < 0 for one in found)
    return (
        f"Against passages of no more bytes, of {len(found)} readers {ahead} are ahead, {behind} behind, and "
        f"{len(found) - ahead - behind} are not told apart, after Holm's correction over the {len(found)}."
    )


def _table(
    study: Study,
    readers: Sequence[ReaderInfo],
    sizes: Mapping[str, Estimate],
    methods: Mapping[str, str],
    found: Mapping[str, Comparison],
    tasks: Mapping[str, Mask],
) -> Table:
    largest = max((sizes[one.name].value or 0 for one in readers), default=0)
    rows = []
    for reader in readers:
        size, one = sizes[reader.name].value or 0, found.get(reader.name)
        rows.append(
            (
                name(reader.label),
                Cell(methods[reader.name]),
                Cell(f"{size / MEGA:,.1f}", f"{100 * size / largest:.0f}%"),
                percent(study.overall[reader.name]),
                Cell(NONE) if one is None else points(one.difference)._replace(detail=one.second.short),
                *(percent(study.accuracy(reader, mask)) for mask in tasks.values()),
            )
        )
    return Table(
        "By megabytes of keys and values",
        ("reader", "kept by", "MB", "accuracy", "minus passages of no more bytes", *tasks),
        rows,
        note="The share beside the megabytes is of the largest reader's. Bold after Holm's correction over the table's "
        "comparisons; the passages that are compared with stand beside the points.",
    )

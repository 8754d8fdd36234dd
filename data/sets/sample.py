"""The bundled sample: LaRA's layout, documents and questions of this project's own."""

from rlc.data.records import Dataset
from rlc.data.sets import lara
from rlc.data.sets.card import Card, Part

CARD = Card(
    name="sample",
    title="the bundled sample",
    paper="",
    source=None,
    licence="Apache-2.0",
    parts={task: Part() for task in lara.TASKS},
    lengths="4k, 8k",
    questions=75,
    documents=10,
    note="Its figures show that the pipeline works and say nothing about a benchmark.",
)


def load() -> Dataset:
    """Read the sample; its variant keeps it from being taken for LaRA."""
    return lara.load(lara.SAMPLE, variant="sample")

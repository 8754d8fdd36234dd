"""README's table of methods names every entry of every table, and nothing else."""

import re
from pathlib import Path

import pytest

from rlc.chunkers import CHUNKERS
from rlc.pipeline.fusion import FUSIONS
from rlc.pipeline.llms import LLMS
from rlc.pipeline.looks import LOOKS
from rlc.pipeline.readers import READERS
from rlc.pipeline.routers import ROUTERS
from rlc.retrievers import RETRIEVERS
from rlc.retrievers.prune import PRUNERS
from rlc.retrievers.rerank import RERANKERS
from rlc.retrievers.select import SELECTORS

README = Path(__file__).parents[2] / "README.md"
TABLES = {
    "chunkers": CHUNKERS,
    "retrievers": RETRIEVERS,
    "rerankers": RERANKERS,
    "selectors": SELECTORS,
    "pruners": PRUNERS,
    "engines": LLMS,
    "readers": READERS,
    "fusions": FUSIONS,
    "looks": LOOKS,
    "routers": ROUTERS,
}


def named(family):
    [row] = re.findall(rf"^\| {family} \| (.*) \|$", README.read_text(encoding="utf-8"), re.MULTILINE)
    return set(re.sub(r" \([^()]*(\([^()]*\))?[^()]*\)", "", row).split(", "))


@pytest.mark.parametrize("family", TABLES)
def test_every_method_is_named(family):
    assert named(family) == set(TABLES[family])

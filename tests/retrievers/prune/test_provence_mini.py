"""The small Provence that comes with the package."""

import json

import pytest
from langchain_core.documents import Document

from rlc.data.errors import WeightsError
from rlc.data.weights import ALIASES, resolve
from rlc.pipeline.identity import revisions
from rlc.retrievers.prune.provence import ProvencePruner
from rlc.retrievers.prune.support import checkpoints
from rlc.retrievers.prune.support.checkpoints import MINI, WEIGHTS, load_checkpoint, packaged_revision

PASSAGES = [
    "The ferry was built in Oslo. It was launched by Queen Sonja in 1988. Its engines came from Finland. "
    "Passengers liked the restaurant on the upper deck.",
    "The river is known for its trout. Anglers come from all over the country in May.",
]


def weights_are_there():
    try:
        resolve("minilm")
    except WeightsError:
        return False
    return True


needs_minilm = pytest.mark.skipif(not weights_are_there(), reason="needs `rlc fetch model minilm`")


def test_it_is_small_and_says_what_it_changes():
    assert sum(file.stat().st_size for file in WEIGHTS.iterdir()) <= 5_000_000
    config = json.loads((WEIGHTS / f"{MINI}.json").read_text())
    assert config["base_sha256"] == ALIASES[config["base"]].sha256


def test_other_base_weights_are_refused(monkeypatch):
    from dataclasses import replace

    monkeypatch.setitem(checkpoints.ALIASES, "minilm", replace(ALIASES["minilm"], sha256="0" * 64))
    with pytest.raises(WeightsError, match="train it again"):
        load_checkpoint(MINI)


def test_its_files_are_part_of_what_a_result_stands_for():
    spec = {"use": "rag", "steps": [{"use": "provence", "model": MINI}]}
    assert revisions(spec) == {MINI: packaged_revision()}


@pytest.mark.weights
@needs_minilm
def test_it_ranks_and_prunes():
    pruner = ProvencePruner(device="cpu", reorder=True)
    documents = [Document(page_content=text) for text in reversed(PASSAGES)]
    [best, *_] = pruner.refine(documents, "who launched the ferry")
    assert "Queen Sonja" in best.page_content
    ranked = ProvencePruner(device="cpu", reorder=True, threshold=0).refine(
        documents, "who launched the ferry"
    )
    assert ranked[0].page_content == PASSAGES[0]

"""What a recipe can name, for `rlc list`."""

from collections.abc import Iterator, Mapping, Sequence

from rlc.chunkers import CHUNKERS
from rlc.data.lazy import first_sentence
from rlc.data.sets import SETS
from rlc.data.weights import ALIASES
from rlc.experiments.judges import JUDGES
from rlc.experiments.runs.recipes import packaged_recipes, purpose
from rlc.pipeline.fusion import FUSIONS
from rlc.pipeline.kv import KEPT
from rlc.pipeline.llms import LLMS
from rlc.pipeline.llms.support.providers import PROVIDERS, in_words
from rlc.pipeline.looks import LOOKS
from rlc.pipeline.readers import READERS
from rlc.pipeline.routers import AUTO, ROUTERS
from rlc.retrievers import RETRIEVERS
from rlc.retrievers.encoders import ENCODERS, MULTI_VECTOR_ENCODERS, SPARSE_ENCODERS
from rlc.retrievers.prune import PRUNERS
from rlc.retrievers.rerank import RERANKERS
from rlc.retrievers.select import SELECTORS

TABLES: Mapping[str, Mapping[str, str]] = {
    "datasets": {
        name: target.partition(":")[0] for name, target in SETS.items()
    },  # the module says whose it is
    "chunkers": CHUNKERS,
    "encoders": {**ENCODERS, **SPARSE_ENCODERS, **MULTI_VECTOR_ENCODERS},
    "retrievers": RETRIEVERS,
    "rerankers": RERANKERS,
    "pruners": PRUNERS,
    "selectors": SELECTORS,
    "engines": LLMS,
    "providers": {name: f"={in_words(one)}" for name, one in PROVIDERS.items()},
    "kv": KEPT,
    "fusions": FUSIONS,
    "looks": LOOKS,
    "readers": READERS,
    "routers": {**ROUTERS, "auto": ROUTERS[AUTO]},
    "judges": JUDGES,
    "models": {alias: f"={weights.what}" for alias, weights in ALIASES.items()},
    "recipes": {name: f"={purpose(name)}" for name in packaged_recipes()},
}


def describe(kinds: Sequence[str]) -> Iterator[str]:
    """Lines of `name  what it does`, under a heading per kind where there are several."""
    for kind in kinds:
        if len(kinds) > 1:
            yield f"{kind}:"
        for name, target in sorted(TABLES[kind].items()):
            yield f"  {name:<22} {what(name, target)}"


def what(name: str, target: str) -> str:
    """What an entry of a table does, in a line."""
    if target.startswith("="):
        return target[1:]
    alias = f"(stands for {AUTO}) " if name == "auto" else ""
    return alias + first_sentence(target)

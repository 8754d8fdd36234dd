"""Measuring chunkers in lanes: each document's questions under each chunker are a task of their own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from rlc.data.child import ChildDiedError
from rlc.data.errors import RlcError
from rlc.data.lanes import Lanes, Task
from rlc.data.records import Example, by_document
from rlc.data.spec import Spec
from rlc.data.tokens import load_tokenizer
from rlc.experiments.chunk_lab.methods import build_chunker
from rlc.experiments.chunk_lab.quality import DEPTH, Curve, curves
from rlc.experiments.chunk_lab.ranks import by
from rlc.pipeline.families import BUILDER, RETRIEVER


@dataclass(frozen=True)
class Measured:
    """The curves of one document's questions under one chunker, and the passages that fell to their sentences."""

    curves: Sequence[Curve]
    fallbacks: int = 0


@dataclass(frozen=True)
class Measuring:
    """The work: completed specs of chunkers and of what ranks, by name, and what is read how.

    A chunker is made when its first task comes.
    """

    chunkers: Mapping[str, Spec]
    rankings: Mapping[str, Spec]
    tokenizer: str
    budgets: Sequence[int]
    seed: int = 0

    def open(self, store: object = None) -> Callable[[str, Sequence[Example]], Measured]:  # noqa: ARG002
        """Make what ranks and counts; a document's questions are measured under the chunker of the name."""
        chunker_named = cache(lambda name: build_chunker(self.chunkers[name]))
        tokenizer = load_tokenizer(self.tokenizer)
        rankings = {
            name: by(BUILDER.build(spec, RETRIEVER, f"--retriever {name}"), DEPTH)
            for name, spec in self.rankings.items()
        }

        def measure(name: str, asked: Sequence[Example]) -> Measured:
            chunker = chunker_named(name)
            before = getattr(chunker, "fallbacks", 0)
            found = curves(name, chunker, rankings, asked, tokenizer, self.budgets, self.seed)
            return Measured(found, getattr(chunker, "fallbacks", 0) - before)

        return measure


def measure_in_lanes(
    lanes: Lanes, work: Measuring, examples: Sequence[Example]
) -> Iterator[tuple[str, Measured]]:
    """Measure every chunker on every document, chunker by chunker: its name and what was measured, as it arrives.

    Raises:
        RlcError: what a chunker refuses, or if a document has cost two workers.
    """
    documents = list(by_document(examples).values())
    tasks = [Task([name], asked) for name in work.chunkers for asked in documents]
    for name, asked, found in lanes.run(work, tasks):
        if isinstance(found, ChildDiedError):
            raise RlcError(f"{name} on {asked[0].document_id}: {found}; try fewer --workers, or one")
        yield name, found

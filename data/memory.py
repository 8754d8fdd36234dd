"""Memories: what was made once is taken from there, and what is missing is made together."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol


class Memory(Protocol):
    """What holds results by key: a sweep's dictionary, a file of vectors, a recorder that asks nobody.

    Wrappers of encoders (`rlc.retrievers.encoders.support.remembered`), of engines
    (`rlc.pipeline.llms.support.forwarding`) and of a sweep's other parts (`rlc.experiments.sweep.sharing`) take one.
    """

    def recall_all(
        self, stage: str, wanted: Mapping[Any, Any], make: Callable[[list[Any]], Sequence[Any]]
    ) -> Mapping[Any, Any]:
        """A result for every wanted thing; `make` is given those for which none is held, in their order.

        Args:
            stage: the kind of result, such as `vectors`.
            wanted: what is wanted, by a key that stands for everything that its result depends on.
            make: makes results, one each.
        """
        ...

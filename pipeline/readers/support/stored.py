"""Cache of answers: a reader that takes stored answers and asks for the others alone."""

import hashlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache

from rlc.data.completed import answers_as_completed
from rlc.data.errors import DataError, RlcError
from rlc.data.protocols import Reader, Retrieved, retrieve
from rlc.data.records import Answer, Example, Usage
from rlc.data.sets.recordings import RECORDED_FAILURE
from rlc.data.spec import fingerprint
from rlc.data.store import AnswerStore
from rlc.pipeline.llms.support.remembered import RememberedGenerations
from rlc.pipeline.readers.support.asking import NOTHING_RETRIEVED
from rlc.pipeline.readers.support.strategy import Strategy

FORMAT = 1  # raise it when answers of equal specs change their meaning
NAMED = 5  # questions in a warning
FOR_GOOD = (
    NOTHING_RETRIEVED,
    RECORDED_FAILURE,
)  # how the errors of failures begin that are kept as answers are


@dataclass(frozen=True)
class StoredReader:
    """Look answers up in the store; let a reader answer the missing ones and keep each as soon as it is there.

    The reader is made by `make` at the first question that misses: a run that finds all its answers loads no model.

    `identity` stands for everything about the reader that changes its answers (spec, model revisions). Failed
    answers are returned but not kept, unless asking again cannot help: where nothing was retrieved, the document would be
    indexed again for nothing, and what failed when it was recorded has failed for good. `name` is the route of answers that name none; it is not kept, since another
    run may call the same reader otherwise.
    """

    make: Callable[[], Reader]
    store: AnswerStore
    identity: str
    name: str

    @cached_property
    def reader(self) -> Reader:
        """The reader whose answers are kept."""
        return self.make()

    @cached_property
    def _remembering(self) -> Reader:
        """The reader, and where it is one that asks more than once, with what its engines wrote before a kill."""
        if isinstance(self.reader, Strategy):
            return self.reader.remembering(RememberedGenerations(self.store), self.identity)
        return self.reader

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        keys = self.keys(examples)
        known = self.store.get(keys)
        missing = {key: example for key, example in zip(keys, examples, strict=True) if key not in known}
        if missing:
            asked = list(missing)
            afresh = not self.store.renewed.isdisjoint(asked)
            reader = self.reader if afresh else self._remembering
            for place, answer in answers_as_completed(reader, list(missing.values())):
                known[asked[place]] = self._kept(asked[place], answer)
        if unanswered := [key for key in missing if key not in known]:
            raise RlcError(
                f"{self.name} returned {len(missing) - len(unanswered)} answers to {len(missing)} questions; it must "
                "return one each, in order"
            )
        return [self._named(known[key]) for key in keys]

    def keep(self, example: Example, answer: Answer) -> None:
        """Keep an answer that somebody else has asked for, unless it failed."""
        [key] = self.keys([example])
        self._kept(key, answer)

    def _kept(self, key: str, answer: Answer) -> Answer:
        if answer.error is not None and not answer.error.startswith(FOR_GOOD):
            return replace(answer, seal="")
        try:
            return replace(answer, seal=self.store.put({key: answer})[key])
        except DataError as error:
            return replace(answer, error=f"DataError: {error}", seal="")

    def _named(self, answer: Answer) -> Answer:
        return answer if answer.route else replace(answer, route=self.name)

    def retrieve(self, examples: Sequence[Example], /) -> list[Retrieved]:
        """What the reader retrieves: as stored answers tell, and for the others by asking the reader itself."""
        keys = self.keys(examples)
        found = {
            key: Retrieved(answer.evidence, _searching(answer.usage))
            for key, answer in self.store.get(keys).items()
            if answer.evidence or (answer.error or "").startswith(NOTHING_RETRIEVED)
        }
        rest = {key: example for key, example in zip(keys, examples, strict=True) if key not in found}
        if rest:
            found |= zip(rest, retrieve(self.reader, list(rest.values())), strict=True)
        return [found[key] for key in keys]

    def missing(self, examples: Sequence[Example]) -> list[Example]:
        """The examples whose answers are not in the store."""
        return [example for example, seal in zip(examples, self.seals(examples), strict=True) if seal is None]

    def seals(self, examples: Sequence[Example]) -> list[str | None]:
        """The seals of the answers in the store, None where there is none.

        Those that are there and cannot be read are named in a warning.
        """
        keys = self.keys(examples)
        known = self.store.seals(keys)
        if damaged := [
            example.id for example, key in zip(examples, keys, strict=True) if key in self.store.unreadable
        ]:
            warnings.warn(
                f"{len(damaged)} stored answers of {self.name} cannot be read and are asked again: "
                f"{', '.join(damaged[:NAMED])}{', ...' * (len(damaged) > NAMED)}",
                stacklevel=2,
            )
        return [known.get(key) for key in keys]

    def keys(self, examples: Sequence[Example]) -> list[str]:
        """The store's keys of its answers to the examples."""
        return keys_of(self.identity, examples)


def keys_of(identity: str, examples: Sequence[Example]) -> list[str]:
    """The store's keys: what the reader is, what is asked and in which words, and the document (name, kind, text)."""
    return [
        fingerprint(
            [
                FORMAT,
                identity,
                example.id,
                example.question,
                *about,
                _digest(example.document.page_content),
                *worded,
            ]
        )
        for example in examples
        for about in [(example.document_id, str(example.document.metadata.get("kind", "")))]
        for worded in [[asdict(example.wording)] if example.wording else []]
    ]


@lru_cache(maxsize=256)  # every reader of a run asks for that of every document, twice
def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _searching(usage: Usage) -> Usage:
    """The part of a whole cost that was spent before reading."""
    return Usage(
        index_tokens=usage.index_tokens,
        index_seconds=usage.index_seconds,
        retrieve_seconds=usage.retrieve_seconds,
        seconds=usage.index_seconds + usage.retrieve_seconds,
    )

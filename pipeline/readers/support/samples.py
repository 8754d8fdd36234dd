"""Samples: one reader asked several times, so that what it is sure of can be told from what it happens to say."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from rlc.data.completed import answers_as_completed
from rlc.data.errors import STOPPING, RlcError, UnsupportedError, UsageError
from rlc.data.protocols import LLM, Reader, greedy, seeded
from rlc.data.records import Example
from rlc.data.spec import PLAIN, fingerprint
from rlc.pipeline.llms.support.forwarding import at_temperature
from rlc.pipeline.readers.closed import ClosedBookReader
from rlc.pipeline.readers.long import LongReader
from rlc.pipeline.readers.rag import RagReader
from rlc.pipeline.readers.support.stored import StoredReader


def sample(reader: Reader, number: int, temperature: float | None) -> Reader:
    """The reader with its seed moved on by `number`, whose engines write at this temperature, or at their own.

    The first sample at the engines' own temperature is the reader itself. Stored answers are kept sample by sample.

    Raises:
        UnsupportedError: if it has no seed and no engine that could be asked so.
    """
    if number == 0 and temperature is None:
        return reader
    if isinstance(reader, StoredReader):
        about = {"sample": number, "temperature": temperature}
        identity = fingerprint([reader.identity, about])
        return replace(reader, make=lambda: sample(reader.reader, number, temperature), identity=identity)
    changes: dict[str, Any] = {}
    for name, value in _settings(reader):
        if name == "seed":
            changes[name] = value + number
        elif isinstance(value, LLM) and temperature is not None:
            changes[name] = at_temperature(value, temperature)
        elif _reads(value):
            changes[name] = sample(value, number, temperature)
        elif _holds_readers(value):
            changes[name] = [sample(one, number, temperature) for one in value]
    if not changes:
        raise UnsupportedError(
            f"{_name(reader)} has neither a seed nor an engine that it could be asked again with: vote over readers that "
            "differ, or over one of rlc's"
        )
    return replace(reader, **changes)  # type: ignore[type-var]


def ask_ahead(samples: Sequence[Reader], examples: Sequence[Example]) -> None:
    """Answer in one batch what stored samples of one reader miss, each answer kept as soon as it is there.

    An engine that answers side by side then reads a text once for all of them. Nothing is asked where the reader asks more
    than once a question, or its engine takes no seed for each prompt; nor is what fails: each sample asks for that itself.
    """
    missing = [
        (one, example)
        for one in samples
        if isinstance(one, StoredReader)
        for example in one.missing(examples)
    ]
    missing.sort(key=lambda pair: pair[1].document_id)  # as readers ask, so that seeds keep their places
    readers: list[Any] = [one.reader for one, _ in missing]
    if not readers or not isinstance(readers[0], ClosedBookReader | LongReader | RagReader):
        return
    if len({reader.seed for reader in readers}) < 2 or not seeded(readers[0].llm):
        return
    seeds: Any = tuple(reader.seed for reader in readers)
    together = replace(readers[0], seed=seeds)
    try:
        for place, answer in answers_as_completed(together, [example for _, example in missing]):
            one, example = missing[place]
            one.keep(example, answer)
    except STOPPING:
        raise
    except RlcError:
        return


def check_samples_differ(readers: Sequence[Reader], samples: int, temperature: float | None) -> None:
    """Hold voters to it that no two of them must say the same: one reader under one seed, or any under a greedy engine.

    Raises:
        UsageError: if two must; a vote would count one answer twice.
    """
    made = [_made(reader) for reader in readers]
    for place, voter in enumerate(made):
        engines = list(_engines(voter))
        certain = bool(engines) and all(greedy(engine, temperature) for engine in engines)
        if certain and samples > 1:
            raise UsageError(
                f"voter {place} ({_name(voter)}) is to answer {samples} times, and its engine is greedy: it says the "
                "same each time. Set a temperature, such as 0.7, or samples = 1"
            )
        for earlier in range(place):
            apart = _differ_in(made[earlier], voter)
            if apart == [] or (certain and apart == ["seed"]):
                why = "differ in the seed alone, and their engine is greedy" if apart else "are one reader"
                raise UsageError(
                    f"voters {earlier} and {place} ({_name(voter)}) must say the same: they {why}. For several answers "
                    "of one reader name it once, with samples = 3 and temperature = 0.7"
                )


def _settings(reader: Reader) -> list[tuple[str, Any]]:
    if not is_dataclass(reader):
        return []
    return [(f.name, getattr(reader, f.name)) for f in fields(reader) if f.init]


def _made(reader: Reader) -> Reader:
    return reader.reader if isinstance(reader, StoredReader) else reader


def _reads(value: object) -> bool:
    """Whether a setting is a reader of rlc's."""
    return isinstance(value, StoredReader) or hasattr(value, "role")


def _holds_readers(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(map(_reads, value))


def _engines(reader: Reader) -> Iterator[LLM]:
    """All language models that a reader asks."""
    for _, value in _settings(reader):
        if isinstance(value, LLM):
            yield value
        for inner in value if _holds_readers(value) else [value]:
            if _reads(inner):
                yield from _engines(_made(inner))


def _differ_in(one: Reader, other: Reader) -> list[str] | None:
    """The settings in which two readers of one kind differ; None where they are of two kinds, or say nothing of any."""
    if one is other:
        return []
    if type(one) is not type(other) or not _settings(one):
        return None
    pairs = zip(_settings(one), _settings(other), strict=True)
    return [name for (name, a), (_, b) in pairs if not (a is b or (type(a) in PLAIN and a == b))]


def _name(reader: Reader) -> str:
    return (
        type(reader).__name__ if is_dataclass(reader) else getattr(reader, "__name__", type(reader).__name__)
    )

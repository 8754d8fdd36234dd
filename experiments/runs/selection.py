"""Choosing questions: filters and a stratified sample."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rlc.data.datasets import card_of
from rlc.data.errors import UsageError, unknown
from rlc.data.records import Dataset, Example
from rlc.experiments.scorers.measured import AUTHORS, RULE, scorer_of

FIELDS = ("task", "document", "id")


def where(dataset: Dataset, conditions: Sequence[str]) -> Dataset:
    """Keep the examples that meet all `field=value` conditions; `value` may name several, by commas.

    A field is `task`, `document`, `id`, or a key of the examples' metadata (`length`, `type`, ...).

    Raises:
        UsageError: if a condition has another form, an unknown field, or leaves no example.
    """
    for condition in conditions:
        field, equals, values = condition.partition("=")
        if not equals or not values:
            raise UsageError(f"--where {condition}: expected field=value, such as length=32k")
        wanted = {value.strip() for value in values.split(",")}
        present = {_field(example, field) for example in dataset.examples}
        kept = dataset.where(lambda example, f=field, w=wanted: _field(example, f) in w)  # type: ignore[misc]
        if not kept.examples:
            known = [value for value in present if value is not None]
            hint = unknown(field, values, known[:50]) if known else unknown("field", field, _fields(dataset))
            raise UsageError(f"--where {condition}: no question is left; {hint}")
        dataset = kept
    return dataset


def limit(dataset: Dataset, count: int, seed: int) -> Dataset:
    """At most `count` examples, drawn evenly from the tasks; the same for the same seed, in the data set's order.

    Raises:
        ValueError: if `count` is not positive.
    """
    if count < 1:
        raise ValueError(f"limit must be at least 1, got {count}")
    chosen = drawn_evenly({example.id: example.task for example in dataset.examples}, count, seed)
    return dataset.where(lambda example: example.id in chosen)


def drawn_evenly(kinds: Mapping[str, str], count: int, seed: int) -> set[str]:
    """Draw at most `count` names out of these, given each one's kind.

    Every kind gives a name in turn, in a random order of its own; the same for the same seed, and fewer are always
    among more.
    """
    turn = turns(kinds, seed)
    return set(sorted(kinds, key=lambda name: (turn[name], kinds[name], name))[:count])


def turns(kinds: Mapping[str, str], seed: int) -> dict[str, int]:
    """At which turn, from 0, each name comes if every kind gives one a turn, in a random order of its own."""
    given: Counter[str] = Counter()
    found = {}
    for name in sorted(kinds, key=lambda name: draw(seed, name)):
        found[name] = given[kinds[name]]
        given[kinds[name]] += 1
    return found


def draw(seed: int, name: str) -> str:
    """Digest a seed and a name into 16 hexadecimal digits: names sorted by it stand in a random order.

    What a name draws does not change when other names come or go.
    """
    return hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).hexdigest()


def measured_by(dataset: Dataset, name: str) -> Dataset:
    """Score the questions as the authors do (`authors`), by the rule judge (`rule`) or by a scorer.

    Raises:
        UsageError: on an unknown name.
    """
    if name == AUTHORS:
        return dataset
    if name == RULE:
        return replace(dataset, measures={})
    scorer_of(name)
    return replace(dataset, measures={example.task: name for example in dataset.examples})


def scored_by(dataset: Dataset, judge: str = "") -> str:
    """Whose figures these are, for a table's head: the judge's, where others than the rules fill the table."""
    if judge:
        return judge
    tasks = {example.task for example in dataset.examples}
    measures = sorted({measure for task, measure in dataset.measures.items() if task in tasks})
    judges = sorted({card_of(spec["use"]).judge for spec in dataset.settings} - {""})
    if tasks - dataset.measures.keys():
        measures.append(f"the rule judge (authors: {', '.join(judges)})" if judges else "the rule judge")
    return ", ".join(measures)


def split(dataset: Dataset, share: float, seed: int) -> tuple[Dataset, Dataset]:
    """Two parts with no document in both: the first has this share of the documents, the second the others.

    Documents are dealt out in the order of length, type and a seeded digest of their id, so that each part has its
    share of every sort; the same for the same seed, whatever else the data set holds. With a share of 1 the second
    part is empty.

    Raises:
        UsageError: if there are fewer than two documents to part.
        ValueError: if the share is not in (0, 1].
    """
    if not 0 < share <= 1:
        raise ValueError(f"expected a share above 0 and at most 1, got {share}")
    sorts = {
        e.document_id: (
            str(e.metadata.get("length")),
            str(e.metadata.get("type")),
            draw(seed, e.document_id),
        )
        for e in dataset.examples
    }
    documents = sorted(sorts, key=lambda name: (sorts[name], name))
    number = len(documents)
    if share < 1 and number < 2:
        raise UsageError(
            f"{number} document cannot be parted into one half that chooses and one that tests: take more documents, "
            "or set tuning = 1 to choose on all of it, with no test"
        )
    count = number if share == 1 else min(max(1, round(number * share)), number - 1)
    first = {name for i, name in enumerate(documents) if (i + 1) * count // number > i * count // number}
    return (
        dataset.where(lambda example: example.document_id in first),
        dataset.where(lambda example: example.document_id not in first),
    )


def _field(example: Example, field: str) -> str | None:
    own: Mapping[str, object] = {"task": example.task, "document": example.document_id, "id": example.id}
    value = own.get(field, example.metadata.get(field))
    return None if value is None else str(value)


def _fields(dataset: Dataset) -> list[str]:
    return [*FIELDS, *{key for example in dataset.examples for key in example.metadata}]

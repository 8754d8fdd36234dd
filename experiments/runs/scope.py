"""What retrieval searches, read off a spec: the question's own document, or a collection."""

from collections.abc import Mapping
from typing import Any

from rlc.data.datasets import load_documents
from rlc.data.records import Dataset
from rlc.data.spec import Spec
from rlc.pipeline.families import COLLECTION, role_of

OWN = "the question's own document"


def searched(spec: Mapping[str, Any]) -> str:
    """Where a reader, or the retrieving arm of a router, looks for passages; empty for one that retrieves nothing.

    >>> searched({"use": "rag", "collection": {"use": "documents", "of": "lara", "documents": 82}})
    'all 82 documents of lara'
    """
    arm = spec.get("rag")
    if isinstance(arm, Mapping):
        return searched(arm)
    if role_of(dict(spec)) not in ("rag", "both") or spec.get("search", spec) is None:
        return ""
    spec = spec.get("search", spec)
    collection = spec.get("collection")
    place = _all(collection["documents"], collection["of"]) if collection else OWN
    filters = ", ".join(f"{key} = {value}" for key, value in (spec.get("where") or {}).items())
    return f"{place}, where {filters}" if filters else place


def _all(count: int, name: str) -> str:
    return f"all {count:,} documents of {name}" if count > 1 else f"the one document of {name}"


def scopes(specs: Mapping[str, Spec]) -> list[str]:
    """A sentence for each scope, with the readers that search it.

    >>> scopes({"rag": {"use": "rag"}, "long": {"use": "long"}})
    ['rag searches the question's own document']
    """
    readers: dict[str, list[str]] = {}
    for name, spec in specs.items():
        if place := searched(spec):
            readers.setdefault(place, []).append(name)
    return [
        f"{names[0]} searches {place}"
        if len(names) == 1
        else f"{', '.join(names) if len(names) <= 3 else f'{len(names)} readers'} search {place}"
        for place, names in readers.items()
    ]


def documents_outside(specs: object, dataset: Dataset) -> dict[str, int]:
    """By collection that specs name, how many of the documents that are asked about are not in it; none where all are."""
    outside = {name: len(dataset.asked - load_documents(name).keys()) for name in sorted(_collections(specs))}
    return {name: count for name, count in outside.items() if count}


def _collections(value: object) -> set[str]:
    if isinstance(value, Mapping):
        if value.get("use") in COLLECTION.table:
            return {str(value["of"])}
        return set().union(*map(_collections, value.values()))
    return set().union(*map(_collections, value)) if isinstance(value, list) else set()

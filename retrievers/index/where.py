"""Metadata filters: which documents a search may find, in the operators that langchain's stores share."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date, datetime
from numbers import Real
from typing import Any

import regex

from rlc.data.errors import unknown

MISSING = object()
"""The value of a field that a document does not have."""

_ORDERED = (Real, str, datetime, date)  # what can be greater or less, each among its kind
_LISTS = (list, tuple, set, frozenset)


def comparable(value: object, bound: object) -> bool:
    """Whether one of two values can be the greater."""
    return any(isinstance(value, kind) and isinstance(bound, kind) for kind in _ORDERED)


def _ordered(holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda value, bound: comparable(value, bound) and holds(value, bound)


def _like(value: object, pattern: str, flags: int = 0) -> bool:
    """SQL's LIKE: % stands for any characters, _ for one."""
    parts = ({"%": ".*", "_": "."}.get(mark, regex.escape(mark)) for mark in pattern)
    return isinstance(value, str) and regex.fullmatch("".join(parts), value, regex.DOTALL | flags) is not None


ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$gt": _ordered(lambda value, bound: value > bound),
    "$gte": _ordered(lambda value, bound: value >= bound),
    "$lt": _ordered(lambda value, bound: value < bound),
    "$lte": _ordered(lambda value, bound: value <= bound),
    "$between": lambda value, bounds: (
        _ordered(lambda v, b: b <= v)(value, bounds[0]) and _ordered(lambda v, b: v <= b)(value, bounds[1])
    ),
}
OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    **ORDERS,
    "$eq": lambda value, other: value == other,
    "$ne": lambda value, other: value != other,
    "$neq": lambda value, other: value != other,
    "$in": lambda value, some: value in some,
    "$nin": lambda value, some: value not in some,
    "$exists": lambda value, wanted: (value is not MISSING) is wanted,
    "$like": _like,
    "$ilike": lambda value, pattern: _like(value, pattern, regex.IGNORECASE),
}
"""What a field's value is asked, by the names that Chroma, FAISS, PGVector and Pinecone have in common."""
CONNECTIVES = ("$and", "$or", "$not")
_OPERANDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "$in": (lambda some: isinstance(some, _LISTS) and bool(some), "a list of values"),
    "$nin": (lambda some: isinstance(some, _LISTS) and bool(some), "a list of values"),
    "$between": (lambda two: isinstance(two, (list, tuple)) and len(two) == 2, "two bounds"),
    "$exists": (lambda wanted: isinstance(wanted, bool), "true or false"),
    "$like": (lambda pattern: isinstance(pattern, str), "a pattern such as 'A%'"),
    "$ilike": (lambda pattern: isinstance(pattern, str), "a pattern such as 'a%'"),
    "$and": (lambda filters: isinstance(filters, (list, tuple)) and bool(filters), "a list of filters"),
    "$or": (lambda filters: isinstance(filters, (list, tuple)) and bool(filters), "a list of filters"),
    "$not": (lambda one: isinstance(one, Mapping), "a filter"),
}


def check(where: Mapping[str, Any]) -> None:
    """Check a filter: a value that a field must equal, a list of which it must be one, or operators, by field.

    Raises:
        ValueError: naming the operator that is unknown or the operand that does not fit.
    """
    for name, condition in where.items():
        if name.startswith("$"):
            if name not in CONNECTIVES:
                raise ValueError(unknown("connective of a filter", name, CONNECTIVES))
            _check_operand(name, condition)
            for inner in [condition] if name == "$not" else condition:
                check(inner)
        elif isinstance(condition, Mapping):
            for operator, operand in condition.items():
                if operator not in OPERATORS:
                    raise ValueError(unknown(f"operator of the filter on {name!r}", operator, OPERATORS))
                _check_operand(operator, operand)
        elif isinstance(condition, _LISTS):
            _check_operand("$in", condition)
        elif isinstance(condition, float) and math.isnan(condition):
            raise ValueError(f"the filter on {name!r} asks for NaN, which equals nothing")


def _check_operand(operator: str, operand: object) -> None:
    fits, said = _OPERANDS.get(operator, (lambda _: True, ""))
    if not fits(operand):
        raise ValueError(f"{operator} of a filter takes {said}, got {operand!r}")


def fulfils(value: object, condition: object) -> bool:
    """Whether a field's value, or `MISSING`, is as a checked condition asks.

    What has no such field equals nothing, so that `$ne` and `$nin` keep it, and is neither greater nor less.
    """
    if isinstance(condition, Mapping):
        return all(OPERATORS[operator](value, operand) for operator, operand in condition.items())
    if isinstance(condition, _LISTS):
        return value in condition
    return value is not MISSING and value == condition


def keeps(where: Mapping[str, Any], metadata: Mapping[str, Any]) -> bool:
    """Whether a checked filter keeps a document of this metadata."""
    connected: Mapping[str, Callable[[Any], bool]] = {
        "$and": lambda filters: all(keeps(one, metadata) for one in filters),
        "$or": lambda filters: any(keeps(one, metadata) for one in filters),
        "$not": lambda one: not keeps(one, metadata),
    }
    return all(
        connected[name](condition) if name in connected else fulfils(metadata.get(name, MISSING), condition)
        for name, condition in where.items()
    )


def bounds(condition: object) -> Collection[object]:
    """The bounds that a condition holds a value's size against."""
    if not isinstance(condition, Mapping):
        return ()
    return [
        bound
        for operator, operand in condition.items()
        if operator in ORDERS
        for bound in (operand if operator == "$between" else (operand,))
    ]


def for_store(where: Mapping[str, Any]) -> dict[str, Any]:
    """Write a filter as every store takes it: one operator a field, and `$and` around more than one.

    >>> for_store({"year": {"$gte": 2000, "$lt": 2010}})
    {'$and': [{'year': {'$gte': 2000}}, {'year': {'$lt': 2010}}]}
    """

    def parts() -> Iterator[dict[str, Any]]:
        for name, condition in where.items():
            if name in CONNECTIVES:
                inner = [for_store(one) for one in ([condition] if name == "$not" else condition)]
                yield {name: inner[0] if name == "$not" else inner}
            elif isinstance(condition, Mapping):
                yield from ({name: {operator: operand}} for operator, operand in condition.items())
            else:
                yield {name: {"$in": list(condition)} if isinstance(condition, _LISTS) else condition}

    single = list(parts())
    return single[0] if len(single) == 1 else {"$and": single}

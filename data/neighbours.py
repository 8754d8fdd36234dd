"""Neighbours that fit into one room together."""

from collections.abc import Sequence


def neighbours(sizes: Sequence[int], room: int) -> list[list[int]]:
    """The places of the sizes, in order, as many neighbours together as have room; a larger one stands alone.

    >>> neighbours([2, 2, 9, 1], 4)
    [[0, 1], [2], [3]]
    """
    groups: list[list[int]] = []
    used = room + 1
    for place, size in enumerate(sizes):
        if used + size > room:
            groups.append([])
            used = 0
        groups[-1].append(place)
        used += size
    return groups

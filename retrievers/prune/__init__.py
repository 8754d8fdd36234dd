"""Pruners: what of the retrieved text is worth reading. The table is open; no method is in it yet."""

from rlc.data.lazy import lazy_attributes

PRUNERS: dict[str, str] = {}

__getattr__, __dir__ = lazy_attributes(__name__, PRUNERS)

"""Data sets, one a file: a `CARD`, and a function whose parameters are the settings of the set."""

from collections.abc import Mapping

# Name -> what loads or makes it. A parameter `part` is one of the card's parts; where there is none, parts are tasks.
SETS: Mapping[str, str] = {
    "lara": "rlc.data.sets.lara:dataset",
    "ruler": "rlc.data.sets.ruler:make",
    "sample": "rlc.data.sets.sample:load",
}

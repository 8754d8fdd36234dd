"""Data sets, one a file: a `CARD`, and a function whose parameters are the settings of the set."""

from collections.abc import Mapping

# Name -> what loads or makes it. A parameter `part` is one of the card's parts; where there is none, parts are tasks.
SETS: Mapping[str, str] = {
    "babilong": "rlc.data.sets.babilong:load",
    "hyper-multi-step": "rlc.data.sets.hyper_multi_step:make",
    "infinitebench": "rlc.data.sets.infinitebench:load",
    "lara": "rlc.data.sets.lara:dataset",
    "longbench": "rlc.data.sets.longbench:load",
    "longbench2": "rlc.data.sets.longbench2:load",
    "needle-threading": "rlc.data.sets.needle_threading:make",
    "needlebench": "rlc.data.sets.needlebench:make",
    "needlechain": "rlc.data.sets.needlechain:make",
    "niah": "rlc.data.sets.niah:make",
    "nolima": "rlc.data.sets.nolima:load",
    "ruler": "rlc.data.sets.ruler:make",
    "sample": "rlc.data.sets.sample:load",
}

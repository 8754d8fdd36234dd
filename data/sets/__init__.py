"""Data sets, one a file: a `CARD`, and a function whose parameters are the settings of the set."""

from collections.abc import Mapping

# Name -> what loads or makes it. A parameter `part` is one of the card's parts; where there is none, parts are tasks.
SETS: Mapping[str, str] = {
    "babilong": "rlc.data.sets.babilong:load",
    "hyper-multi-step": "rlc.data.sets.hyper_multi_step:make",
    "infinitebench": "rlc.data.sets.infinitebench:load",
    "lara": "rlc.data.sets.lara:dataset",
    "leval": "rlc.data.sets.leval:load",
    "locomo": "rlc.data.sets.locomo:load",
    "longbench": "rlc.data.sets.longbench:load",
    "longbench2": "rlc.data.sets.longbench2:load",
    "longmemeval": "rlc.data.sets.longmemeval:load",
    "loogle": "rlc.data.sets.loogle:load",
    "lost-in-the-middle": "rlc.data.sets.lost_in_the_middle:load",
    "needle-threading": "rlc.data.sets.needle_threading:make",
    "needlebench": "rlc.data.sets.needlebench:make",
    "needlechain": "rlc.data.sets.needlechain:make",
    "niah": "rlc.data.sets.niah:make",
    "nolima": "rlc.data.sets.nolima:load",
    "oneruler": "rlc.data.sets.oneruler:make",
    "ruler": "rlc.data.sets.ruler:make",
    "sample": "rlc.data.sets.sample:load",
}

"""Data sets, one a file: a `CARD`, and a function whose parameters are the settings of the set."""

from collections.abc import Mapping

from rlc.data.plugins import with_plugins

# Name -> what loads or makes it. A parameter `part` is one of the card's parts; where there is none, parts are tasks.
SETS: Mapping[str, str] = {
    "ada-leval": "rlc.data.sets.ada_leval:load",
    "babilong": "rlc.data.sets.babilong:load",
    "beir": "rlc.data.sets.beir:load",
    "detectiveqa": "rlc.data.sets.detectiveqa:load",
    "failsafeqa": "rlc.data.sets.failsafeqa:load",
    "haystackcraft": "rlc.data.sets.haystackcraft:load",
    "helmet": "rlc.data.sets.helmet:load",
    "holobench": "rlc.data.sets.holobench:make",
    "hyper-multi-step": "rlc.data.sets.hyper_multi_step:make",
    "infinitebench": "rlc.data.sets.infinitebench:load",
    "kitab": "rlc.data.sets.kitab:load",
    "lara": "rlc.data.sets.lara:dataset",
    "lciteeval": "rlc.data.sets.lciteeval:load",
    "leval": "rlc.data.sets.leval:load",
    "locomo": "rlc.data.sets.locomo:load",
    "loft": "rlc.data.sets.loft:load",
    "longbench": "rlc.data.sets.longbench:load",
    "longbench2": "rlc.data.sets.longbench2:load",
    "longins": "rlc.data.sets.longins:load",
    "longmemeval": "rlc.data.sets.longmemeval:load",
    "longproc": "rlc.data.sets.longproc:load",
    "loogle": "rlc.data.sets.loogle:load",
    "lost-in-the-middle": "rlc.data.sets.lost_in_the_middle:load",
    "lveval": "rlc.data.sets.lveval:load",
    "m4le": "rlc.data.sets.m4le:load",
    "manyicl": "rlc.data.sets.manyicl:load",
    "needle-threading": "rlc.data.sets.needle_threading:make",
    "needlebench": "rlc.data.sets.needlebench:make",
    "needlechain": "rlc.data.sets.needlechain:make",
    "niah": "rlc.data.sets.niah:make",
    "nolima": "rlc.data.sets.nolima:load",
    "oneruler": "rlc.data.sets.oneruler:make",
    "ruler": "rlc.data.sets.ruler:make",
    "sample": "rlc.data.sets.sample:load",
    "scbench": "rlc.data.sets.scbench:load",
}
SETS = with_plugins("datasets", SETS)

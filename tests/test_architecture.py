"""The house's own rules: imports only to the left, one door to each heavy library, every package in the wheel."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from rlc.chunkers import CHUNKERS
from rlc.experiments.judges import JUDGES
from rlc.pipeline.fusion import FUSIONS
from rlc.pipeline.kv import KEPT
from rlc.pipeline.llms import LLMS
from rlc.pipeline.looks import LOOKS
from rlc.pipeline.readers import READERS
from rlc.pipeline.routers import ROUTERS
from rlc.retrievers import RETRIEVERS
from rlc.retrievers.encoders import ENCODERS, MULTI_VECTOR_ENCODERS, SPARSE_ENCODERS
from rlc.retrievers.prune import PRUNERS
from rlc.retrievers.rerank import RERANKERS
from rlc.retrievers.select import SELECTORS

ROOT = Path(__file__).resolve().parent.parent
SHELVES = ("data", "chunkers", "retrievers", "pipeline", "experiments")
# What experiments/ is made of; those of one row do not know each other.
ROOMS = (
    ("statistics",),
    ("metrics",),
    ("scorers",),
    ("judges",),
    ("runs",),
    ("study",),
    ("sweep",),
    ("report",),
    ("tracking", "router_lab", "chunk_lab", "asking", "view"),
    ("cli", "research", "bench"),
)
FLOOR = {room: floor for floor, rooms in enumerate(ROOMS) for room in rooms}
FILES = [file for shelf in SHELVES for file in sorted((ROOT / shelf).rglob("*.py"))]

# Folders whose every file is a method, and the modules that the tables name.
FAMILIES = (
    "chunkers",
    "experiments/judges",
    "retrievers",
    "retrievers/encoders",
    "retrievers/prune",
    "retrievers/rerank",
    "retrievers/select",
    "pipeline/fusion",
    "pipeline/kv",
    "pipeline/llms",
    "pipeline/looks",
    "pipeline/readers",
    "pipeline/routers",
)
TABLES = (
    CHUNKERS,
    JUDGES,
    RETRIEVERS,
    ENCODERS,
    SPARSE_ENCODERS,
    MULTI_VECTOR_ENCODERS,
    PRUNERS,
    RERANKERS,
    SELECTORS,
    FUSIONS,
    KEPT,
    LLMS,
    LOOKS,
    READERS,
    ROUTERS,
)
METHODS = {target.partition(":")[0] for table in TABLES for target in table.values()}

# An entry of a table of methods, which `rlc.data.lazy.load` imports.
TARGET = re.compile(r"rlc(\.\w+)+:\w+")

# A library that only these files may import.
DOORS = {
    "mlflow": {"experiments/tracking/client.py"},
    "faiss": {"retrievers/dense.py"},
    "ray": {"data/ray_lanes.py"},
    "vllm": {"pipeline/llms/support/vllm_worker.py"},  # runs in a process of its own
}


def imports(file: Path) -> Iterator[str]:
    """Every module that a file imports, wherever the statement stands, or names in a table (`"rlc.module:Name"`)."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and TARGET.fullmatch(node.value):
            yield node.value.partition(":")[0]
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative imports hide the shelf"
            yield str(node.module)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_point_left_and_through_the_doors(file):
    place = file.relative_to(ROOT)
    own = SHELVES.index(place.parts[0])
    for module in imports(file):
        parts = module.split(".")
        assert parts[0] not in SHELVES, f"{module}: write rlc.{module}, or every class exists twice"
        if parts[0] == "rlc":
            assert SHELVES.index(parts[1]) <= own, f"{place} imports {module}, to its right"
        if parts[0] in DOORS and "bench" not in place.parts:
            assert str(place) in DOORS[parts[0]], (
                f"{place} imports {module}; the only door is {DOORS[parts[0]]}"
            )
        if parts[0] == "click":
            assert place.parts[:2] == ("experiments", "cli"), f"{place}: click belongs to the command line"


def test_every_package_is_in_the_wheel():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    packages = {"rlc"} | {
        "rlc." + ".".join(file.parent.relative_to(ROOT).parts)
        for file in FILES
        if file.name == "__init__.py" and not {"bench", "research"} & set(file.parts)
    }
    assert set(settings["packages"]) == packages
    folders = {**settings["package-dir"]}
    assert folders.pop("rlc") == "api"
    assert {f"rlc.{folder.replace('/', '.')}" for folder in folders.values()} | {"rlc"} == packages


def test_no_page_holds_two_versions_of_itself():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    halves = [
        page.name
        for page in pages
        if re.search(r"^(<{7}|>{7}) ", page.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert halves == [], "a merge that nobody ended"


def test_help_loads_nothing_heavy():
    code = "import sys, rlc.experiments.cli.main as c; print([m for m in ('torch','mlflow','polars','numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_list_of_methods_loads_none():
    code = (
        "import sys, rlc.experiments.cli.lists as lists; list(lists.describe(list(lists.TABLES)))\n"
        "print([m for m in ('numpy', 'httpx', 'pydantic', 'langchain_core') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]", "half a second is all that it may take"


def test_light_packages_load_no_torch():
    code = (
        "import sys, rlc.chunkers, rlc.retrievers, rlc.pipeline.recipe\n"
        "from rlc.chunkers import RecursiveChunker\n"
        "from rlc.retrievers import BM25Retriever, HybridRetriever\n"
        "print([m for m in ('torch', 'transformers', 'mlflow', 'faiss') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_familys_folder_lists_methods_only(family):
    files = {
        "rlc." + ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for file in (ROOT / family).glob("*.py")
        if file.stem not in {"__init__", "base"}
    }
    named = {module for module in METHODS if module.rpartition(".")[0] == f"rlc.{family.replace('/', '.')}"}
    assert files == named, (
        "what is no method lives in support/; a method without a table line cannot be chosen"
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_rooms_of_experiments_look_down_only(file):
    place = file.relative_to(ROOT).parts
    if place[0] != "experiments" or len(place) == 2:
        assert place[-1] == "__init__.py" or place[0] != "experiments", f"{file} lies loose: give it a room"
        return
    for module in imports(file):
        parts = module.split(".")
        if parts[:2] == ["rlc", "experiments"] and parts[2:] and parts[2] != place[1]:
            assert FLOOR[parts[2]] < FLOOR[place[1]] or {parts[2], place[1]} <= {"research", "bench"}, (
                f"{'/'.join(place)} imports {module}, which stands above it"
            )

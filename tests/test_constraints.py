"""The pinned versions, and the same with hashes."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def pins(file: str) -> dict[str, str]:
    found = PIN.findall((ROOT / file).read_text(encoding="utf-8"))
    return {plain(name): version for name, version in found}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(extras: set[str]) -> set[str]:
    """What the package and these extras of it require by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *(project["optional-dependencies"][name] for name in extras)]
    return {plain(re.split(r"[\[<>=;! ]", one)[0]) for group in groups for one in group} - {"rlc"}


def test_hashed_versions_are_the_pinned_ones_and_all_that_is_needed_is_among_them():
    plainly, hashed = pins("constraints.txt"), pins("constraints-hashed.txt")
    assert {name: hashed[name] for name in plainly.keys() & hashed.keys()} == {
        name: plainly[name] for name in plainly.keys() & hashed.keys()
    }
    assert needed({"local", "track", "sets", "lab"}) <= plainly.keys() & hashed.keys()


def test_every_hashed_version_has_its_hashes_and_no_registry_is_named():
    text = (ROOT / "constraints-hashed.txt").read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=\S)", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    for block in blocks:
        first, *hashes = block.strip().splitlines()
        assert PIN.match(first), first
        assert hashes, first
        assert all(re.fullmatch(r" +--hash=sha256:[0-9a-f]{64}( \\)?", one) for one in hashes), first


@pytest.mark.parametrize("file", sorted(path.name for path in ROOT.glob("constraints*.txt")))
def test_no_registry_stands_in_a_constraints_file(file):
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if "://" in line or line.startswith("-")] == []

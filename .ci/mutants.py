"""Mutation testing of the modules whose errors nobody would see by eye, by the tests named here.

mutmut wants sources in a folder that is called as they are imported, so it works in a copy, with pytest's settings
from `pyproject.toml`; the working tree stays as it is. What no test runs counts as survived, what hangs as killed.

    .venv/bin/python .ci/mutants.py                          # every module named here
    .venv/bin/python .ci/mutants.py experiments/statistics/intervals.py     # some of them
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHELVES = ("data", "chunkers", "retrievers", "pipeline", "experiments")
LEAST = 0.75
TESTS = {
    "data/store.py": ["data/test_store.py"],
    "retrievers/hybrid.py": ["retrievers/test_hybrid.py"],
    "retrievers/fuse/batch.py": ["retrievers/fuse/test_batch.py"],
    "retrievers/fuse/scores.py": ["retrievers/fuse/test_scores.py"],
    "pipeline/context.py": ["pipeline/test_context.py"],
    "experiments/statistics/intervals.py": ["experiments/statistics/test_intervals.py"],
    "experiments/statistics/resample.py": ["experiments/statistics/test_intervals.py"],
    "experiments/scorers/rule.py": ["experiments/scorers/test_rule.py"],
}
SETTINGS = """
[tool.mutmut]
source_paths = ["rlc"]
only_mutate = {modules}
pytest_add_cli_args = ["-m", "not slow and not lara and not weights"]
pytest_add_cli_args_test_selection = {tests}
"""


def main() -> int:
    """Make the mutants, try them, and say what survived; 1 if a module falls short."""
    modules = sys.argv[1:] or list(TESTS)
    if unknown := set(modules) - set(TESTS):
        raise SystemExit(f"no tests are named for {', '.join(sorted(unknown))}; known: {', '.join(TESTS)}")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        lay_out(place, modules)
        mutmut(place, "run")
        found = statuses(mutmut(place, "results", "--all", "true", stdout=subprocess.PIPE))
        for names in found.values():
            for name, status in names.items():
                if status not in {"killed", "timeout"}:
                    sys.stdout.write(mutmut(place, "show", name, stdout=subprocess.PIPE))
    shares = [summary(module, Counter(names.values())) for module, names in sorted(found.items())]
    return int(min(shares) < LEAST)


def lay_out(place: Path, modules: list[str]) -> None:
    """Copy the package under its own name, the tests, and pytest's settings."""
    for shelf in SHELVES:
        shutil.copytree(ROOT / shelf, place / "rlc" / shelf, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests", place / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    settings = SETTINGS.format(
        modules=[f"rlc/{module}" for module in modules],
        tests=sorted({f"tests/{test}" for module in modules for test in TESTS[module]}),
    )
    (place / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text("utf-8") + settings, "utf-8")


def mutmut(place: Path, *arguments: str, stdout: int | None = None) -> str:
    """Run mutmut there, its copy of the package before the installed one."""
    environment = os.environ | {
        "PYTHONPATH": str(place),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(place / "examples"),
    }
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, cwd=place, env=environment, stdout=stdout, text=True, check=True)
    return done.stdout or ""


def statuses(listing: str) -> dict[str, dict[str, str]]:
    """Module -> mutant -> status, from lines such as `rlc.data.store.x_encode__mutmut_1: killed`."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for line in listing.splitlines():
        name, _, status = line.strip().partition(": ")
        found[name.rpartition(".")[0]][name] = status
    return found


def summary(module: str, counts: Counter[str]) -> float:
    """Print one module's line, and return the share killed."""
    share = (counts["killed"] + counts["timeout"]) / counts.total()
    sys.stdout.write(f"{module}: {share:.1%} of {counts.total()} killed {dict(sorted(counts.items()))}\n")
    return share


if __name__ == "__main__":
    sys.exit(main())

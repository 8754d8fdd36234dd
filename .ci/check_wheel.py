"""Build the wheel, install it elsewhere, and use it: every module, the package data, the command."""

import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHELVES = ("data", "chunkers", "retrievers", "pipeline", "experiments")
DATA = (
    "data/sample/datasets/query",
    "experiments/recipes/default.toml",
    "experiments/scorers/rule_fit.json",
    "experiments/view/templates/view.js",
    "pipeline/routers/lara-1.json",
    "retrievers/prune/weights/provence-mini.safetensors",
)


def main() -> None:
    """Run in the project's environment (it builds and installs) and again inside the installed copy (it checks)."""
    if len(sys.argv) == 2:
        check(Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as place:
        wheels, site = Path(place) / "wheels", Path(place) / "site"
        python = [sys.executable, "-m"]
        subprocess.run(
            [*python, "build", "--wheel", "--no-isolation", "--outdir", str(wheels), str(ROOT)], check=True
        )
        [wheel] = wheels.glob("*.whl")
        install = [*python, "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
        subprocess.run(install, check=True)
        # From an empty folder and with the copy first on the path, the checkout cannot stand in for it.
        environment = {**os.environ, "PYTHONPATH": str(site)}
        subprocess.run([sys.executable, __file__, str(site)], cwd=place, env=environment, check=True)
        subprocess.run([str(site / "bin" / "rlc"), "--help"], cwd=place, env=environment, check=True)


def check(site: Path) -> None:
    """Import every module that the checkout has, from the installed copy, and find the package data there."""
    wanted = sorted(
        module_of(file)
        for shelf in ("api", *SHELVES)
        for file in (ROOT / shelf).rglob("*.py")
        if packaged(file)
    )
    for name in wanted:
        module = importlib.import_module(name)
        origin = Path(str(module.__file__)).resolve()
        if not origin.is_relative_to(site.resolve()):
            sys.exit(f"{name} was imported from {origin}, not from the wheel")
    for place in DATA:
        if not (site / "rlc" / place).exists():
            sys.exit(f"the wheel lacks rlc/{place}")
    sys.stdout.write(f"wheel: {len(wanted)} modules imported, package data found\n")


def packaged(file: Path) -> bool:
    """Whether the file belongs to a package (benchmarks and research scripts stay outside the wheel)."""
    return not {"bench", "research"} & set(file.parts)


def module_of(file: Path) -> str:
    """The module's name."""
    parts = ["rlc", *file.relative_to(ROOT).with_suffix("").parts]
    if parts[1] == "api":  # the front door is the package itself
        return "rlc"
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


if __name__ == "__main__":
    main()

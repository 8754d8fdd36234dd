"""What made a result: versions, device, git revision, data and model revisions."""

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from rlc.data.records import Dataset
from rlc.data.spec import Spec
from rlc.experiments.runs.scope import documents_outside
from rlc.experiments.scorers.rule import RuleJudge, default_fit

LIBRARIES = (
    "rlc", "torch", "transformers", "tokenizers", "sentence-transformers", "faiss-cpu", "rank-bm25",
    "langchain-core", "polars", "numpy", "scipy", "mlflow", "vllm",
)  # fmt: skip

JUDGED_BY = "judged_by"  # what tells of the judge, where others than the rules fill the table


def provenance(dataset: Dataset, specs: Mapping[str, Spec]) -> dict[str, Any]:
    """A plain record of it, but for the models: their revisions are known once they are loaded."""
    return {
        **environment(),
        "dataset": {
            "name": dataset.name,
            "variant": dataset.variant,
            "revision": dataset.revision,
            "settings": [dict(spec) for spec in dataset.settings],
            "measures": dict(dataset.measures),
            "notes": list(dataset.notes),
            "root": None if dataset.root is None else str(dataset.root.resolve()),
            "examples": len(dataset.examples),
            "documents": len(dataset.asked),
            "outside_collections": documents_outside(specs, dataset),
        },
        "judge": {"name": RuleJudge.name, "fit": dict(default_fit().provenance)},
    }


def environment(libraries: Sequence[str] = LIBRARIES) -> dict[str, Any]:
    """Date, code, versions and machine."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "git": git_revision(),
        "versions": versions(libraries),
        "python": platform.python_version(),
        "machine": {"system": platform.platform(), "processor": processor(), "cores": os.cpu_count()},
    }


def versions(libraries: Sequence[str] = LIBRARIES) -> dict[str, str]:
    """Installed versions of what bears on results; what is absent is left out."""
    found = {}
    for name in libraries:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def git_revision() -> str | None:
    """The revision of the checkout that this package runs from, `+` where it has changes; None outside one."""
    folder = Path(__file__).parent
    try:
        revision = _git(folder, "rev-parse", "HEAD")
        return revision + "+" * bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True)  # noqa: S603, S607
    return done.stdout.strip()


def processor() -> str:
    """Name the processor of this machine."""
    file = Path("/proc/cpuinfo")
    if file.is_file():
        for line in file.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()

"""Names that people give to runs: a run's own name is that of its folder, and says what was asked, not what for."""

from pathlib import Path

from rlc.data.errors import UsageError
from rlc.experiments.runs.kept import write_whole
from rlc.experiments.runs.run import RECIPE

NAME = "name.txt"
LONGEST = 80


def name_of(folder: Path) -> str:
    """The name that a run was given; empty where it has none."""
    try:
        return (folder / NAME).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def folder_named(name: str, out: Path) -> Path | None:
    """The run below `out` that was given this name; a folder in which no run ever began is none."""
    begun = (file.parent for file in sorted(out.glob(f"*/{RECIPE}")))
    return next((folder for folder in begun if name_of(folder) == name), None)


def give_name(folder: Path, name: str) -> None:
    """Name a run, before it asks anything: commands and MLflow call it so from then on.

    Raises:
        UsageError: if the name is no single short line, is a path, or another run beside it has it.
        StoreError: if it cannot be written.
    """
    if not name.strip() or not name.isprintable() or "/" in name or len(name) > LONGEST:
        raise UsageError(
            f"--name {name!r}: expected one line of at most {LONGEST} characters without '/', such as 'bm25 alone'"
        )
    other = folder_named(name.strip(), folder.parent)
    if other is not None and other.name != folder.name:
        raise UsageError(f"--name {name!r}: the run {other.name} is called so; give another name")
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / NAME, f"{name.strip()}\n".encode())

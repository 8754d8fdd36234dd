"""Who may have code run that a recipe or a run folder names: its user, and nobody else.

A class says in `CODE` which of its settings name code (`"package.module:factory"`, or an engine's own arguments, which may
do as much). Nothing of it is imported before the user allows it: with `--allow-code` (`RLC_ALLOW_CODE=1` for every command
and its workers), or by a line in the user's own `trusted.toml`.
"""

import os
import sysconfig
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import blake2b
from importlib.machinery import PathFinder
from pathlib import Path

from rlc.data.errors import UsageError
from rlc.data.plain import parse_toml
from rlc.data.text.escape import escape_controls, shorten

ALLOWED = "RLC_ALLOW_CODE"
_looking: ContextVar[bool] = ContextVar("looking", default=False)
_shown: set[str] = set()


def trusted_file() -> Path:
    """Where a user lists code that any recipe may name: `code = ["langchain_openai:ChatOpenAI"]`."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "rlc" / "trusted.toml"


def check_code(place: str, value: object) -> None:
    """Let code pass that the user allows, and show it once before it runs.

    Raises:
        UsageError: where it is not allowed, or where this is only a look at what is there.
    """
    named = escape_controls(shorten(str(value), 200))
    if _looking.get():
        raise UsageError(f"{place} names code ({named}), and looking runs none")
    if os.environ.get(ALLOWED) != "1" and value not in _trusted():
        raise UsageError(
            f"{place} names code to be run: {named}. If you know it and trust it, say so with --allow-code, or add it "
            f"to the list `code` in {trusted_file()}"
        )
    if named not in _shown:  # at its first place: a reader's specs are completed under several names
        _shown.add(named)
        warnings.warn(f"{place} runs {named}", stacklevel=2)


def source_digest(target: str) -> str:
    """A digest of the file that holds `"package.module:name"`; nothing is imported.

    Empty for what is installed: of that the version is whoever's who installs it. What a user writes changes from run to
    run, and answers of its last state must not be taken for those of this one.
    """
    place: list[str] | None = None
    spec = None
    for part in target.partition(":")[0].split("."):
        spec = PathFinder.find_spec(part, place)
        if spec is None:
            return ""
        place = list(spec.submodule_search_locations or [])
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return ""
    file = Path(spec.origin).resolve()
    installed = {sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib")}
    if any(file.is_relative_to(Path(folder).resolve()) for folder in installed):
        return ""
    return blake2b(file.read_bytes(), digest_size=16).hexdigest()


@contextmanager
def looking() -> Iterator[None]:
    """Within the block no named code runs, whatever is allowed: for commands that only show something."""
    token = _looking.set(True)
    try:
        yield
    finally:
        _looking.reset(token)


def _trusted() -> list[str]:
    file = trusted_file()
    if not file.is_file():
        return []
    try:
        listed = parse_toml(file.read_text(encoding="utf-8")).get("code", [])
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read ({error}); mend it or take it away") from error
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise UsageError(f'{file}: expected code = ["package.module:name", ...], got {listed!r}')
    return listed

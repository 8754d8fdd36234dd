"""What routers were fitted to: shipped with the package, or in a file of one's own."""

from importlib import resources
from pathlib import Path

from rlc.data.errors import DataError


def read_fit(name: str) -> str:
    """The text of a shipped fit or table by its name, or of a file.

    Raises:
        DataError: if there is none, or it cannot be read.
    """
    shipped = resources.files("rlc.pipeline.routers").joinpath(f"{name}.json")
    source = shipped if shipped.is_file() else Path(name)
    try:
        return source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"no router's fit {name!r}: {error}; name a shipped one or a file of `rlc router fit`"
        ) from error

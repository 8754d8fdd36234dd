"""Pictures of a report that was written before: what would be drawn of the same is not drawn again."""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlc.data.errors import DataError
from rlc.data.plain import parse_json
from rlc.data.written import written
from rlc.experiments.report.figures.plots import style
from rlc.experiments.report.records import Plot
from rlc.experiments.runs.kept import DIGESTS, LOCK, digest
from rlc.experiments.runs.made_of import code
from rlc.experiments.runs.provenance import versions

if TYPE_CHECKING:
    from rlc.experiments.study.study import Study

DRAWN = "pictures.json"
DRAWN_BY = ("matplotlib", "numpy", "pillow", "polars", "scipy")
CHANGING = (
    "date",
    "git",
    "machine",
)  # what provenance tells anew each time; the code itself belongs to the digest


PIXELS_PER_INCH = 160
SAVED: Mapping[str, Mapping[str, Any]] = {
    "png": {"dpi": PIXELS_PER_INCH, "facecolor": "white"},
    "svg": {"transparent": True, "metadata": {"Date": None}},
    "pdf": {"transparent": True, "metadata": {"CreationDate": None}},
}


def drawn_of(study: "Study", prices: Path | None, studies: Sequence[Path]) -> str:
    """A digest of all that the pictures of a run's report are drawn of: its files, data, prices, studies, this code."""
    run = study.run
    data = study.dataset.revision if study.dataset else study.absence
    told = {name: value for name, value in run.provenance.items() if name not in CHANGING}
    around = [code(), versions(DRAWN_BY), told, str(run.folder.resolve()), data]
    found = hashlib.blake2b(json.dumps(around, default=str).encode(), digest_size=16)
    own = [file for file in run.folder.iterdir() if file.name not in (LOCK, DIGESTS, "provenance.json")]
    added = [file for folder in studies for file in folder.rglob("*")]
    for file in [*sorted(own), *sorted(added), *([prices] if prices else [])]:
        if file.is_file():
            found.update(f"{file.name}\n{digest(file.read_bytes())}\n".encode())
    return found.hexdigest()


class Pictures:
    """The pictures in a folder, and what they are drawn of.

    Those that were drawn of the same, and are as they were written, are taken as they are. Without a digest all are drawn.
    """

    def __init__(self, folder: Path, of: str = "") -> None:
        self._folder, self._of = folder, of
        self._files: dict[str, str] = {}
        try:
            before = parse_json((folder / DRAWN).read_bytes())
            self._before = dict(before["files"]) if of and before["of"] == of else {}
        except (OSError, ValueError, KeyError, TypeError, DataError):
            self._before = {}

    def svg(self, plot: Plot) -> str:
        """The picture's SVG text; its files, PNG and SVG, are in the folder then."""
        files = [self._folder / f"{plot.name}.{kind}" for kind in ("png", "svg")]
        kept = self._kept(files)
        drawn = kept or draw(plot, "png", "svg")
        for file, data in zip(files, drawn, strict=True):
            self._files[file.name] = digest(data)
            if not kept:
                with written(file) as draft:
                    draft.write_bytes(data)
        return drawn[-1].decode()

    def _kept(self, files: Sequence[Path]) -> list[bytes] | None:
        try:
            found = [file.read_bytes() for file in files]
        except OSError:
            return None
        known = [self._before.get(file.name) for file in files]
        return found if [digest(data) for data in found] == known else None

    def note(self) -> None:
        """Note what the pictures are drawn of, for the next time."""
        if self._of:
            with written(self._folder / DRAWN) as draft:
                draft.write_text(json.dumps({"of": self._of, "files": self._files}, indent=1))


def draw(plot: Plot, *kinds: str) -> list[bytes]:
    """Draw and lay out once; the picture as files of these kinds (png, svg, pdf), the same bytes each time."""
    from matplotlib import rc_context

    files = [io.BytesIO() for _ in kinds]
    with style(), rc_context({"svg.hashsalt": plot.name}):
        figure = plot.draw()
        if layout := figure.get_layout_engine():
            layout.execute(figure)
            # Else every file would be laid out again, after a drawing for nothing.
            figure.set_layout_engine("none")
        for kind, file in zip(kinds, files, strict=True):
            figure.savefig(file, format=kind, **SAVED[kind])
    return [file.getvalue() for file in files]

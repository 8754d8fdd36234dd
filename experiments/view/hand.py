"""Verdicts by hand, beside the run: `verdicts.csv`, which `rlc judge calibrate --human` reads too."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from rlc.data.errors import DataError, UsageError
from rlc.experiments.runs.kept import write_whole

FILE = "verdicts.csv"
COLUMNS = ("example_id", "reader", "right", "note")
WORDS = {"yes": "right", "no": "wrong", "unsure": "unsure"}
LONGEST_NOTE = 2_000


class ByHand(NamedTuple):
    """What a person says of an answer: `right` is yes, no or unsure."""

    right: str
    note: str = ""


Verdicts = Mapping[tuple[str, str], ByHand]
"""By question and reader."""


def read_verdicts(folder: Path) -> Verdicts:
    """The verdicts of a run; none where nobody judged.

    Raises:
        DataError: if the file is no such table; it is left as it is.
    """
    file = folder / FILE
    try:
        text = file.read_bytes().decode("utf-8-sig")  # newlines within a note stay as they are
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read: {error}") from error
    rows = csv.DictReader(io.StringIO(text, newline=""))
    if not set(COLUMNS[:3]) <= set(rows.fieldnames or ()):
        raise DataError(
            f"{file}: expected the columns {', '.join(COLUMNS)}, got {', '.join(rows.fieldnames or ()) or 'none'}; "
            "mend the file or move it away"
        )
    return {
        (row["example_id"], row["reader"]): ByHand(row["right"] or "", row.get("note") or "") for row in rows
    }


def give_verdict(folder: Path, example_id: str, reader: str, given: ByHand) -> None:
    """Keep a verdict in place of an earlier one on the same answer; an empty one takes it back.

    Raises:
        UsageError: if it is none of the known words, or its note is too long.
        DataError: if what is there cannot be read.
        StoreError: if it cannot be written.
    """
    if given.right not in {"", *WORDS}:
        raise UsageError(f"expected {', '.join(WORDS)} or nothing as a verdict, got {given.right!r}")
    if len(given.note) > LONGEST_NOTE:
        raise UsageError(f"a note holds at most {LONGEST_NOTE:,} characters, got {len(given.note):,}")
    known = {**read_verdicts(folder), (example_id, reader): given}
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((*place, *one) for place, one in sorted(known.items()) if one.right)
    write_whole(folder / FILE, file.getvalue().encode())

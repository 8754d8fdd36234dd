"""Human verdicts, beside the run: `verdicts.csv`, from `rlc view`, `rlc judge sheet` or any table of that form."""

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
SPELLINGS = {
    "1": "yes",
    "true": "yes",
    "right": "yes",
    "0": "no",
    "false": "no",
    "wrong": "no",
}  # of other tools
DELIMITERS = ",;\t"  # spreadsheets write what their country has
LONGEST_NOTE = 2_000


class HumanVerdict(NamedTuple):
    """What a person says of an answer: `right` is yes, no or unsure."""

    right: str
    note: str = ""


Verdicts = Mapping[tuple[str, str], HumanVerdict]
"""By question and reader."""


def read_verdicts(folder: Path) -> Verdicts:
    """The verdicts of a run; none where nobody judged.

    Raises:
        DataError: if the file is no such table; it is left as it is.
    """
    return read_sheet(folder / FILE) if (folder / FILE).exists() else {}


def read_sheet(file: Path) -> Verdicts:
    """The verdicts in a table of `COLUMNS`, others beside them being left out; rows that nobody has filled in are none.

    Raises:
        DataError: if it is no such table, or a verdict in it is none.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")  # newlines within a note stay as they are
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read: {error}; a sheet is CSV in UTF-8") from error
    head = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=head.count)
    try:
        rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restval="")
        names, table = rows.fieldnames or (), list(rows)
    except csv.Error as error:
        raise DataError(f"{file} is no CSV file: {error}") from error
    if not set(COLUMNS[:3]) <= set(names):
        raise DataError(
            f"{file}: expected the columns {', '.join(COLUMNS)}, got {', '.join(names) or 'none'}; "
            "mend the file or move it away"
        )
    found = {}
    for row in table:
        said = row["right"].strip().casefold()
        word = SPELLINGS.get(said, said)
        if word not in {"", *WORDS}:
            raise DataError(
                f"{file}: expected {', '.join(WORDS)} or nothing under right, got {row['right']!r} for {row['example_id']!r} "
                f"by {row['reader']!r}"
            )
        if word:
            found[row["example_id"], row["reader"]] = HumanVerdict(word, row.get("note", ""))
    return found


def give_verdict(folder: Path, example_id: str, reader: str, given: HumanVerdict) -> None:
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
    keep_verdicts(folder, {(example_id, reader): given})


def keep_verdicts(folder: Path, given: Verdicts) -> None:
    """Keep verdicts in place of earlier ones on the same answers.

    Raises:
        DataError: if what is there cannot be read.
        StoreError: if it cannot be written.
    """
    known = {**read_verdicts(folder), **given}
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((*place, *one) for place, one in sorted(known.items()) if one.right)
    advice = "the verdicts before it are as they were: free some space, or make the folder writable"
    write_whole(folder / FILE, file.getvalue().encode(), advice)

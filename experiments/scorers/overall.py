"""How the authors of a data set make one figure of many."""

from collections.abc import Callable, Mapping

import polars as pl

RULER_THRESHOLD = 0.856  # Llama-2-7B at 4k, which RULER calls the least that a length in use must reach


def mean_of_questions(rows: pl.DataFrame) -> float | None:
    """The mean value of all answers that have one."""
    mean = rows["value"].mean()
    return None if mean is None else float(mean)  # type: ignore[arg-type] # of floats it is one


def mean_of_tasks(rows: pl.DataFrame) -> float | None:
    """The mean of the tasks' means: a task of few questions weighs as much as one of many."""
    return mean_of_questions(rows.drop_nulls("value").group_by("task").agg(pl.col("value").mean()))


def effective_length(rows: pl.DataFrame, threshold: float = RULER_THRESHOLD) -> float | None:
    """The longest length up to which every length keeps a mean of `threshold`; 0 where the shortest does not.

    None where no row has a length in numbers. Upstream reads the longest length above the threshold off a table; where a
    longer text scores better than a shorter one that falls below, this takes the shorter.

    Source: RULER, arXiv:2404.06654, section 4.
    """
    means = by_length(rows)
    if not means:
        return None
    reached = 0.0
    for length, mean in means.items():
        if mean < threshold:
            break
        reached = length
    return reached


def relative_length(rows: pl.DataFrame, share: float = 0.85, base: float = 1000) -> float | None:
    """The longest length that keeps `share` of the best mean at lengths up to `base`; NoLiMa's rule.

    Source: NoLiMa, arXiv:2502.05167: the base score is the best of 250, 500 and 1,000 tokens.
    """
    means = by_length(rows)
    short = [mean for length, mean in means.items() if length <= base]
    return effective_length(rows, share * max(short)) if short else None


def by_length(rows: pl.DataFrame) -> Mapping[float, float]:
    """Mean of the tasks' means by length, ascending; rows without a length or a value are left out."""
    known = rows.with_columns(pl.col("length").map_elements(in_units, return_dtype=pl.Float64)).drop_nulls(
        ["length", "value"]
    )
    tasks = known.group_by("length", "task").agg(pl.col("value").mean())
    return dict(tasks.group_by("length").agg(pl.col("value").mean()).sort("length").iter_rows())


def in_units(length: str | None) -> float | None:
    """A length as a number.

    >>> in_units("32768"), in_units("32k"), in_units("1M"), in_units("short")
    (32768.0, 32000.0, 1000000.0, None)
    """
    text = (length or "").strip().lower()
    scale = {"k": 1_000, "m": 1_000_000}.get(text[-1:], 1)
    digits = text[:-1] if scale > 1 else text
    return float(digits) * scale if digits.replace(".", "", 1).isdecimal() else None


OVERALL: Mapping[str, Callable[[pl.DataFrame], float | None]] = {
    "mean-of-questions": mean_of_questions,
    "mean-of-tasks": mean_of_tasks,
    "effective-length": effective_length,
    "relative-length": relative_length,
}

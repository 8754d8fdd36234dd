"""Length profile: accuracy by how long the document is."""

from collections.abc import Mapping

import numpy as np

from rlc.experiments.report.figures.bins import profile, quantile_bins, within
from rlc.experiments.report.records import Plot, Section
from rlc.experiments.report.sections.differences import by_slice
from rlc.experiments.report.sections.slices import accuracy_table
from rlc.experiments.statistics.resample import Floats
from rlc.experiments.study.study import Mask, Study
from rlc.pipeline.routers.support.price import estimated_tokens

BINS = 5


def length(study: Study) -> Section | None:
    """Accuracy in like-sized bins of document length; None where the documents are absent or all of one length."""
    masks = by_length(lengths(study))
    if len(masks) < 2:
        return None
    several = " (the mean over models)" if len(study.groups) > 1 else ""
    differences = by_slice(study, masks, "Differences by document length")
    return Section(
        "length",
        "How long the document is",
        texts=(
            "In bins with about as many questions each. Longer documents are also other documents: text types and "
            "tasks differ between the bins, so the differences within a bin say more than those between bins.",
        ),
        plots=(
            Plot(
                "length",
                f"Share of right answers by length of the document, with 95% intervals{several}.",
                lambda: profile(study, masks, "tokens of the document, by estimate"),
            ),
        ),
        tables=(
            accuracy_table(study, "Accuracy by document length", masks, folded=len(study.readers) > 4),
            *((differences,) if differences.rows else ()),
        ),
    )


def lengths(study: Study) -> Floats:
    """By question, the document's tokens: by estimate; NaN where it is not at hand."""
    return np.array(
        [
            estimated_tokens(len(study.asked[name].document.page_content)) if name in study.asked else np.nan
            for name in study.examples["example_id"]
        ],
        dtype=np.float64,
    )


def by_length(values: Floats) -> Mapping[str, Mask]:
    """The questions by length in thousands of tokens."""
    return {_range(span): within(values, span) for span in quantile_bins(values, BINS)}


def _range(span: tuple[float, float]) -> str:
    low, high = (f"{tokens / 1000:,.1f}" for tokens in span)
    return f"{low}k" if low == high else f"{low}–{high}k"

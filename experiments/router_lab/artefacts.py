"""The files that the routers read: fitted on all of a laboratory, each with the curve of documents it had not seen."""

from dataclasses import dataclass, replace

import numpy as np

from rlc.data.errors import DataError
from rlc.experiments.router_lab.fit import finished, fit_model, strengths
from rlc.experiments.router_lab.lab import SHORT, Lab, Stage
from rlc.experiments.router_lab.replay import UNSEEN, Play, curve, folds, replay
from rlc.pipeline.routers.support.fitted import text_digest
from rlc.pipeline.routers.support.gain_model import Fold
from rlc.pipeline.routers.table import fit_table

# Each file: when its router decides, and the router that its curve is of: both stages of buy-then-choose have a file.
FITS: dict[str, tuple[Stage, str]] = {
    "learned": ("before", "learned"),
    "learned-after-rag": ("after rag", "learned-after-rag"),
    "learned-after-both": ("after both", "buy-then-choose"),
    "learned-after-both-panel": ("with panel", "learned-after-both-panel"),
}
FEWEST_DOCUMENTS = 5  # below it there is nothing to measure a curve on


@dataclass(frozen=True)
class Artefact:
    """A router's file, and the router decided fold by fold on documents that it had not seen."""

    text: str
    play: Play


def fit_artefacts(lab: Lab, *, with_folds: bool = True, seed: int = 0) -> dict[str, Artefact]:
    """Fit every learned router, by its name.

    The learned ones keep the fits of their folds, which decide the questions about documents of the fit. Without
    `with_folds` those of the trees are left out, which make a file ten times as large: so the package's are made.

    Raises:
        DataError: where there is too little to fit on.
    """
    if len(np.unique(lab.documents)) < FEWEST_DOCUMENTS:
        raise DataError(
            f"a router is fitted on at least {FEWEST_DOCUMENTS} documents, got {len(np.unique(lab.documents))}; a fit "
            "on fewer learns the documents and not the questions: compare more"
        )
    plays = {play.router: play for play in replay(lab, UNSEEN, seed)}
    everyone, everything = np.ones(len(lab.models), dtype=bool), np.ones(len(lab.examples), dtype=bool)
    parts = [np.unique(lab.documents[fold.questions]) for fold in folds(lab, UNSEEN, seed)]
    texts = {one.document_id: text_digest(one.document.page_content) for one in lab.examples}
    files = {}
    for name, (stage, priced) in FITS.items():
        if stage not in lab.stages:
            continue
        model = fit_model(lab, everyone, everything, stage)
        settings = {"router": name, "curve": f"{priced} on unseen documents, every token counted in full"}
        whole = finished(model, lab, curve(lab, plays[priced]), settings)
        held_out = tuple(
            Fold(frozenset(texts[document] for document in documents), fold)
            for documents, fold in zip(parts, plays[name].models, strict=True)
        )
        files[name] = Artefact(
            replace(whole, folds=held_out if with_folds or stage == "before" else ()).to_json(), plays[name]
        )
    known = finished(model, lab, (), {"router": "table"})
    table = fit_table(lab.short, lab.long - lab.rag, lab.seen, everything, strengths(lab, everything), SHORT)
    table = replace(table, readers=known.readers, provenance=known.provenance)
    files["table"] = Artefact(table.to_json(), plays["table"])
    return files

"""The files that the routers read: fitted on all of a laboratory, each with the curve of documents it had not seen."""

from dataclasses import replace

import numpy as np

from rlc.data.errors import DataError
from rlc.experiments.router_lab.fit import PENALTY, finished, fit_model, strengths
from rlc.experiments.router_lab.lab import SHORT, Lab
from rlc.experiments.router_lab.replay import curve, replay
from rlc.pipeline.routers.table import fit_table

FEWEST_DOCUMENTS = 5  # below it there is nothing to measure a curve on


def fit_artefacts(lab: Lab, *, seed: int = 0) -> dict[str, str]:
    """Fit every learned router; router's name -> the text of its file.

    Raises:
        DataError: where there is too little to fit on.
    """
    if len(np.unique(lab.documents)) < FEWEST_DOCUMENTS:
        raise DataError(
            f"a router is fitted on at least {FEWEST_DOCUMENTS} documents, got {len(np.unique(lab.documents))}; a fit "
            "on fewer learns the documents and not the questions: compare more"
        )
    plays = {play.router: play for play in replay(lab, "unseen documents", seed)}
    everyone, everything = np.ones(len(lab.models), dtype=bool), np.ones(len(lab.examples), dtype=bool)
    files = {}
    for name, after in (("learned", False), ("learned-after-rag", True)):
        model = fit_model(lab, everyone, everything, after=after)
        settings = {
            "router": name,
            "penalty": PENALTY,
            "curve": "unseen documents, every token counted in full",
        }
        files[name] = finished(model, lab, curve(lab, plays[name]), settings).to_json()
        if not after:
            known = finished(model, lab, (), {"router": "table"})
    table = fit_table(lab.short, lab.long - lab.rag, lab.seen, everything, strengths(lab, everything), SHORT)
    files["table"] = replace(table, readers=known.readers, provenance=known.provenance).to_json()
    return files

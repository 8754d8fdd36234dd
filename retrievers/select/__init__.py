"""Selectors: how much of a ranking goes to the reader. `SELECTORS` lists them."""

from rlc.data.lazy import lazy_attributes
from rlc.data.plugins import with_plugins

SELECTORS = {
    "top": "rlc.retrievers.select.top:Top",
    "token-budget": "rlc.retrievers.select.token_budget:TokenBudget",
    "score-drop": "rlc.retrievers.select.score_drop:ScoreDrop",
    "conformal": "rlc.retrievers.select.conformal:Conformal",
    "mmr": "rlc.retrievers.select.mmr:MaximalMarginalRelevance",
}
SELECTORS = with_plugins("selectors", SELECTORS)

__getattr__, __dir__ = lazy_attributes(__name__, SELECTORS)

"""HELMET's rules (princeton-nlp/HELMET@4526dfb, utils.py and data.py): the better of the whole answer and what follows "Answer:"."""

import re
from collections.abc import Callable

from rlc.data.records import Example
from rlc.experiments.metrics.answer import normalise
from rlc.experiments.scorers.longbench import bag_f1
from rlc.experiments.scorers.measured import Measured
from rlc.experiments.scorers.rankings import ranking_measures

_ALONE = ("yes", "no", "noanswer")  # a word that is the whole answer, or wrong
_ANSWER = re.compile(r"answer:(.*)(?:\n|$)", re.IGNORECASE)
_RANKING = re.compile(r"\d+(?:\s*>\s*\d+)*")


def exact_match(prediction: str, example: Example) -> Measured:
    """Whether the answer is a gold one, after SQuAD's normalisation."""
    return _best(prediction, example, lambda said, gold: float(normalise(said) == normalise(gold)))


def substring_exact_match(prediction: str, example: Example) -> Measured:
    """Whether the answer holds a gold one, after SQuAD's normalisation."""
    return _best(prediction, example, lambda said, gold: float(normalise(gold) in normalise(said)))


def f1(prediction: str, example: Example) -> Measured:
    """F1 of the bags of words; yes, no and noanswer count only where they are the whole of both."""
    return _best(prediction, example, _f1)


def rerank_ndcg10(prediction: str, example: Example) -> Measured:
    """NDCG@10 of the longest ranking `1 > 2 > 3` in the answer, against the labels under `qrels`."""
    said = re.sub(r"[\[\]:]", "", prediction).lower().replace("id", "")
    longest = max(_RANKING.findall(said), key=len, default="")
    ids = [one.strip() for one in longest.split(">") if one.strip()]
    return ranking_measures(ids, dict(example.metadata.get("qrels", {})))


def _f1(said: str, gold: str) -> float:
    a, b = normalise(said), normalise(gold)
    return 0.0 if a != b and (a in _ALONE or b in _ALONE) else bag_f1(a.split(), b.split())


def _best(prediction: str, example: Example, score: Callable[[str, str], float]) -> Measured:
    found = _ANSWER.search(prediction)
    line = found[1] if found else prediction.split("\n")[0]
    parsed = re.sub("^answer:", "", line.strip(), flags=re.IGNORECASE).strip()
    return Measured(
        max((score(said, gold) for said in (prediction, parsed) for gold in example.answers), default=0.0)
    )

"""LooGLE's metrics (bigai-nlco/LooGLE@6734382, Evaluation/automatic_metrics.py); replies are parsed as data, never evaluated."""

import ast
import json
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from rlc.data.errors import require
from rlc.data.records import Example
from rlc.experiments.scorers.measured import Measured, unparsed

_LONGEST = 20_000  # characters of a reply that is read as a dictionary


def cloze_exact(prediction: str, example: Example) -> Measured:
    """The share of masks whose entity is the gold one, letter for letter."""
    return _cloze(prediction, example, lambda said, gold: said == gold)


def cloze_partial(prediction: str, example: Example) -> Measured:
    """The share of masks of whose gold entity a word is said."""
    return _cloze(prediction, example, lambda said, gold: bool(set(said.split()) & set(gold.split())))


def bleu(prediction: str, example: Example) -> Measured:
    """BLEU of words alone; `bleu-4` beside it is of runs of four alone, as upstream weighs them."""
    from nltk.translate.bleu_score import sentence_bleu  # rouge-score brings nltk

    if not example.answers or not prediction.split():
        return Measured(0.0, {"bleu-4": 0.0})
    gold, said = [example.answers[0].split()], prediction.split()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that there is no such run, which 0 says
        one, four = (_clipped(sentence_bleu(gold, said, weights)) for weights in ((1, 0, 0, 0), (0, 0, 0, 1)))
    return Measured(one, {"bleu-4": four})


def rouge_recall(prediction: str, example: Example) -> Measured:
    """Recall of ROUGE-L by `rouge` 1.0.1; those of ROUGE-1 and ROUGE-2 beside it."""
    require("rouge")
    from rouge import Rouge

    try:
        [scores] = Rouge().get_scores([prediction], [example.answers[0] if example.answers else ""])
    except (ValueError, RecursionError):  # without a word on one side
        return unparsed()
    recall = {name: float(one["r"]) for name, one in scores.items()}
    return Measured(recall.pop("rouge-l"), recall)


def _clipped(value: float) -> float:
    return min(1.0, max(0.0, float(value))) if value > 1e-9 else 0.0


def _cloze(prediction: str, example: Example, agrees: Callable[[str, str], bool]) -> Measured:
    gold = _dictionary(example.answers[0]) if example.answers else None
    if not gold:
        return unparsed()
    said = _dictionary(prediction)
    if said is None:
        return Measured(0.0, {"matched": 0.0, "of": float(len(gold))}, unparsed().note)
    matched = sum(key in said and agrees(str(said[key]), str(value)) for key, value in gold.items())
    return Measured(matched / len(gold), {"matched": float(matched), "of": float(len(gold))})


def _dictionary(text: str) -> Mapping[str, Any] | None:
    """A dictionary in JSON or as a Python literal; None where the text is neither."""
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text[:_LONGEST].strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            continue
        if isinstance(value, dict):
            return value
    return None

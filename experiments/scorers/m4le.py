"""M4LE's rules (KwanWaiChung/M4LE@0dd47ff, evaluation.py), without BLEU, which is made over a whole task.

What the answer's end is differs by task: the marks stand in the example's metadata under `ends`.
"""

import re

from rlc.data.errors import require
from rlc.data.records import Example
from rlc.experiments.scorers.longbench import chinese_words
from rlc.experiments.scorers.measured import Measured


def holds(prediction: str, example: Example) -> Measured:
    """Whether a gold answer stands in the answer, in any case."""
    said = _ended(prediction, example).lower()
    return Measured(float(any(answer.lower() in said for answer in example.answers)))


def exact(prediction: str, example: Example) -> Measured:
    """Whether the answer is a gold one, in any case."""
    said = _ended(prediction, example).lower().strip()
    return Measured(float(any(answer.lower().strip() == said for answer in example.answers)))


def labels(prediction: str, example: Example) -> Measured:
    """F1 of the labels between commas, up to the first full stop, and the gold ones."""
    said, gold = _labels(prediction), _labels(example.answers[0] if example.answers else "")
    return Measured(2 * len(said & gold) / (len(said) + len(gold)) if said and gold else 0.0)


def rouge_recall(prediction: str, example: Example) -> Measured:
    """Recall of ROUGE-L by `rouge` 1.0.1; Chinese is cut by jieba, where upstream asks `rouge-chinese`."""
    require("rouge")
    from rouge import Rouge

    said = _ended(prediction, example)
    cut = (lambda text: " ".join(chinese_words(text))) if example.metadata.get("language") == "zh" else str
    best = 0.0
    for gold in example.answers:
        try:
            best = max(best, Rouge(metrics=["rouge-l"]).get_scores(cut(said), cut(gold))[0]["rouge-l"]["r"])
        except (ValueError, RecursionError):  # no word in one of both; upstream counts 0
            continue
    return Measured(min(1.0, float(best)))


def _ended(prediction: str, example: Example) -> str:
    said = prediction
    for end in example.metadata.get("ends", ()):
        said = said.split(end)[0].strip()
    return said.strip()


def _labels(text: str) -> set[str]:
    return {one.strip() for one in re.split("[,，]", re.split("[.。]", text)[0]) if one.strip()}

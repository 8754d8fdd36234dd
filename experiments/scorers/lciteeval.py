"""L-CiteEval's rules (ZetangForward/L-CITEEVAL@6e49326, script/): what an answer says without its citations, and what it cites.

Upstream's citation scores of free answers ask an entailment model, which needs weights. What is given beside the value here needs none:
`cites_gold` is the share of the cited passages in which a gold answer stands, `gold_cited` whether one that holds it is cited at all.
They are this project's own and no figure of the authors'. The needle task's citation scores are theirs.
"""

import json
import re
from collections.abc import Sequence

from rlc.data.records import Example
from rlc.experiments.metrics.answer import normalise
from rlc.experiments.scorers.longbench import bag_f1, rouge_l_of
from rlc.experiments.scorers.measured import Measured, unparsed

AT_MOST = 3  # citations of an answer that count
_CITED = re.compile(r"\[(\d+)")
_STARS = re.compile(r"The little penguin counted (\d+) ★")


def strip_citations(text: str) -> str:
    """A text without its citations, as upstream takes them out.

    >>> strip_citations("Costs rose [3] | and fell [12].")
    'Costs rose and fell.'
    """
    return re.sub(r" ?\[\d+", "", text).replace(" |", "").replace("]", "")


def qa_f1(prediction: str, example: Example) -> Measured:
    """F1 of the bags of words of the first line without citations."""
    said = normalise(_first_line(prediction)).split()
    value = max((bag_f1(said, normalise(gold).split()) for gold in example.answers), default=0.0)
    return Measured(value, _cites(prediction, example))


def rouge_l(prediction: str, example: Example) -> Measured:
    """ROUGE-L of the first line without citations, after a heading such as "Summary:"."""
    said = prediction.strip()
    if "summary" in said[:100].lower():
        said = said.partition(":")[2].strip()
    value = max((rouge_l_of(_first_line(said), gold) for gold in example.answers), default=0.0)
    return Measured(value, _cites(prediction, example))


def needle_citation(prediction: str, example: Example) -> Measured:
    """F1 of the citations of the first line, at most three, against the passage with the needle; `recall`, `precision` beside it."""
    gold = next((i for i, passage in enumerate(passages(example), start=1) if _holds(passage, example)), None)
    cited = [int(number) for number in _CITED.findall(prediction.strip().partition("\n")[0])][:AT_MOST]
    if gold is None or gold not in cited:
        return Measured(0.0, {"recall": 0.0, "precision": 0.0})
    precision = 1 / len(cited)
    return Measured(2 * precision / (1 + precision), {"recall": 1.0, "precision": precision})


def stars(prediction: str, example: Example) -> Measured:
    """The share of the counted stars that a JSON answer gives; citation `recall` and `precision` beside it."""
    found = {
        i: int(star[1]) for i, text in enumerate(passages(example), start=1) if (star := _STARS.search(text))
    }
    try:
        said = json.loads(prediction[prediction.index("{") : prediction.index("}") + 1])
        counted, cited = said["little_penguin"][: len(found)], set(said.get("passage_id") or ())
        right = sum(one in found.values() for one in counted) / len(found)
        correct = len(cited & found.keys())
    except (ValueError, KeyError, TypeError, ZeroDivisionError, RecursionError):
        return unparsed()
    precision = correct / len(cited) if cited else 0.0
    return Measured(min(1.0, right), {"recall": correct / len(found), "precision": precision})


def passages(example: Example) -> Sequence[str]:
    """The passages that citations count from 1."""
    if "docs" in example.metadata:
        return [str(one) for one in example.metadata["docs"]]
    text = example.document.page_content
    return [text[start:end] for start, end in example.document.metadata.get("passages", ())]


def _cites(prediction: str, example: Example) -> dict[str, float]:
    texts = passages(example)
    numbers = {int(number) for number in _CITED.findall(prediction)}
    cited = [texts[number - 1] for number in sorted(numbers) if 0 < number <= len(texts)]
    gold = sum(_holds(text, example) for text in cited)
    return {"cites_gold": gold / len(cited) if cited else 0.0, "gold_cited": float(gold > 0)}


def _holds(passage: str, example: Example) -> bool:
    return any(answer in passage for answer in example.answers)


def _first_line(prediction: str) -> str:
    return strip_citations(prediction.strip().partition("\n")[0])

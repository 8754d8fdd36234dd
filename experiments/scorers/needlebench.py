"""NeedleBench's rules (opencompass 0.5.4, datasets/needlebench_v2: origin.py, parallel.py, atc_elder_only.py)."""

import re

from rlc.data.records import Example
from rlc.experiments.scorers.measured import Measured, unparsed

_BOXED = "\\boxed{"


def keyword(prediction: str, example: Example) -> Measured:
    """Whether a gold keyword stands in the answer, in its own case; a part of a word is enough."""
    return Measured(float(any(answer in prediction for answer in example.answers)))


def parallel(prediction: str, example: Example) -> Measured:
    """The share of the gold keywords that stand in the answer."""
    found = [answer in prediction for answer in example.answers]
    return Measured(sum(found) / len(found) if found else 0.0)


def boxed(prediction: str, example: Example) -> Measured:
    r"""Whether what stands in the last `\boxed{}` is the gold answer; unparsed where there is none."""
    content = last_boxed(prediction)
    if content is None:
        return unparsed()
    return Measured(float(_clean(content) in {_clean(answer) for answer in example.answers}))


def last_boxed(text: str) -> str | None:
    r"""What the last `\boxed{...}` holds, braces within it balanced; None without one."""
    start = text.rfind(_BOXED)
    if start < 0:
        return None
    depth, at = 1, start + len(_BOXED)
    for end in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if depth == 0:
            return text[at:end]
    return None


def _clean(text: str) -> str:
    return re.sub(r"\\text\{(.*)\}", r"\1", text.strip()).strip().strip(".")

"""LongProc's rules (princeton-pli/LongProc@78e873a, longproc/); nothing of an answer is run.

Upstream evaluates the sums of a countdown and compiles programs: here sums are read as `a op b = c`, and programs are left out.
"""

import re
import string

from rlc.data.records import Example
from rlc.experiments.metrics.answer import normalise
from rlc.experiments.scorers.measured import Measured, unparsed

_STEP = re.compile(r"- Step \d+:")
_FILLER = re.compile(
    r"\b(a|an|the|on|in|at|step|thinks|think|believes|believe|is|are|of|location|know|knows|belief)\b"
)
_MARKS = str.maketrans("", "", string.punctuation + "’")
_SUM = re.compile(r"\s*(\d{1,9})\s*([-+*/])\s*(\d{1,9})\s*=\s*(\d{1,18})\s*")


def path(prediction: str, example: Example) -> Measured:
    """Whether the route between its tags is the gold one; `partial` counts the lines up to the first other one, that one too."""
    said, gold = _tagged(prediction, "Route"), _gold(example)
    if said is None or not gold:
        return Measured(0.0, {"partial": 0.0}, "unparsed")
    if said == gold:
        return Measured(1.0, {"partial": 1.0})
    lines, wanted = said.split("\n"), gold.split("\n")
    pairs = list(zip(wanted, lines, strict=False))
    first = next((i for i, (a, b) in enumerate(pairs) if a != b), len(pairs) - 1)
    return Measured(0.0, {"partial": (first + 1) / len(wanted)})


def beliefs(prediction: str, example: Example) -> Measured:
    """Whether the lines of belief from the last `- Step 0:` on are the gold ones; `partial` counts those before the first other."""
    start = max(0, prediction.rfind("- Step 0:"))
    said, gold = _beliefs(prediction[start:]), _beliefs(_gold(example))
    if not gold:
        return unparsed()
    if said == gold:
        return Measured(1.0, {"partial": 1.0})
    pairs = list(zip(said, gold, strict=False))
    first = next((i for i, (a, b) in enumerate(pairs) if a != b), len(pairs))
    return Measured(0.0, {"partial": first / len(gold)})


def table(prediction: str, example: Example) -> Measured:
    """F1 of the rows of a table of tab-separated values, every cell normalised; `precision` and `recall` beside it."""
    fenced = re.search(r"```tsv([\s\S]*)```", prediction)
    said = fenced[1] if fenced else prediction.rpartition("```tsv")[2]
    rows, gold = _rows(said), _rows(_gold(example))
    if not rows or not gold:
        return unparsed()
    precision = sum(row in gold for row in rows) / len(rows)
    recall = sum(row in rows for row in gold) / len(gold)
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return Measured(f1, {"precision": precision, "recall": recall})


def countdown(prediction: str, example: Example) -> Measured:
    """Whether the three sums of the solution use the given numbers and reach the target, both under `numbers` and `target`."""
    numbers = [int(one) for one in example.metadata.get("numbers", ())]
    solution = _tagged(prediction, "Solution")
    if solution is None or len(lines := solution.split("\n")) != 3:
        return unparsed()
    for line in lines:
        sum_ = _SUM.fullmatch(line)
        if sum_ is None:
            return unparsed()
        a, b, result = int(sum_[1]), int(sum_[3]), int(sum_[4])
        right = {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else None}[sum_[2]]
        if right != result or a not in numbers:
            return Measured(0.0)
        numbers.remove(a)
        if b not in numbers:
            return Measured(0.0)
        numbers.remove(b)
        numbers.append(result)
    return Measured(float(bool(numbers) and numbers[0] == example.metadata.get("target")))


def _gold(example: Example) -> str:
    return example.answers[0].strip() if example.answers else ""


def _tagged(text: str, tag: str) -> str | None:
    start, end = text.find(f"<{tag}>"), text.find(f"</{tag}>")
    return None if start < 0 or end < 0 else text[start + len(tag) + 2 : end].strip()


def _beliefs(text: str) -> list[str]:
    lines = [line.split("-", 1)[1] for line in text.strip().split("\n") if _STEP.match(line)]
    bare = (" ".join(_FILLER.sub(" ", line.lower().translate(_MARKS)).split()) for line in lines)
    return [line for line in bare if line]


def _rows(text: str) -> list[tuple[str, ...]]:
    """The rows below the head; one of another width is all `na`, and the last one is dropped instead."""
    lines = [line.rstrip("\r").split("\t") for line in text.strip().split("\n")]
    width, body = len(lines[0]), lines[1:]
    if body and len(body[-1]) != width:
        body = body[:-1]
    return [
        tuple(normalise(cell).replace(" ", "") for cell in (row if len(row) == width else ["N/A"] * width))
        for row in body
    ]

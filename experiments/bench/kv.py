"""What evicting keys and values does to the answers: location questions, every method at several ratios.

    python experiments/bench/kv.py OUT --data sample
    python experiments/bench/kv.py OUT --data LARA --where length=32k --minutes 40

The default reader (SmolLM2) reads each document as the long arm does, cut in the middle where it does not fit its
window. Only questions whose answer stands in what is read are asked, since nothing else can be lost by evicting. A
document is computed once for all its questions and methods. Every answer is written to OUT/kv-NAME.json at once; after
`--minutes` no further question is begun. Prints a Markdown table.

Per method and ratio: the share of right answers (rule judge), token F1, how often the answer is the one of the whole
cache word for word, and the mean log-probability of the gold answer's tokens, which moves where answers do not yet.
Intervals are 95%, clustered by document; differences are against the whole cache on the same questions.
"""

import argparse
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rlc.data.datasets import load_dataset
from rlc.data.prompt_files import read_prompts
from rlc.data.protocols import Prompt
from rlc.data.records import Answer, Example
from rlc.experiments.metrics.evidence import holds, silver
from rlc.experiments.runs.run import write_json
from rlc.experiments.runs.selection import where
from rlc.experiments.scorers.base import default_scorer
from rlc.experiments.statistics.intervals import Difference, Estimate, correct, difference, estimate
from rlc.pipeline.context import fit
from rlc.pipeline.kv import Random, SnapKV, StreamingLLM
from rlc.pipeline.kv.base import Evicting
from rlc.pipeline.kv.engine import KvLLM
from rlc.pipeline.prompts import long_prompt
from rlc.pipeline.readers.long import LongReader
from rlc.pipeline.readers.support.asking import room_for_text

TEXTS = read_prompts(LongReader)

log = logging.getLogger("bench")

WHOLE = "whole cache"
METHODS = {"streaming-llm": StreamingLLM, "snapkv": SnapKV, "random": Random}
RATIOS = (0.25, 0.5, 0.75)
Row = dict[str, Any]


def methods(ratios: Sequence[float]) -> dict[str, Evicting]:
    """All methods at all ratios, the whole cache first."""
    evicting = {f"{name}, {ratio:g}": kind(ratio=ratio) for name, kind in METHODS.items() for ratio in ratios}
    return {WHOLE: StreamingLLM(ratio=0.0), **evicting}


def prompts(
    examples: Sequence[Example], llm: KvLLM, max_tokens: int, limit: int
) -> Iterator[tuple[Example, Prompt]]:
    """Questions with what the long arm reads for them, document by document; those whose answer it holds."""
    gold = silver(examples)
    found = 0
    for example in sorted(examples, key=lambda e: (e.document_id, e.id)):
        if example.id not in gold or found >= limit:
            continue
        kind = str(example.document.metadata.get("kind", ""))
        room = room_for_text(llm, long_prompt(TEXTS, kind, "", example.question), max_tokens)
        text = fit(example.document.page_content, room, llm.tokenizer, "middle").text
        if holds(text, gold[example.id]):
            found += 1
            yield example, long_prompt(TEXTS, kind, text, example.question)


def measure(
    llm: KvLLM,
    asked: Sequence[tuple[Example, Prompt]],
    ratios: Sequence[float],
    max_tokens: int,
    seconds: float,
) -> Iterator[Row]:
    """A row per question and method."""
    score = default_scorer()
    ends = time.monotonic() + seconds
    for example, prompt in asked:
        if time.monotonic() > ends:
            log.info("no time left: the other questions are not asked")
            return
        whole = ""
        for name, method in methods(ratios).items():
            llm.evict_by(method)
            [made] = llm.generate([prompt], max_tokens=max_tokens)
            whole = made.text if name == WHOLE else whole
            judged = score(example, Answer(made.text, "", error=made.error))
            yield {
                "method": name,
                "example": example.id,
                "document": example.document_id,
                "prompt_tokens": made.usage.prompt_tokens,
                "answer": made.text,
                "error": made.error,
                "correct": judged.correct,
                "f1": judged.f1,
                "same": made.text == whole,
                "logprob": llm.logprob(prompt, example.answers[0]),
            }


def table(rows: Sequence[Row]) -> str:
    """The table in Markdown, of the questions that all methods have answered."""
    names = {row["method"] for row in rows}
    answered = Counter(row["example"] for row in rows)
    by_method: dict[str, list[Row]] = {}
    for row in rows:
        if answered[row["example"]] == len(names):
            by_method.setdefault(row["method"], []).append(row)
    whole = {row["example"]: row for row in by_method[WHOLE]}
    losses = {
        name: difference(
            [row["logprob"] for row in found],
            [whole[row["example"]]["logprob"] for row in found],
            [row["document"] for row in found],
        )
        for name, found in by_method.items()
        if name != WHOLE
    }
    called = dict(zip(losses, correct(list(losses.values())), strict=True))
    lines = [
        "| method, share evicted | right, % | F1 | same answer, % | log-probability of the gold answer, a token | "
        "change (95%) |",
        "|---|---|---|---|---|---|",
    ]
    for name, found in by_method.items():
        documents = [row["document"] for row in found]
        right, f1, same, logprob = (
            estimate([float(row[key] or 0) for row in found], documents)
            for key in ("correct", "f1", "same", "logprob")
        )
        lines.append(
            f"| {name} | {_percent(right)} | {f1.value:.3f} | {100 * (same.value or 0):.0f} | {logprob.value:.2f} | "
            f"{_change(called.get(name))} |"
        )
    questions, texts = len(whole), len({row["document"] for row in whole.values()})
    mean = sum(row["prompt_tokens"] for row in whole.values()) / max(1, questions)
    return "\n".join([f"{questions} questions, {texts} documents, {mean:,.0f} prompt tokens", "", *lines])


def _percent(found: Estimate) -> str:
    span = (
        ""
        if found.low is None or found.high is None
        else f" ({100 * found.low:.0f} to {100 * found.high:.0f})"
    )
    return f"{100 * (found.value or 0):.0f}{span}"


def _change(found: Difference | None) -> str:
    if found is None or found.value is None:
        return ""
    span = "" if found.low is None else f" ({found.low:+.2f} to {found.high:+.2f})"
    return f"{found.value:+.2f}{span}{' *' if found.called else ''}"


def main() -> None:
    """Measure, or print again what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", default="sample", help="a data set's name or folder")
    parser.add_argument("--where", action="append", default=[], metavar="FIELD=VALUE")
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--window", type=int, help="tokens; by default the model's own")
    parser.add_argument("--ratios", type=float, nargs="+", default=RATIOS)
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--limit", type=int, default=1000, help="questions at most")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--print", action="store_true", help="only print the table of OUT again")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / f"kv-{Path(options.data).name}.json"
    if not options.print:
        llm = KvLLM(options.model, StreamingLLM(ratio=0.0), window=options.window)
        data = where(load_dataset(options.data), ["task=location", *options.where])
        asked = list(prompts(data.examples, llm, options.max_tokens, options.limit))
        log.info("%d of %d questions have their answer in what is read", len(asked), len(data.examples))
        rows: list[Row] = []
        for row in measure(llm, asked, options.ratios, options.max_tokens, 60 * options.minutes):
            rows.append(row)
            write_json(file, rows)
        log.info("done")
    sys.stdout.write(table(json.loads(file.read_text(encoding="utf-8"))) + "\n")


if __name__ == "__main__":
    main()

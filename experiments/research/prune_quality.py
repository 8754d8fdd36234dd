"""What pruners remove and what they keep: compression against retention of answer-bearing sentences, on test splits.

    python -m rlc.experiments.research.prune_quality --nq FILE --lara FOLDER --out FOLDER

Compression is the share of tokens (all-MiniLM-L6-v2's) removed, before any passage is dropped by rank; retention the
share of answer-bearing units kept (see `rlc.experiments.research.pruner_data`). Every method is measured at the compression of
`provence-mini` at its own threshold, so that the rows differ in retention alone; its threshold comes from tune.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.documents import Document
from numpy.typing import NDArray

from rlc.data.sets.lara import load
from rlc.data.tokens import load_tokenizer
from rlc.experiments.metrics.retrieval import evaluate
from rlc.experiments.report.render import render_markdown, write_files
from rlc.experiments.report.sections.prune_quality import FILE, page
from rlc.experiments.research.pruner_data import Question, lara, natural_questions
from rlc.experiments.runs.run import write_json
from rlc.experiments.statistics.intervals import correct, difference, estimate, ratio
from rlc.retrievers.prune.base import Asked, SentencePruner
from rlc.retrievers.prune.support.units import units

Floats = NDArray[np.float64]
GOALS = {"nq five passages": (0.75, 0.95), "nq gold passage": (0.30, 0.90), "LaRA location": (0.50, 0.90)}
"""Passage set -> (compression, retention) aimed at."""


@dataclass(frozen=True)
class Bench:
    """The units of a set of questions, flat, one entry a unit: tokens, label, the question's cluster and place."""

    asked: Sequence[Asked]
    tokens: Floats
    bears: NDArray[np.bool_]
    clusters: Sequence[str]
    first: NDArray[np.int64]  # the unit's place in its passage


def bench(questions: Sequence[Question], *, gold_only: bool = False) -> Bench:
    """Lay out the units of the questions' passages, or of their first passage alone."""
    tokenizer = load_tokenizer("minilm")
    asked: list[Asked] = []
    tokens: list[int] = []
    bears: list[bool] = []
    clusters: list[str] = []
    first: list[int] = []
    for question in questions:
        passages = question.passages[:1] if gold_only else question.passages
        documents = [
            Document(page_content=p.text, metadata={"title": p.title} if p.title else {}) for p in passages
        ]
        asked.append(Asked(question.text, documents))
        for passage in passages:
            tokens += [tokenizer.count(passage.text[unit.start : unit.end]) for unit in passage.units]
            bears += [label == 1 for label in passage.labels]
            clusters += [question.document] * len(passage.units)
            first += range(len(passage.units))
    return Bench(asked, np.array(tokens, float), np.array(bears), clusters, np.array(first))


def worth(pruner: SentencePruner, given: Bench) -> Floats:
    """What a pruner finds every unit worth, flat."""
    cut = [[units(document.page_content) for document in one.documents] for one in given.asked]
    judged = pruner.judge(given.asked, cut)
    return np.concatenate([np.asarray(one.worth, float) for passages in judged for one in passages])


def kept_at(values: Floats, tokens: Floats, compression: float) -> NDArray[np.bool_]:
    """Keep the units of the highest value, the lowest removed until `compression` is reached; of equals the later."""
    order = np.lexsort((-np.arange(len(values)), values))
    removed = np.cumsum(tokens[order]) <= compression * tokens.sum() + 1e-9
    kept = np.ones(len(values), dtype=bool)
    kept[order[removed]] = False
    return kept


def threshold_at(values: Floats, bears: NDArray[np.bool_], retention: float) -> float:
    """The highest threshold that keeps at least `retention` of the answer-bearing units above it."""
    sorted_values = np.sort(values[bears])
    return float(np.nextafter(sorted_values[int(np.floor((1 - retention) * len(sorted_values) + 1e-9))], -1))


def rows_of(given: Bench, methods: Mapping[str, Floats], threshold: float, name: str) -> list[dict[str, Any]]:
    """One row a method at the compression of `name` at `threshold`, with the paired difference to `name`."""
    reference = methods[name] > threshold
    compression = 1 - float(given.tokens[reference].sum() / given.tokens.sum())
    masks = {
        method: reference if method == name else kept_at(values, given.tokens, compression)
        for method, values in methods.items()
    }
    bearing = [cluster for cluster, bears in zip(given.clusters, given.bears, strict=True) if bears]
    others = [method for method in masks if method != name]
    gaps = correct(
        [difference(reference[given.bears] * 1.0, masks[m][given.bears] * 1.0, bearing) for m in others]
    )
    called = dict(zip(others, gaps, strict=True))
    return [
        {
            "method": method,
            "removed": asdict(ratio(given.tokens * ~mask, given.tokens, given.clusters)),
            "kept": asdict(estimate(mask[given.bears] * 1.0, bearing)),
            "difference": asdict(called[method]) if method in called else None,
            "removed_at_95": removed_at(methods[method], given, 0.95),
            "removed_at_90": removed_at(methods[method], given, 0.90),
        }
        for method, mask in masks.items()
    ]


def removed_at(values: Floats, given: Bench, retention: float) -> float:
    """The compression at a retention, had the threshold been chosen on these very questions."""
    kept = values > threshold_at(values, given.bears, retention)
    return 1 - float(given.tokens[kept].sum() / given.tokens.sum())


def curve(values: Floats, given: Bench) -> list[tuple[float, float]]:
    """(compression, retention) from nothing removed to all of it, in steps of 2.5%."""
    points = []
    for compression in np.linspace(0, 1, 41):
        kept = kept_at(values, given.tokens, float(compression))
        points.append(
            (1 - float(given.tokens[kept].sum() / given.tokens.sum()), float(kept[given.bears].mean()))
        )
    return points


def methods_of(given: Bench, pruners: Mapping[str, SentencePruner], seed: int = 0) -> dict[str, Floats]:
    """The values of all rows: references without a model, and the pruners."""
    values: dict[str, Floats] = {
        "random": np.random.default_rng(seed).random(len(given.tokens)),
        "lead": -given.first.astype(float),
        "oracle": given.bears.astype(float),
    }
    return {**values, **{name: worth(pruner, given) for name, pruner in pruners.items()}}


def reranking(questions: Sequence[Question], pruner: SentencePruner, seed: int = 0) -> dict[str, Any]:
    """nDCG@10 of the passages that bear the answer: as found, by the pruner's score, and by both (normalised mean)."""
    runs: dict[str, dict[str, dict[str, float]]] = {
        "as retrieved": {},
        "pruner": {},
        "both": {},
        "random": {},
    }
    random = np.random.default_rng(seed)
    relevant = {q.id: {str(i): int(p.relevant) for i, p in enumerate(q.passages)} for q in questions}
    given = bench(questions)
    cut = [[units(document.page_content) for document in one.documents] for one in given.asked]
    for question, judged in zip(questions, pruner.judge(given.asked, cut), strict=True):
        scores = np.array([one.score for one in judged], float)
        before = -np.arange(len(scores), dtype=float)
        found = {"as retrieved": before, "pruner": scores, "both": (scaled(before) + scaled(scores)) / 2}
        found["random"] = random.random(len(scores))
        for name, values in found.items():
            runs[name][question.id] = {str(i): float(value) for i, value in enumerate(values)}
    clusters = [question.document for question in questions]
    return {
        name: asdict(
            estimate([one["nDCG@10"] for one in _in_order(evaluate(run, relevant), questions)], clusters)
        )
        for name, run in runs.items()
    }


def _in_order(
    values: Mapping[str, dict[str, float]], questions: Sequence[Question]
) -> list[dict[str, float]]:
    return [values[question.id] for question in questions]


def scaled(values: Floats) -> Floats:
    """Values from 0 to 1; 0 where all are equal."""
    spread = np.ptp(values)
    return (values - values.min()) / spread if spread else np.zeros(len(values))


def latency(
    make: Callable[[str], SentencePruner], tokens: int = 600, passages: int = 5, rounds: int = 12
) -> dict[str, Any]:
    """Least and median seconds for one question with so many passages of so many tokens, by dtype, model loaded.

    `cpu` is the least processor time, of all threads together, which other work on the machine disturbs less. Beside
    them the threads that torch uses and the machine's load, averaged over a minute, before and after.
    """
    import torch

    tokenizer = load_tokenizer("minilm")
    sentence = "The board approved a dividend of 12 cents a share for the third quarter of the year. "
    text = sentence * -(-tokens // tokenizer.count(sentence))
    documents = [Document(page_content=text)] * passages
    found: dict[str, Any] = {"threads": torch.get_num_threads(), "load": [os.getloadavg()[0]]}
    for dtype in ("float32", "bfloat16"):
        pruner, seconds, work = make(dtype), [], []
        for _ in range(rounds + 1):
            started, busy = time.perf_counter(), time.process_time()
            pruner.refine(documents, "What dividend did the board approve?")
            seconds.append(time.perf_counter() - started)
            work.append(time.process_time() - busy)
        found[dtype] = {
            "least": min(seconds[1:]),
            "median": float(np.median(seconds[1:])),
            "cpu": min(work[1:]),
        }
    found["load"].append(os.getloadavg()[0])
    return found


def measure(
    nq: Path, root: Path, pruners: Mapping[str, SentencePruner], name: str = "provence-mini"
) -> dict[str, Any]:
    """All tables as one report."""
    questions = natural_questions(nq, 4)
    located = lara(load(root), 5, ("location",))
    report: dict[str, Any] = {"sets": {}}
    for place, chosen, gold_only in (
        ("nq five passages", questions, False),
        ("nq gold passage", questions, True),
        ("LaRA location", located, False),
    ):
        tune, test = (
            bench([q for q in chosen if q.split == split], gold_only=gold_only) for split in ("tune", "test")
        )
        threshold = threshold_at(worth(pruners[name], tune), tune.bears, GOALS[place][1])
        methods = methods_of(test, pruners)
        report["sets"][place] = {
            "questions": len(test.asked),
            "bearing": int(test.bears.sum()),
            "goal": GOALS[place],
            "threshold": threshold,
            "rows": rows_of(test, methods, threshold, name),
            "curves": {method: curve(values, test) for method, values in methods.items()},
            "thresholds": {
                str(t): [
                    1 - float(test.tokens[methods[name] > t].sum() / test.tokens.sum()),
                    float((methods[name] > t)[test.bears].mean()),
                ]
                for t in (0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
            },
        }
        sys.stdout.write(f"{place}: done\n")
        sys.stdout.flush()
    return report


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write `prune_quality.json` and a page with its plot."""
    from rlc.retrievers.encoders.sentence_transformer import SentenceEncoder
    from rlc.retrievers.prune.lexical import LexicalPruner
    from rlc.retrievers.prune.provence import ProvencePruner
    from rlc.retrievers.prune.sentence import SimilarityPruner

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nq", type=Path, required=True)
    parser.add_argument("--lara", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--ranked", type=int, default=150, help="questions of each set that are reranked")
    given = parser.parse_args(arguments)
    mini = ProvencePruner(dtype=given.dtype)
    pruners: dict[str, SentencePruner] = {
        "lexical": LexicalPruner(),
        "similarity": SimilarityPruner(encoder=SentenceEncoder("minilm")),
        "provence-mini, uncalibrated": ProvencePruner(dtype=given.dtype, calibrated=False),
        "provence-mini": mini,
    }
    report = measure(given.nq, given.lara, pruners)
    ten = [q for q in natural_questions(given.nq, 9) if q.split == "test"][: given.ranked]
    random = np.random.default_rng(0)
    report["reranking"] = {
        "nq, gold among nine BM25 negatives, in random order": reranking(
            [shuffled(question, random) for question in ten], mini
        ),
        "LaRA location, ten passages by BM25": reranking(
            [q for q in lara(load(given.lara), 10, ("location",)) if q.split == "test"][: given.ranked], mini
        ),
    }
    report["latency"] = latency(lambda dtype: ProvencePruner(dtype=dtype))
    sys.stdout.write(
        f"{render_markdown(page(report), pictures=False)}\n{write_files(page(report), given.out)}\n"
    )
    write_json(given.out / FILE, report)


def shuffled(question: Question, random: np.random.Generator) -> Question:
    """The question with its passages in another order."""
    order = random.permutation(len(question.passages))
    return replace(question, passages=tuple(question.passages[i] for i in order))


if __name__ == "__main__":
    main()

"""Does a reader answer as well from pruned passages? Correctness at equal compression, on Natural Questions.

    python -m rlc.experiments.research.prune_correctness --nq FILE --out FILE.json [--questions 150] [--ratio 0.67]

Five passages a question (the gold one and four hard negatives, shuffled), of which every pruner removes the same share
of tokens; the same reader answers from what is left. An answer is `correct` by the rule-based judge, and `contains` an
accepted answer or not, which is how the data set's own authors score.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.documents import Document

from rlc.data.prompt_files import read_prompts
from rlc.data.protocols import LLM, Floats, Tokenizer
from rlc.data.records import Answer, Example
from rlc.data.tokens import load_tokenizer
from rlc.experiments.research.prune_quality import shuffled
from rlc.experiments.research.pruner_data import Question, natural_questions
from rlc.experiments.scorers.base import Score, Scorer, default_scorer
from rlc.experiments.statistics.intervals import correct, difference, estimate
from rlc.pipeline.prompts import rag_prompt
from rlc.pipeline.readers.rag import RagReader
from rlc.retrievers.prune.base import Asked, Judged, Pruner, SentencePruner
from rlc.retrievers.prune.support.checkpoints import MINI, packaged_revision
from rlc.retrievers.prune.support.units import Unit


class KnownWorth(SentencePruner):
    """Keeps the units of the highest worth in a table, (question, passage) -> worths: what references are made of."""

    known: Mapping[tuple[str, str], Floats]

    def judge(self, asked: Sequence[Asked], cut: Sequence[Sequence[Sequence[Unit]]]) -> list[list[Judged]]:
        """The table's worths."""
        return [
            [
                Judged(passage, self.known[one.query, document.page_content])
                for document, passage in zip(one.documents, passages, strict=True)
            ]
            for one, passages in zip(asked, cut, strict=True)
        ]


def references(
    questions: Sequence[Question], ratio: float, tokenizer: Tokenizer, seed: int = 0
) -> dict[str, Pruner]:
    """Random sentences, the passages' first sentences, and the oracle, which fills up with first sentences."""
    random = np.random.default_rng(seed)
    tables: dict[str, dict[tuple[str, str], Floats]] = {"random": {}, "lead": {}, "oracle": {}}
    for question in questions:
        for passage in question.passages:
            key, n = (question.text, passage.text), len(passage.units)
            lead = (1 / (2 + np.arange(n))).astype(np.float32)
            tables["random"][key] = random.random(n, np.float32)
            tables["lead"][key] = lead
            tables["oracle"][key] = lead + (np.array(passage.labels) == 1)
    return {name: KnownWorth(known=known, ratio=ratio, tokenizer=tokenizer) for name, known in tables.items()}


@dataclass(frozen=True)
class Read:
    """One question's answer from what a pruner left: tokens left, whether all that bears the answer is, the text."""

    tokens: int
    whole: bool
    answer: str
    error: str | None = None


def read(
    questions: Sequence[Question], pruner: Pruner | None, llm: LLM, tokenizer: Tokenizer, max_tokens: int
) -> list[Read]:
    """What the reader answers from the questions' passages, pruned or (None) as they are."""
    given = [
        [Document(page_content=p.text, metadata={"title": p.title}) for p in q.passages] for q in questions
    ]
    kept = pruner.prune([q.text for q in questions], given) if pruner else given
    texts = [[document.page_content for document in some] for some in kept]
    prompts = [
        rag_prompt(read_prompts(RagReader), "", some, q.text)
        for some, q in zip(texts, questions, strict=True)
    ]
    return [
        Read(
            tokens=sum(map(tokenizer.count, some)),
            whole=all(piece in "\n".join(some) for piece in bearing(question)),
            answer=generation.text,
            error=generation.error,
        )
        for question, some, generation in zip(
            questions, texts, llm.generate(prompts, max_tokens=max_tokens), strict=True
        )
    ]


def bearing(question: Question) -> list[str]:
    """The sentences of a question's passages that bear the answer."""
    return [
        passage.text[unit.start : unit.end].strip()
        for passage in question.passages
        for unit, label in zip(passage.units, passage.labels, strict=True)
        if label == 1
    ]


def scores(questions: Sequence[Question], found: Sequence[Read], scorer: Scorer) -> list[Score]:
    """The judge's scores of the answers."""
    nothing = Document(page_content="", id="unread")
    return [
        scorer(Example(q.id, q.text, nothing, q.answers), Answer(one.answer, "rag", error=one.error))
        for q, one in zip(questions, found, strict=True)
    ]


def rows_of(
    questions: Sequence[Question], reads: Mapping[str, Sequence[Read]], scorer: Scorer, name: str
) -> list[dict[str, Any]]:
    """One row a method: tokens read, retention, correctness two ways, and the paired difference of `name` to it."""
    clusters = [question.document for question in questions]
    judged = {method: scores(questions, found, scorer) for method, found in reads.items()}
    contains = {method: [float(bool(one.contains)) for one in found] for method, found in judged.items()}
    others = [method for method in reads if method != name]
    gaps = correct([difference(contains[name], contains[m], clusters) for m in others])
    called = dict(zip(others, gaps, strict=True))
    return [
        {
            "method": method,
            "tokens": float(np.mean([one.tokens for one in found])),
            "whole": float(np.mean([one.whole for one in found])),
            "correct": asdict(estimate([float(bool(one.correct)) for one in judged[method]], clusters)),
            "contains": asdict(estimate(contains[method], clusters)),
            "difference": asdict(called[method]) if method in called else None,
        }
        for method, found in reads.items()
    ]


def stored(file: Path, settings: Mapping[str, object]) -> dict[str, list[Read]]:
    """The answers that a run with the same settings has left there, by method; other weights' are asked anew."""
    if not file.is_file():
        return {}
    report = json.loads(file.read_text(encoding="utf-8"))
    if report["settings"] != settings:
        return {}
    return {
        method: [Read(**one) for one in found]
        for method, found in report["reads"].items()
        if method != MINI or report["revision"] == packaged_revision()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the rows as JSON; a method that has answered is written at once and not asked again."""
    from rlc.pipeline.llms.hf import HfLLM
    from rlc.retrievers.encoders.sentence_transformer import SentenceEncoder
    from rlc.retrievers.prune.lexical import LexicalPruner
    from rlc.retrievers.prune.provence import ProvencePruner
    from rlc.retrievers.prune.sentence import SimilarityPruner

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nq", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--questions", type=int, default=150)
    parser.add_argument("--ratio", type=float, default=0.67)
    parser.add_argument("--max-tokens", type=int, default=24, help="of an answer")
    parser.add_argument(
        "--dtype", default="float32", choices=("float32", "bfloat16"), help="of provence-mini"
    )
    given = parser.parse_args(arguments)
    random = np.random.default_rng(0)
    tested = [q for q in natural_questions(given.nq, 4) if q.split == "test"][: given.questions]
    questions = [shuffled(question, random) for question in tested]
    tokenizer, scorer, llm = load_tokenizer("minilm"), default_scorer(), HfLLM(given.model)
    budget: dict[str, Any] = {"ratio": given.ratio, "tokenizer": tokenizer}
    pruners: dict[str, Pruner | None] = {
        "none": None,
        **references(questions, given.ratio, tokenizer),
        "similarity": SimilarityPruner(encoder=SentenceEncoder("minilm"), **budget),
        "lexical": LexicalPruner(**budget),
        MINI: ProvencePruner(dtype=given.dtype, **budget),
    }
    settings = {
        "reader": given.model,
        "questions": len(questions),
        "ratio": given.ratio,
        "max_tokens": given.max_tokens,
    }
    reads = stored(given.out, settings)
    for name, pruner in pruners.items():
        if name not in reads:
            reads[name] = read(questions, pruner, llm, tokenizer, given.max_tokens)
        rows = rows_of(questions, reads, scorer, name)
        answers = {method: [asdict(one) for one in found] for method, found in reads.items()}
        report = {"settings": settings, "revision": packaged_revision(), "rows": rows, "reads": answers}
        given.out.write_text(json.dumps(report, indent=1) + "\n")
        sys.stdout.write(f"{name}: done\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

"""What a learned router knows of questions, stage by stage: before any answer, after the RAG answer, after both, with a panel."""

from collections.abc import Sequence
from typing import Any

from rlc.data.protocols import Reader, Retrieved, retrieve
from rlc.data.records import Answer, Example, evidence_in
from rlc.pipeline.routers.support.answer_features import answer_features, pair_features, panel_features
from rlc.pipeline.routers.support.features import features, text_of

Known = dict[str, Any]


def known_before(examples: Sequence[Example], found: Sequence[Retrieved]) -> list[Known]:
    """The features of each example; every document is taken apart once."""
    return [
        features(
            example.question,
            text_of(example.document.page_content),
            evidence_in(example.document_id, searched.evidence),
        )
        for example, searched in zip(examples, found, strict=True)
    ]


def with_rag(
    known: Sequence[Known], examples: Sequence[Example], found: Sequence[Retrieved], rag: Sequence[str]
) -> list[Known]:
    """What was known before, and what the RAG answers say of themselves."""
    said = _said(examples, found, rag, "answer")
    return [row | own for row, own in zip(known, said, strict=True)]


def with_long(
    known: Sequence[Known],
    examples: Sequence[Example],
    found: Sequence[Retrieved],
    rag: Sequence[str],
    long: Sequence[str],
) -> list[Known]:
    """What was known with the RAG answers, what the long ones say against the same passages, and how both differ."""
    said = _said(examples, found, long, "long_answer")
    return [
        row | own | pair_features(first, second)
        for row, own, first, second in zip(known, said, rag, long, strict=True)
    ]


def with_panel(
    known: Sequence[Known], rag: Sequence[str], long: Sequence[str], panel: Sequence[Sequence[str]]
) -> list[Known]:
    """What was known with both answers, and how a panel's answers to each question agree with them."""
    return [
        row | panel_features(first, second, others)
        for row, first, second, others in zip(known, rag, long, panel, strict=True)
    ]


def _said(
    examples: Sequence[Example], found: Sequence[Retrieved], answers: Sequence[str], name: str
) -> list[Known]:
    return [
        answer_features(
            example.question,
            answer,
            text_of(example.document.page_content),
            evidence_in(example.document_id, searched.evidence),
            name,
        )
        for example, searched, answer in zip(examples, found, answers, strict=True)
    ]


def evidence_of(rag: Reader, examples: Sequence[Example], answers: Sequence[Answer]) -> list[Retrieved]:
    """What the answers were given on; the reader is asked for it only where an answer does not say."""
    silent = [i for i, answer in enumerate(answers) if not answer.evidence]
    shown = dict(zip(silent, retrieve(rag, [examples[i] for i in silent]) if silent else [], strict=True))
    return [shown[i] if i in shown else Retrieved(answer.evidence) for i, answer in enumerate(answers)]

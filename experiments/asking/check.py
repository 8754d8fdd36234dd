"""The second pass over made questions: kept is what needs its document and is answered by what was quoted."""

from collections.abc import Sequence

from rlc.data.protocols import LLM
from rlc.data.records import Document, Example, document_name
from rlc.experiments.asking.draw import cut
from rlc.experiments.asking.made import MadeQuestion, Passage, drop
from rlc.experiments.scorers.base import default_scorer
from rlc.pipeline.readers.closed import ClosedBookReader
from rlc.pipeline.readers.long import LongReader
from rlc.retrievers import BM25Retriever

FOUND = 5  # passages that are searched for where its document must not answer a question
BETWEEN = "\n\n"


def check_questions(questions: Sequence[MadeQuestion], llm: LLM, seed: int = 0) -> list[MadeQuestion]:
    """Answer every question closed-book and from its quotes alone, judge both by rule, and mark what is dropped.

    A question that its document does not answer is asked on the passage it was made from and on those of the document that
    a search finds for it: the reader must say so. What a search does not find in a long document is not seen.
    """
    held = [one for one in questions if not one.dropped]
    texts = _texts(held)
    examples = [
        _example(one, text, str(place)) for place, (one, text) in enumerate(zip(held, texts, strict=True))
    ]
    score = default_scorer()
    closed = ClosedBookReader(llm, seed=seed)(examples)
    read = LongReader(llm, seed=seed)(examples)
    verdicts = {}
    for one, example, alone, with_it in zip(held, examples, closed, read, strict=True):
        if alone.error or with_it.error:
            why = f"the second pass failed: {alone.error or with_it.error}"
        elif one.answer and score(example, alone).correct:
            why = "is answered without the document"
        elif not score(example, with_it).correct:
            why = (
                "is not answered by what was quoted"
                if one.answer
                else "is answered by what its document tells"
            )
        else:
            why = ""
        verdicts[id(one)] = why
    return [drop(one, why) if (why := verdicts.get(id(one), "")) else one for one in questions]


def _texts(questions: Sequence[MadeQuestion]) -> list[str]:
    """What each question must be answered from, or must not."""
    wanted: dict[str, list[MadeQuestion]] = {}
    for one in questions:
        if not one.answer:
            wanted.setdefault(document_name(one.document), []).append(one)
    near: dict[int, list[Passage]] = {}
    for group in wanted.values():
        near |= {id(one): places for one, places in zip(group, find(group), strict=True)}
    return [
        BETWEEN.join(one.quotes) if one.answer else BETWEEN.join(place.text for place in near[id(one)])
        for one in questions
    ]


def find(questions: Sequence[MadeQuestion]) -> list[list[Passage]]:
    """For each question on one document, the passage it was made from and the `FOUND` that BM25 finds, in their order."""
    places = {str(place): one for place, one in enumerate(cut(questions[0].document))}
    chunks = [Document(id=name, page_content=one.text) for name, one in places.items()]
    found = BM25Retriever.from_documents(chunks, k=FOUND).search([one.question for one in questions])
    return [
        sorted(
            {one.start: one for one in [*made.passages, *(places[str(hit.id)] for hit in hits)]}.values(),
            key=lambda one: one.start,
        )
        for made, hits in zip(questions, found, strict=True)
    ]


def _example(one: MadeQuestion, text: str, name: str) -> Example:
    kind = one.document.metadata.get("kind", "document")
    document = Document(id=f"quoted-{name}", page_content=text, metadata={"kind": kind, "title": "quotes"})
    return Example(
        name,
        one.question,
        document,
        (one.answer,) if one.answer else (),
        one.kind,
        answerable=bool(one.answer),
    )

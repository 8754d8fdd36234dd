"""The second pass over made questions: kept is what needs its document and is answered by what was quoted."""

from collections.abc import Sequence

from rlc.data.protocols import LLM
from rlc.data.records import Document, Example
from rlc.experiments.asking.made import MadeQuestion, drop
from rlc.experiments.scorers.base import default_scorer
from rlc.pipeline.readers.closed import ClosedBookReader
from rlc.pipeline.readers.long import LongReader


def check_questions(questions: Sequence[MadeQuestion], llm: LLM, seed: int = 0) -> list[MadeQuestion]:
    """Answer every question closed-book and from its quotes alone, judge both by rule, and mark what is dropped.

    A question that its document does not answer is asked on the passage it was made from: the reader must say so.
    """
    held = [one for one in questions if not one.dropped]
    examples = [_example(one, str(place)) for place, one in enumerate(held)]
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
            why = "is not answered by what was quoted" if one.answer else "is answered where nothing is told"
        else:
            why = ""
        verdicts[id(one)] = why
    return [drop(one, why) if (why := verdicts.get(id(one), "")) else one for one in questions]


def _example(one: MadeQuestion, name: str) -> Example:
    text = "\n\n".join(one.quotes) if one.answer else one.passages[0].text
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

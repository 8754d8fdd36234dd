"""The one loop: every reader answers every example, document by document."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from rlc.data.errors import MISTAKES, STOPPING, RlcError, describe
from rlc.data.protocols import Reader
from rlc.data.records import Answer, Dataset, Example, Usage, by_document
from rlc.experiments.runs.results import row
from rlc.experiments.runs.rows import Rows
from rlc.experiments.scorers.base import Score, Scorer, default_scorer

OnBatch = Callable[[str, Sequence[Example], Sequence[Answer]], None]
Schedule = Iterable[tuple[str, Sequence[Example]]]
"""Who is asked what, in turn: a reader's name and a batch of examples."""
Answering = Iterable[tuple[str, Sequence[Example], Sequence[Answer]]]
"""Who has answered what, as it arrives: a reader's name, a batch of examples, an answer to each."""

PATIENCE = 3  # times that the same one is taken for the question's fault


def answer_all(
    readers: Mapping[str, Reader],
    dataset: Dataset,
    *,
    scorer: Scorer | None = None,
    on_batch: OnBatch | None = None,
    schedule: Schedule | None = None,
) -> pl.DataFrame:
    """Let every reader answer every example, and score the answers.

    A batch is all questions on one document, so that an engine can keep what it has computed for it. A question
    on which a reader fails is a row with an `error` and no metrics; it never goes missing.

    Args:
        readers: name to reader, in the order in which they answer a batch (arms before the routers over them).
        dataset: the examples.
        scorer: what scores an answer; by default the data set's measures, and the rule-based judge where it has none.
        on_batch: told about every finished batch: the reader's name, its examples, their answers.
        schedule: the order of the work; by default document by document, all readers in turn.

    Returns:
        One row per reader and example, sorted by reader (as given) and example; the columns are
        `rlc.experiments.runs.results.COLUMNS`.

    Raises:
        RlcError: what would fail every question alike, such as an engine that cannot be reached.
    """
    order = document_schedule(readers, dataset.examples) if schedule is None else schedule
    return scored_rows(answer_in_turn(readers, order), dataset, scorer, on_batch).frame(list(readers))


def answer_in_turn(readers: Mapping[str, Reader], schedule: Schedule) -> Answering:
    """Let the readers of this process answer one batch after the other."""
    mistakes: Counter[str] = Counter()
    return ((name, examples, answer_each(readers[name], examples, mistakes)) for name, examples in schedule)


def scored_rows(
    answering: Answering,
    dataset: Dataset,
    scorer: Scorer | None = None,
    on_batch: OnBatch | None = None,
    on_rows: Callable[[Rows, Sequence[Example]], None] | None = None,
    rows: Rows | None = None,
) -> Rows:
    """The rows of answers as they arrive, which wait on disk until they are written: in `rows`, or in nameless ones.

    `on_rows` is told of the rows so far, and whose have just been put there.
    """
    score = scorer or default_scorer(dataset.measures)
    rows = rows or Rows()
    for name, examples, answers in answering:
        if on_batch:
            on_batch(name, examples, answers)
        rows.add(
            scored_row(name, example, answer, score)
            for example, answer in zip(examples, answers, strict=True)
        )
        if on_rows:
            on_rows(rows, examples)
    return rows


def scored_row(name: str, example: Example, answer: Answer, score: Scorer) -> dict[str, Any]:
    """The row of one answer; what cannot be judged, or has no place in the table, fails this answer alone."""
    try:
        return row(name, example, answer, score(example, answer))
    except Exception as error:  # noqa: BLE001 - an answer's text is anything, and no text may stop the run
        failed = replace(
            answer,
            usage=Usage(),
            evidence=(),
            details={},
            seal="",
            error=f"cannot be judged or counted: {describe(error)}",
        )
        return row(name, example, failed, Score(reason="failed"))


def document_schedule(
    names: Iterable[str], examples: Sequence[Example], together: int = 1
) -> Iterator[tuple[str, list[Example]]]:
    """Document by document, so that an engine can keep what it has computed for it; every reader in turn.

    An engine that answers questions on several documents side by side is faster for `together` documents a batch.
    """
    names = list(names)
    return ((name, batch) for batch in batches(examples, together) for name in names)


def batches(examples: Sequence[Example], together: int = 1) -> Iterator[list[Example]]:
    """The questions of so many documents at a time, each document's next to each other, in the order of their first.

    Raises:
        ValueError: if `together` is below 1.
    """
    if together < 1:
        raise ValueError(f"a batch holds at least 1 document, got {together}")
    documents = list(by_document(examples).values())
    for first in range(0, len(documents), together):
        yield [example for document in documents[first : first + together] for example in document]


def answer_each(
    reader: Reader, examples: Sequence[Example], mistakes: Counter[str] | None = None
) -> list[Answer]:
    """Answer a batch; every question gets an answer, which may be a failure.

    A batch that fails by an error of rlc's own kind is asked again one by one, so that one bad question costs only
    itself. Any other exception would come again and be paid for again: it fails the batch. `mistakes` counts those that
    can only be a mistake in the code, over all batches.

    Raises:
        RlcError: what would fail every question alike, or the same mistake for the third time.
    """
    try:
        answers = reader(examples)
    except STOPPING:
        raise
    except RlcError as error:
        if len(examples) > 1:
            return [answer for example in examples for answer in answer_each(reader, [example], mistakes)]
        return [_failed(error)]
    except Exception as error:
        if isinstance(error, MISTAKES) and mistakes is not None:
            mistakes[describe(error)] += 1
            if mistakes[describe(error)] == PATIENCE:
                raise RlcError(
                    f"the same mistake {PATIENCE} times, which is one in the code and not in the questions: "
                    f"{describe(error)}; what is answered is stored. Mend the reader, then run the same command again"
                ) from error
        return [_failed(error) for _ in examples]
    if len(answers) != len(examples):
        raise RlcError(
            f"a reader returned {len(answers)} answers to {len(examples)} questions; it must return one each, in order"
        )
    return [_spoken(answer) for answer in answers]


def _failed(error: Exception) -> Answer:
    return Answer("", "", finish_reason="error", error=describe(error))


def _spoken(answer: Answer) -> Answer:
    """A model that said nothing has failed; a wrong answer is something else."""
    if answer.error is None and not answer.text.strip():
        return replace(answer, error="EmptyAnswer: the model returned no text")
    return answer

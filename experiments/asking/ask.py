"""From documents to a file of questions: drawn, written, checked, with a page to look through."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from rlc.data.errors import DataError, StoreError
from rlc.data.protocols import LLM
from rlc.data.records import Document, document_name
from rlc.data.written import written
from rlc.experiments.asking.check import FOUND, check_questions
from rlc.experiments.asking.cloze import cloze_questions
from rlc.experiments.asking.draw import cut, draws
from rlc.experiments.asking.made import MadeQuestion, as_row, without_duplicates, write_questions
from rlc.experiments.asking.writer import TOKENS, QuestionWriter
from rlc.experiments.report.render import render_questions
from rlc.pipeline.readers.closed import ClosedBookReader

TRIES = 4  # draws for every question that is wanted, where many are dropped
BATCH = 16  # questions written, then checked, at a time


@dataclass(frozen=True)
class Asked:
    """What was written: how many questions by kind, and why others were dropped."""

    file: Path
    page: Path
    kept: Mapping[str, int]
    dropped: Mapping[str, int]


def write_with(
    llm: LLM,
    documents: Mapping[str, Document],
    kinds: Sequence[str],
    count: int,
    seed: int,
    tell: Callable[[int, int], None],
) -> list[MadeQuestion]:
    """Let a model write questions until so many are kept, or four times as many were tried.

    `tell` hears after every batch how many were kept and tried.
    """
    writer = QuestionWriter(llm, seed=seed)
    source = draws(documents, kinds, seed)
    made: list[MadeQuestion] = []
    kept = 0
    while kept < count and (drawn := list(islice(source, min(BATCH, TRIES * count - len(made))))):
        fresh = without_duplicates(writer.write(drawn), made)
        for one in check_questions(fresh, llm, seed):
            if kept < count:  # what a batch has beyond is neither kept nor dropped
                made.append(one)
                kept += not one.dropped
        tell(kept, len(made))
    return made


def by_rule(documents: Mapping[str, Document], count: int, seed: int) -> list[MadeQuestion]:
    """Make questions by rule: gaps in sentences; nothing is checked by a model."""
    return without_duplicates(cloze_questions(documents, count, seed))


@dataclass(frozen=True)
class Bill:
    """What asking costs at most: prompts, prompt tokens, new tokens."""

    prompts: int
    prompt_tokens: int
    output_tokens: int


def bill(llm: LLM, documents: Mapping[str, Document], kinds: Sequence[str], count: int, seed: int) -> Bill:
    """Bound what `write_with` asks: every draw is written, then answered twice, from its quotes and without them.

    Where nothing is to be quoted it is answered from as many passages as are searched for.
    """
    drawn = list(islice(draws(documents, kinds, seed), TRIES * count))
    written_tokens = sum(map(llm.count, QuestionWriter(llm).prompts(drawn)))
    length = ClosedBookReader(llm).max_tokens
    # A question and the prompt around it are bounded by what the writer may write and as much again.
    read = sum(2 * 2 * TOKENS + llm.tokenizer.count(one.text) for _, passages in drawn for one in passages)
    searched = Counter(
        document_name(passages[0].document) for kind, passages in drawn if kind == "unanswerable"
    )
    for name, questions in searched.items():
        read += FOUND * questions * max(llm.tokenizer.count(place.text) for place in cut(documents[name]))
    return Bill(3 * len(drawn), written_tokens + read, len(drawn) * (TOKENS + 2 * length))


def publish(made: Sequence[MadeQuestion], file: Path, title: str, said: str, advice: str) -> Asked:
    """Write the questions that are kept, and the page beside them.

    Raises:
        DataError: where none is kept, with advice.
        StoreError: where a file cannot be written.
    """
    kept = [one for one in made if not one.dropped]
    dropped = [one for one in made if one.dropped]
    reasons = Counter(one.dropped.partition(":")[0] for one in dropped)
    if not kept:
        why = (
            "; ".join(f"{name}: {n}" for name, n in reasons.most_common())
            or "no sentence has a name or figure of its own"
        )
        raise DataError(f"no question was kept of {len(made)} tried ({why}): {advice}")
    write_questions(kept, file)
    page = file.with_suffix(".html")
    text = render_questions(title, said, kept, dropped, [as_row(one) for one in kept])
    try:
        with written(page) as draft:
            draft.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot write {page}: {error}; give another place with --out") from error
    return Asked(file, page, Counter(one.kind for one in kept), reasons)

"""A run's answers before its judge: what it is shown of every row, and the rows with what it found."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import polars as pl

from rlc.data.lanes import Lanes
from rlc.data.records import Answer, Dataset, Document, Example, Usage
from rlc.data.spec import Spec
from rlc.data.store import Store
from rlc.data.text.escape import shorten
from rlc.experiments.judges.base import NOT_JUDGED, Case, Judge, check_self
from rlc.experiments.judges.nuggets import FACTS
from rlc.experiments.judges.pairwise import LOST, WON
from rlc.experiments.judges.support.asking import (
    FAILURES,
    Judging,
    OnBatch,
    key_of,
    verdicts_of,
    verdicts_there,
)
from rlc.experiments.judges.support.naming import identity_of, label_of
from rlc.experiments.judges.support.second_opinion import models_in
from rlc.experiments.metrics.cost import PRICED
from rlc.experiments.metrics.pricing import Sheet
from rlc.experiments.runs.results import SCHEMA, evidence_of
from rlc.experiments.scorers.measured import RULE
from rlc.experiments.scorers.rule import Verdict
from rlc.pipeline.families import role_of
from rlc.pipeline.identity import identity
from rlc.pipeline.readers.support.stored import keys_of

NEEDED = ("reader", "example_id", "prediction", "route", "evidence", "error")
READS_ALL = ("long", "both")  # without evidence it was the whole document
NOTHING = Answer("", "")
LONGEST_REPLY = 160  # characters of a reply that is no verdict
NO_VERDICT = "the reply is no verdict"
NOT_AT_HAND = f"{NOT_JUDGED}: a text that was read is not in the data set"

Row = tuple[str, str]
"""A reader's name and a question's id."""
Ask = Callable[[Mapping[str, Case], Judging], dict[str, Verdict]]
"""Gives the verdicts on cases, by their keys."""


@dataclass(frozen=True)
class Found:
    """What the judge makes of one row: its figure, None where it gave none, and why."""

    value: float | None
    note: str


@dataclass(frozen=True)
class Findings:
    """What the judge found: by row, and what its verdicts cost, those of earlier runs with them."""

    judge: str
    rows: Mapping[Row, Found]
    usage: Usage

    def fill(self, frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """The rows with the judge's figure as their value; what another measure found stands among their parts."""
        return map(self._filled, frames)

    def _filled(self, frame: pl.DataFrame) -> pl.DataFrame:
        columns = ("reader", "example_id", "measure", "value", "parts")
        values, notes, parts = [], [], []
        for reader, example_id, measure, value, told in frame.select(columns).iter_rows():
            found = self.rows.get((reader, example_id), Found(None, ""))
            other = {} if measure == RULE or value is None else {measure: value}
            values.append(found.value)
            notes.append(found.note)
            parts.append(json.dumps({**json.loads(told), **other}, sort_keys=True))
        return frame.with_columns(
            pl.Series("value", values, SCHEMA["value"]),
            pl.Series("note", notes, SCHEMA["note"]),
            pl.Series("parts", parts, SCHEMA["parts"]),
            measure=pl.lit(self.judge),
            made_of=pl.lit(None, SCHEMA["made_of"]),  # the judge's verdict is no part of the digest
        )

    @property
    def record(self) -> dict[str, Any]:
        """What provenance tells of it."""
        told = [found for found in self.rows.values() if found.value is not None]
        failed = sum(found.note.startswith(NOT_JUDGED) for found in self.rows.values())
        tokens = {name: getattr(self.usage, name) for name in ("calls", *PRICED)}
        return {"judged": len(told), "not_judged": failed, **tokens}


@dataclass(frozen=True)
class RunJudge:
    """The judge of a run: its completed spec, the data, the readers' completed specs, whose answers it judges, and prices."""

    spec: Spec
    dataset: Dataset
    readers: Mapping[str, Spec]
    sheet: Sheet = field(default_factory=dict)

    @cached_property
    def judge(self) -> Judge:
        """The judge itself, which loads nothing before it is asked.

        Raises:
            UsageError: if a model would judge its own answers, or a function is code that is not allowed.
        """
        judge = Judging(self.spec).judge()
        check_self(judge, models_in(dict(self.readers)))
        return judge

    @cached_property
    def _examples(self) -> Mapping[str, Example]:
        return {example.id: example for example in self.dataset.examples}

    @cached_property
    def _roles(self) -> Mapping[str, str]:
        return {name: role_of(spec) for name, spec in self.readers.items()}

    def find(
        self,
        frames: Iterable[pl.DataFrame],
        store: Store,
        lanes: Lanes,
        *,
        resume: bool = True,
        on_batch: OnBatch = lambda *_: None,
    ) -> Findings:
        """Judge all rows that hold an answer; equal answers from equal texts are one case, and asked about once.

        Raises:
            EngineUnavailableError: if the judge cannot answer at all; verdicts already given are stored.
        """
        ask = partial(verdicts_of, store=store, lanes=lanes, resume=resume, on_batch=on_batch)
        return self._findings(dict(_answers(frames)), ask)

    def spent(self, store: Store) -> Usage:
        """What the stored verdicts on the stored answers have cost; nothing is asked."""
        answers: dict[Row, Answer] = {}
        for reader, spec in self.readers.items():
            keys = keys_of(identity(spec), self.dataset.examples)
            known = store.get(keys)
            pairs = zip(self.dataset.examples, keys, strict=True)
            answers |= {(reader, example.id): known[key] for example, key in pairs if key in known}
        return self._findings(answers, lambda cases, _: verdicts_there(cases, store)).usage

    def _findings(self, answers: Mapping[Row, Answer], ask: Ask) -> Findings:
        """What is found of all rows; equal answers from equal texts are one case."""
        cases = {row: case for row, answer in answers.items() if (case := self._case(row, answer))}
        found = {row: Found(None, NOT_AT_HAND) for row in answers.keys() - cases.keys()}
        usage = Usage()
        if hasattr(self.judge, "first"):
            questions = {row: replace(case, answer=NOTHING) for row, case in cases.items()}
            lists = ask(
                {self._key(one): one for one in questions.values()},
                Judging(self.spec, first=True, sheet=self.sheet),
            )
            told = {row: lists[self._key(one)] for row, one in questions.items()}
            found |= {row: _found([one]) for row, one in told.items() if one.correct is None}
            cases = {
                row: replace(case, facts=tuple(json.loads(told[row].source[FACTS])))
                for row, case in cases.items()
                if row not in found
            }
            usage = Usage.total(one.usage for one in lists.values())
        if self.judge.prefers:
            compared = self._compared(cases)
        else:
            compared = {row: [(case, False)] for row, case in cases.items()}
        verdicts = ask(
            {self._key(case): case for own in compared.values() for case, _ in own},
            Judging(self.spec, sheet=self.sheet),
        )
        for row, own in compared.items():
            given = [verdicts[self._key(case)] for case, _ in own]
            found[row] = _found(
                [_turned(one) if turned else one for one, (_, turned) in zip(given, own, strict=True)]
            )
        spent = Usage.total([usage, *(verdict.usage for verdict in verdicts.values())])
        return Findings(label_of(self.spec), found, spent)

    def _compared(self, cases: Mapping[Row, Case]) -> dict[Row, list[tuple[Case, bool]]]:
        """Each row's answer beside those of the other arms of its group; whether the pair is turned round.

        A router hands on an arm's answer, and is held against the others as that arm is. A pair of answers is one case
        whoever gave them, so the lesser text stands first in it.
        """
        said: defaultdict[Row, Counter[str]] = defaultdict(Counter)
        for (reader, example_id), case in cases.items():
            if self._roles.get(reader) != "router":
                said[_group(reader), example_id][case.answer.text] += 1
        return {
            (reader, example_id): [
                (replace(case, answer=Answer(min(text, rival), ""), rival=max(text, rival)), text > rival)
                for text in [case.answer.text]
                for rival in sorted((said[_group(reader), example_id] - Counter([text])).elements())
            ]
            for (reader, example_id), case in cases.items()
        }

    @cached_property
    def _identity(self) -> str:
        return identity_of(self.spec)

    def _key(self, case: Case) -> str:
        return key_of(self._identity, case)

    def _case(self, row: Row, answer: Answer) -> Case | None:
        """What the judge is shown of a row; None where a text that was read is not at hand."""
        example = self._examples[row[1]]
        read = self._read(row[0], example, answer) if self.judge.reads else ""
        shown = replace(
            example, document=Document(id=example.document_id, page_content="")
        )  # lanes are sent it
        return None if read is None else Case(shown, Answer(answer.text, ""), read)

    def _read(self, reader: str, example: Example, answer: Answer) -> str | None:
        """What the reader was given: its passages, numbered, or the whole document, which may have been cut to the window."""
        if not answer.evidence:
            names = (answer.route, f"{_group(reader)}/{answer.route}", reader)
            role = next((self._roles[name] for name in names if name in self._roles), "other")
            return example.document.page_content if role in READS_ALL else ""
        texts = []
        for piece in answer.evidence:
            own = piece.document_id == example.document_id
            document = example.document if own else self.dataset.documents.get(piece.document_id)
            if document is None:
                return None
            texts.append(document.page_content[piece.start : piece.end])
        return "\n\n".join(f"[{i}] {text}" for i, text in enumerate(texts, start=1))


def _answers(frames: Iterable[pl.DataFrame]) -> Iterator[tuple[Row, Answer]]:
    for frame in frames:
        for row in frame.filter(pl.col("error").is_null()).select(NEEDED).iter_rows(named=True):
            answer = Answer(row["prediction"], row["route"], evidence_of(row["evidence"]))
            yield (row["reader"], row["example_id"]), answer


def _group(reader: str) -> str:
    return reader.rpartition("/")[0]


def _turned(verdict: Verdict) -> Verdict:
    """What a preference says of the other answer."""
    if verdict.correct is None:
        return verdict
    reason = {WON: "preferred", LOST: "not preferred"}.get(1 - verdict.score, verdict.reason)
    return replace(verdict, score=1 - verdict.score, reason=reason)


def _found(verdicts: Sequence[Verdict]) -> Found:
    """The mean of a row's verdicts, which are several where its answer is held against several others."""
    given = [one for one in verdicts if one.correct is not None]
    if given:
        reasons = Counter(one.reason for one in given)
        note = ", ".join(f"{reason} {count}x" if count > 1 else reason for reason, count in reasons.items())
        return Found(sum(one.score for one in given) / len(given), note)
    if not verdicts:
        return Found(None, "no other answer")
    [first, *_] = verdicts
    if first.reason in FAILURES:
        said = shorten(" ".join(first.source.get("reply", "").split()), LONGEST_REPLY)
        return Found(None, f"{NOT_JUDGED}: {first.source.get('error', f'{NO_VERDICT}: {said!r}')}")
    return Found(None, first.reason)

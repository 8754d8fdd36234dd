"""A second opinion on a stored run: a language model judges its rows, beside the rule judge's verdicts."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from rlc.data.child import ChildDiedError
from rlc.data.errors import DataError, StoreError, describe
from rlc.data.lanes import Lanes, Task
from rlc.data.plain import parse_json
from rlc.data.prompt_files import ENGLISH
from rlc.data.protocols import LLM
from rlc.data.records import Answer, Document, Example
from rlc.data.spec import Spec
from rlc.experiments.scorers.llm import (
    MAX_TOKENS,
    NOT_JUDGED,
    UNPARSED,
    VERSION,
    Kappa,
    LLMJudge,
    kappa,
)
from rlc.experiments.scorers.rule import Verdict
from rlc.pipeline.families import BUILDER
from rlc.pipeline.families import LLM as ENGINE

BATCH = 32  # answers judged between two writes; a kill loses at most so many
NEEDED = [
    "reader",
    "example_id",
    "document_id",
    "question",
    "answers",
    "task",
    "answerable",
    "prediction",
    "route",
    "error",
]


@dataclass(frozen=True)
class SecondOpinion:
    """What the model said, and how far it agrees with the rules.

    `failed` answers got no verdict, as the model failed on them; `problem` is the first thing that went wrong.
    `prompts` says whose prompts were used: the commit of the data set's authors, or empty for this project's. `accepted` counts the
    replies that the authors' looser reading takes for a yes, None where the prompts are not theirs.
    `agreement` is None where no answer was judged by both. `by_reader` holds, per reader, the share judged right by the model and the number of verdicts behind it.
    """

    judge: str
    file: Path
    judged: int
    unparsed: int
    failed: int
    problem: str
    agreement: Kappa | None
    by_reader: Mapping[str, tuple[float | None, int]]
    prompts: str = ""
    accepted: int | None = None


@dataclass(frozen=True)
class Asked:
    """A row of the run whose answer is to be judged, and the key of its verdict."""

    row: Mapping[str, Any]
    key: str


@dataclass(frozen=True)
class Judging:
    """The work of judging in lanes: an engine's completed spec, and the judge's other settings."""

    spec: Spec
    settings: Mapping[str, Any]

    def open(self, store: object = None) -> Callable[[str, Sequence[Asked]], list[Verdict]]:  # noqa: ARG002
        """Make the judge; a batch is judged whatever it is called."""
        judge = LLMJudge(BUILDER.build(self.spec, ENGINE, "judge"), **self.settings)
        return lambda _, batch: _judged(judge, batch)


def second_opinion(
    folder: Path,
    frame: pl.DataFrame,
    llm: LLM,
    *,
    allow_self: bool = False,
    max_tokens: int = MAX_TOKENS,
    prompt: str = ENGLISH,
    elsewhere: tuple[Lanes, Spec] | None = None,
) -> SecondOpinion:
    """Let a language model judge a run's answers; every verdict is kept in the run's folder, and asked for once.

    Where the model fails there is no verdict, nothing is kept, and the next time asks again. `elsewhere` are lanes that ask
    engines of their own, made of the completed spec; None asks `llm` here. `prompt` is a language in which the judge's prompts
    ship, or a file of prompts.

    The file `judge-MODEL.jsonl` has a line per verdict: reader, example id, verdict, reason, and its source (model,
    version of the prompts and of the parsing, prompt hash).

    Raises:
        UsageError: if the model would judge its own answers and `allow_self` is not set.
        StoreError: if the folder cannot be written; verdicts already given are safe.
    """
    settings: dict[str, Any] = {
        "evaluated": _evaluated(folder),
        "allow_self": allow_self,
        "max_tokens": max_tokens,
        "dataset": _dataset(folder),
        "prompt": prompt,
    }
    judge = LLMJudge(llm, **settings)
    file = folder / f"judge-{''.join(c if c.isalnum() or c in '-_.' else '-' for c in llm.name)}.jsonl"
    known = _read(file)
    # What is asked in the words that ship first has the keys of before there were others.
    worded = [] if prompt == ENGLISH else [judge.texts.digest]
    all_asked = [Asked(row, _key(row, judge, worded)) for row in frame.select(NEEDED).iter_rows(named=True)]
    missing = [asked for asked in all_asked if asked.key not in known]
    batches = [missing[start : start + BATCH] for start in range(0, len(missing), BATCH)]
    if elsewhere:
        lanes, spec = elsewhere
        arriving = _judged_in_lanes(lanes, Judging(spec, settings), batches)
    else:
        arriving = ((batch, _judged(judge, batch)) for batch in batches)
    for batch, fresh in arriving:
        given = [pair for pair in zip(batch, fresh, strict=True) if pair[1].reason != NOT_JUDGED]
        _append(file, given)
        known |= {asked.key: verdict for asked, verdict in zip(batch, fresh, strict=True)}
    verdicts = {(asked.row["reader"], asked.row["example_id"]): known[asked.key] for asked in all_asked}
    opinion = _compare(llm.name, file, frame, verdicts)
    if judge.authors is None:
        return opinion
    accepted = sum(verdict.source.get("authors_say") == "yes" for verdict in verdicts.values())
    return replace(opinion, prompts=judge.authors.upstream, accepted=accepted)


def _judged(judge: LLMJudge, batch: Sequence[Asked]) -> list[Verdict]:
    rows = [asked.row for asked in batch]
    answers = [Answer(row["prediction"], row["route"], error=row["error"]) for row in rows]
    return judge(list(map(_example, rows)), answers)


def _judged_in_lanes(
    lanes: Lanes, work: Judging, batches: Sequence[Sequence[Asked]]
) -> Iterator[tuple[Sequence[Asked], list[Verdict]]]:
    for _, batch, found in lanes.run(work, [Task(["judge"], batch) for batch in batches]):
        if isinstance(found, ChildDiedError):
            yield batch, [Verdict(None, 0.0, NOT_JUDGED, {"error": describe(found)})] * len(batch)
        else:
            yield batch, found


def _compare(
    name: str, file: Path, frame: pl.DataFrame, verdicts: Mapping[tuple[str, str], Verdict]
) -> SecondOpinion:
    rows = list(frame.select("reader", "example_id", "correct", "reason").iter_rows())
    theirs = [verdicts[reader, example] for reader, example, _, _ in rows]
    ours = [Verdict(correct, float(bool(correct)), reason or "") for _, _, correct, reason in rows]
    by_reader: dict[str, tuple[float | None, int]] = {}
    for reader in dict.fromkeys(frame["reader"].to_list()):
        said = [
            v.correct
            for (r, *_), v in zip(rows, theirs, strict=True)
            if r == reader and v.correct is not None
        ]
        by_reader[reader] = (sum(said) / len(said) if said else None, len(said))
    unparsed = sum(verdict.reason == UNPARSED for verdict in theirs)
    problems = [str(verdict.source["error"]) for verdict in theirs if verdict.reason == NOT_JUDGED]
    both = any(a.correct is not None and b.correct is not None for a, b in zip(ours, theirs, strict=True))
    agreement = kappa(ours, theirs) if both else None
    problem = problems[0] if problems else ""
    judged = len(rows) - len(problems)
    return SecondOpinion(name, file, judged, unparsed, len(problems), problem, agreement, by_reader)


def _evaluated(folder: Path) -> set[str]:
    """The names of all models in the run's recipe."""
    try:
        recipe = parse_json((folder / "recipe.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"cannot read {folder / 'recipe.json'}: {error}; run `rlc compare` again to write it"
        ) from error
    return set(_models(recipe))


def _dataset(folder: Path) -> str:
    """The one data set of the table that a run asked about; empty for others, and for several at once."""
    try:
        told = parse_json((folder / "provenance.json").read_text(encoding="utf-8"))["dataset"]
        names = {str(spec["use"]) for spec in told["settings"]}
    except (OSError, ValueError, LookupError, TypeError):  # a run that was put together by hand
        return ""
    return names.pop() if len(names) == 1 else ""


def _models(value: Any) -> Iterator[str]:  # noqa: ANN401 - plain data
    if isinstance(value, dict):
        if isinstance(value.get("model"), str):
            yield value["model"]
        for inner in value.values():
            yield from _models(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _models(inner)


def _example(row: Mapping[str, Any]) -> Example:
    document = Document(id=row["document_id"], page_content="")  # a verdict needs no document
    return Example(
        row["example_id"], row["question"], document, tuple(row["answers"]), row["task"], row["answerable"]
    )


def _key(row: Mapping[str, Any], judge: LLMJudge, worded: Sequence[str]) -> str:
    question = judge.prompt(_example(row), row["prediction"]).question
    return json.dumps([row["reader"], row["example_id"], row["error"], question, *worded], ensure_ascii=True)


def _append(file: Path, judged: Sequence[tuple[Asked, Verdict]]) -> None:
    lines = [
        json.dumps(
            {
                "reader": asked.row["reader"],
                "example_id": asked.row["example_id"],
                "correct": verdict.correct,
                "reason": verdict.reason,
                "source": dict(verdict.source),
                "key": asked.key,
            }
        )
        for asked, verdict in judged
    ]
    try:
        with file.open("a", encoding="utf-8") as sink:
            sink.write("".join(f"{line}\n" for line in lines))
    except OSError as error:
        raise StoreError(
            f"cannot write {file}: {error}; free some space, then run the same command again"
        ) from error


def _read(file: Path) -> dict[str, Verdict]:
    """The verdicts kept so far; a last line that a kill cut short is dropped."""
    if not file.is_file():
        return {}
    found = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            kept = parse_json(line)
        except ValueError:
            continue
        # The first version kept an engine's failures under this reason.
        if kept["reason"] == UNPARSED and kept["source"].get("version") != VERSION:
            continue
        found[kept["key"]] = Verdict(
            kept["correct"], float(bool(kept["correct"])), kept["reason"], kept["source"]
        )
    return found

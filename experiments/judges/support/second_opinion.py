"""A second opinion on a stored run: a language model judges its rows, beside the rule judge's verdicts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from rlc.data.errors import DataError, StoreError
from rlc.data.lanes import Lanes
from rlc.data.plain import parse_json
from rlc.data.prompt_files import ENGLISH
from rlc.data.protocols import LLM
from rlc.data.records import Answer, Document, Example
from rlc.data.spec import Spec
from rlc.experiments.judges.base import MAX_TOKENS, NOT_JUDGED, UNPARSED, Case, check_self
from rlc.experiments.judges.correctness import Correctness
from rlc.experiments.judges.support.asking import AtHand, Judging, judged
from rlc.experiments.scorers.rule import Verdict
from rlc.experiments.statistics.agreement import Agreement, agreement

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
    agreement: Agreement | None
    by_reader: Mapping[str, tuple[float | None, int]]
    prompts: str = ""
    accepted: int | None = None


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
        "allow_self": allow_self,
        "max_tokens": max_tokens,
        "dataset": _dataset(folder),
        "prompt": prompt,
    }
    judge = Correctness(llm, **settings)
    check_self(judge, _evaluated(folder))
    file = folder / f"judge-{''.join(c if c.isalnum() or c in '-_.' else '-' for c in llm.name)}.jsonl"
    known = _read(file)
    # What is asked in the words that ship first has the keys of before there were others.
    worded = [] if prompt == ENGLISH else [judge.texts.digest]
    rows = {_key(row, judge, worded): row for row in frame.select(NEEDED).iter_rows(named=True)}
    missing = [(key, _case(row)) for key, row in rows.items() if key not in known]
    work: Judging | AtHand = AtHand(judge)
    lanes = Lanes()
    if elsewhere:
        lanes, spec = elsewhere
        work = Judging({"use": "correctness", "llm": spec, **settings})
    for batch, verdicts in judged(missing, work, lanes):
        fresh = dict(zip((key for key, _ in batch), verdicts, strict=True))
        _append(file, [(rows[key], key, one) for key, one in fresh.items() if one.reason != NOT_JUDGED])
        known |= fresh
    verdicts_by_row = {(row["reader"], row["example_id"]): known[key] for key, row in rows.items()}
    opinion = _compare(llm.name, file, frame, verdicts_by_row)
    if judge.authors is None:
        return opinion
    accepted = sum(verdict.source.get("authors_say") == "yes" for verdict in verdicts_by_row.values())
    return replace(opinion, prompts=judge.authors.upstream, accepted=accepted)


def _compare(
    name: str, file: Path, frame: pl.DataFrame, verdicts: Mapping[tuple[str, str], Verdict]
) -> SecondOpinion:
    rows = list(frame.select("reader", "example_id", "correct").iter_rows())
    theirs = [verdicts[reader, example] for reader, example, _ in rows]
    said = [verdict.correct for verdict in theirs]
    ours = [correct for *_, correct in rows]
    by_reader: dict[str, tuple[float | None, int]] = {}
    for reader in dict.fromkeys(frame["reader"].to_list()):
        own = [x for (name, *_), x in zip(rows, said, strict=True) if name == reader and x is not None]
        by_reader[reader] = (sum(own) / len(own) if own else None, len(own))
    unparsed = sum(verdict.reason == UNPARSED for verdict in theirs)
    problems = [str(verdict.source["error"]) for verdict in theirs if verdict.reason == NOT_JUDGED]
    found = agreement(ours, said, frame["document_id"].to_list())
    problem = problems[0] if problems else ""
    judged = len(rows) - len(problems)
    return SecondOpinion(name, file, judged, unparsed, len(problems), problem, found, by_reader)


def _evaluated(folder: Path) -> set[str]:
    """The names of all models in the run's recipe."""
    try:
        recipe = parse_json((folder / "recipe.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"cannot read {folder / 'recipe.json'}: {error}; run `rlc compare` again to write it"
        ) from error
    return models_in(recipe)


def _dataset(folder: Path) -> str:
    """The one data set of the table that a run asked about; empty for others, and for several at once."""
    try:
        told = parse_json((folder / "provenance.json").read_text(encoding="utf-8"))["dataset"]
        names = {str(spec["use"]) for spec in told["settings"]}
    except (OSError, ValueError, LookupError, TypeError):  # a run that was put together by hand
        return ""
    return names.pop() if len(names) == 1 else ""


def models_in(value: object) -> set[str]:
    """The names of all models that plain data tell of, wherever they stand."""
    if isinstance(value, Mapping):
        own = {value["model"]} if isinstance(value.get("model"), str) else set()
        return own.union(*map(models_in, value.values()))
    return set().union(*map(models_in, value)) if isinstance(value, list) else set()


def _case(row: Mapping[str, Any]) -> Case:
    document = Document(id=row["document_id"], page_content="")  # a verdict needs no document
    answers = tuple(row["answers"])
    example = Example(row["example_id"], row["question"], document, answers, row["task"], row["answerable"])
    return Case(example, Answer(row["prediction"], row["route"], error=row["error"]))


def _key(row: Mapping[str, Any], judge: Correctness, worded: Sequence[str]) -> str:
    [prompt] = judge.prompts(_case(row))
    question = prompt.question
    return json.dumps([row["reader"], row["example_id"], row["error"], question, *worded], ensure_ascii=True)


def _append(file: Path, given: Sequence[tuple[Mapping[str, Any], str, Verdict]]) -> None:
    lines = [
        json.dumps(
            {
                "reader": row["reader"],
                "example_id": row["example_id"],
                "correct": verdict.correct,
                "reason": verdict.reason,
                "source": dict(verdict.source),
                "key": key,
            }
        )
        for row, key, verdict in given
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
        if kept["reason"] == UNPARSED and kept["source"].get("version") != str(Correctness.VERSION):
            continue
        found[kept["key"]] = Verdict(
            kept["correct"], float(bool(kept["correct"])), kept["reason"], kept["source"]
        )
    return found

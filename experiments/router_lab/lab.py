"""The routers' laboratory: recorded outcomes of both arms, and what is known of every question, as arrays.

Rows are models (m), columns questions (q). A router is replayed by indexing; nothing is asked again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from rlc.data.errors import DataError
from rlc.data.protocols import Retrieved
from rlc.data.records import Dataset, Example
from rlc.data.sets.lara import load, load_predictions
from rlc.data.text.abstention import abstains
from rlc.data.tokens import ApproximateTokenizer, count_once
from rlc.experiments.scorers.agreement import judge_frame
from rlc.experiments.scorers.rule import RuleJudge
from rlc.pipeline.readers.recorded import RecordedReader, bm25_evidence
from rlc.pipeline.routers.support.known import Known, known_before, with_long, with_panel, with_rag

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

Stage = Literal["before", "after rag", "after both", "with panel"]
"""When a router decides: before any answer, after the RAG answer, after both arms' answers, after a panel's too."""

SHORT = 65_536  # tokens: between LaRA's two lengths

# Builds and sizes of one model answer alike, so that a fit on one has seen the others.
FAMILIES = ("claude-3-5", "gpt-4o", "llama-3.2", "llama-3.3", "mistral-nemo", "qwen2.5")

# Cheap ones; of a model's own family none sits on its panel.
PANEL = ("llama-3.2-3b", "qwen2.5-7b-instruct", "mistral-nemo")


@dataclass(frozen=True)
class Lab:
    """Both arms' outcomes on every question, and the features of both kinds of learned router.

    Attributes:
        models: Their names.
        examples: The questions.
        rag: 1 where the RAG arm was right, 0 where not; an answer that never came is wrong. [m, q]
        long: The same for the long arm.
        seen: Where both arms were asked. [m, q]
        silent: Where the RAG answer abstains, or never came. [m, q]
        names: The features known in the end.
        known: Their values. [m, q, features]
        stages: How many of them are known at each stage that there is; the later ones only add to the earlier.
        rag_tokens: Prompt tokens of the RAG arm. [m, q]
        long_tokens: Prompt tokens of the long arm. [m, q]
        revision: The data's.
        source: What the answers are.
    """

    models: tuple[str, ...]
    examples: tuple[Example, ...]
    rag: Floats
    long: Floats
    seen: Bools
    silent: Bools
    names: tuple[str, ...]
    known: Floats
    stages: Mapping[Stage, int]
    rag_tokens: Floats
    long_tokens: Floats
    revision: str
    source: str

    @cached_property
    def documents(self) -> NDArray[np.str_]:
        """The document of each question; [q]."""
        return np.array([example.document_id for example in self.examples])

    @cached_property
    def unanswerable(self) -> Bools:
        """Questions that their document does not answer; [q]."""
        return np.array([example.answerable is False for example in self.examples])

    @cached_property
    def short(self) -> Bools:
        """Questions about a document of at most `SHORT` tokens; [q]."""
        tokenizer = ApproximateTokenizer()
        return np.array([count_once(tokenizer, e.document.page_content) <= SHORT for e in self.examples])

    @cached_property
    def families(self) -> NDArray[np.str_]:
        """The family of each model; [m]."""
        return np.array([family(model) for model in self.models])

    @cached_property
    def types(self) -> NDArray[np.str_]:
        """The type of document of each question; [q]."""
        return np.array(
            [str(e.metadata.get("type", e.document.metadata.get("kind", ""))) for e in self.examples]
        )

    def features(self, stage: Stage) -> Floats:
        """What a router knows at a stage; [m, q, features]."""
        return self.known[..., : self.stages[stage]]

    def feature_names(self, stage: Stage) -> tuple[str, ...]:
        """The names of the features, in the order of their columns."""
        return self.names[: self.stages[stage]]

    def without(self, ends: tuple[str, ...]) -> "Lab":
        """Leave out the features whose names end so: no router knows them then."""
        kept = [i for i, name in enumerate(self.names) if not name.endswith(ends)]
        return replace(
            self,
            names=tuple(self.names[i] for i in kept),
            known=self.known[..., kept],
            stages={stage: sum(i < count for i in kept) for stage, count in self.stages.items()},
        )


def family(model: str) -> str:
    """The family that a model belongs to; a model of none of the known ones is its own."""
    return next((name for name in FAMILIES if model.startswith(name)), model)


def lara_lab(root: Path) -> Lab:
    """The laboratory of LaRA's recorded answers, judged by rule.

    Raises:
        DataError: where the tree lacks questions or recorded answers.
    """
    import polars as pl

    dataset = load(root)
    frame = load_predictions(root).drop_nulls("example_id")
    verdicts = judge_frame(RuleJudge(), frame)
    frame = frame.with_columns(pl.Series("correct", [bool(verdict.correct) for verdict in verdicts]))
    tokens = {arm: _recorded_tokens(root, arm, dataset) for arm in ("rag", "long")}
    rows = frame.select("model", "arm", "example_id", "correct", "prediction").with_columns(
        pl.struct("arm", "example_id")
        .map_elements(lambda row: tokens[row["arm"]][row["example_id"]], return_dtype=pl.Int64)
        .alias("tokens")
    )
    evidence = bm25_evidence(dataset.examples)
    return _lab(dataset, rows, [Retrieved(found) for found in evidence], "LaRA's recorded answers")


def _recorded_tokens(root: Path, arm: str, dataset: Dataset) -> dict[str, int]:
    reader = RecordedReader(str(root), "", arm)
    return {example.id: reader.prompt_tokens(example) for example in dataset.examples}


def results_lab(frame: "pl.DataFrame", dataset: Dataset, model: str = "") -> Lab:
    """The laboratory of a user's own results: readers called `rag` and `long`, or `MODEL/rag` and `MODEL/long`.

    `model` names the one behind readers without such a prefix.

    Raises:
        DataError: where an arm is missing, nothing was judged, or questions have no document in the data set.
    """
    import polars as pl

    from rlc.data.records import Evidence

    known = {example.id: example for example in dataset.examples}
    arms = frame.with_columns(
        pl.col("reader").str.replace(r"/?(rag|long)$", "").replace("", model).alias("model"),
        pl.col("reader").str.extract(r"(?:^|/)(rag|long)$").alias("arm"),
    ).drop_nulls("arm")
    found = sorted(set(arms["arm"]))
    if found != ["long", "rag"]:
        raise DataError(
            f"a router needs both arms, and the results hold {', '.join(found) or 'neither'}: expected readers named "
            "rag and long (or MODEL/rag and MODEL/long), got " + ", ".join(sorted(set(frame["reader"])))
        )
    lost = sorted(set(arms["example_id"]) - known.keys())
    if lost:
        raise DataError(
            f"{len(lost)} questions of the results have no document in {dataset.name!r} (the first: {lost[0]}); give "
            "the data set that the results were made on, with --dataset or --data-root"
        )
    judged = arms.filter(pl.col("value").is_not_null() | pl.col("error").is_not_null())
    rows = judged.select(
        "model",
        "arm",
        "example_id",
        pl.col("value").fill_null(0.0).alias("correct"),
        pl.when(pl.col("error").is_null()).then("prediction").alias("prediction"),
        pl.col("prompt_tokens").alias("tokens"),
    )
    asked = dataset.where(lambda example: example.id in set(rows["example_id"]))
    pieces: dict[str, tuple[Evidence, ...]] = {
        example_id: tuple(Evidence(**piece) for piece in read)
        for example_id, read in arms.filter(arm="rag").select("example_id", "evidence").iter_rows()
        if read
    }
    missing = [example for example in asked.examples if example.id not in pieces]
    stand_in = dict(zip((e.id for e in missing), bm25_evidence(missing), strict=True))
    return _lab(asked, rows, [Retrieved({**pieces, **stand_in}[e.id]) for e in asked.examples], "results")


def _lab(dataset: Dataset, rows: "pl.DataFrame", found: Sequence[Retrieved], source: str) -> Lab:
    """Arrays from rows of (model, arm, example_id, correct, prediction, tokens)."""
    examples, models = dataset.examples, tuple(sorted(set(rows["model"])))
    place = {example.id: i for i, example in enumerate(examples)}
    shape = (len(models), len(examples))
    correct = {arm: np.zeros(shape) for arm in ("rag", "long")}
    tokens = {arm: np.zeros(shape) for arm in ("rag", "long")}
    asked = {arm: np.zeros(shape, dtype=bool) for arm in ("rag", "long")}
    texts = {arm: [[""] * shape[1] for _ in models] for arm in ("rag", "long")}
    numbers = {model: i for i, model in enumerate(models)}
    columns = rows.select("model", "arm", "example_id", "correct", "prediction", "tokens")
    for model, arm, example_id, right, prediction, count in columns.iter_rows():
        spot = numbers[model], place[example_id]
        correct[arm][spot], tokens[arm][spot], asked[arm][spot] = right, count, True
        texts[arm][spot[0]][spot[1]] = prediction or ""
    seen = asked["rag"] & asked["long"]
    if not seen.any():
        raise DataError(
            f"{dataset.name}: no question was answered by both arms and judged; compare questions with gold answers"
        )
    before = known_before(examples, found)
    panels = [
        [p for p, name in enumerate(models) if name in PANEL and family(name) != family(m)] for m in models
    ]
    stages: dict[Stage, int] = {"before": len(before[0])}
    known_of: list[list[Known]] = []
    for q, example in enumerate(
        examples
    ):  # all models' answers to a question are held against the same passages
        same, shown = [example] * len(models), [found[q]] * len(models)
        rag, long = ([answers[q] for answers in texts[arm]] for arm in ("rag", "long"))
        known = with_rag([before[q]] * len(models), same, shown, rag)
        stages["after rag"] = len(known[0])
        known = with_long(known, same, shown, rag, long)
        stages["after both"] = len(known[0])
        if all(panels):
            known = with_panel(known, rag, long, [[rag[p] for p in panel] for panel in panels])
            stages["with panel"] = len(known[0])
        known_of.append(known)
    return Lab(
        models=models,
        examples=examples,
        rag=correct["rag"],
        long=correct["long"],
        seen=seen,
        silent=np.array([[not text or abstains(text) for text in answers] for answers in texts["rag"]]),
        names=tuple(known_of[0][0]),
        known=np.array([[list(row.values()) for row in known] for known in known_of]).swapaxes(0, 1),
        stages=stages,
        rag_tokens=tokens["rag"],
        long_tokens=tokens["long"],
        revision=dataset.revision,
        source=source,
    )

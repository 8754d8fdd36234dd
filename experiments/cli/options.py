"""Options that several commands share, so that a name means the same everywhere."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from rlc.data.errors import MissingExtraError, require
from rlc.data.lanes import Lanes
from rlc.data.trust import ALLOWED
from rlc.experiments.cli.completion import arms, datasets, questions, recipes, runs, settings
from rlc.experiments.cli.words import tell

OUT = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    help="Folder of runs and answers.",
)

# Which questions.
DATASET = click.option(
    "--dataset",
    help="A data set of `rlc list datasets`, with parts and settings (longbench:hotpotqa; ruler:vt,length=4096), or a "
    "folder of documents.  [default: the recipe's, else lara]",
    shell_complete=datasets,
)
MEASURE = click.option(
    "--measure",
    default="authors",
    help="What scores an answer: the authors' scorer where the data set has one, rule (the rule judge), or a scorer.",
)
DATA_ROOT = click.option(
    "--data-root",
    type=click.Path(path_type=Path),
    help="Where the files of the data set lie (else the cache; LaRA: else RLC_DATA, and the sample if there is none).",
)
WHERE = click.option(
    "--where", "conditions", multiple=True, metavar="FIELD=VALUE", help="Keep some questions: length=32k."
)
LIMIT = click.option(
    "--limit", type=click.IntRange(min=1), help="At most so many questions, evenly over the tasks."
)

# Which readers.
RECIPE = click.option(
    "--recipe",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A recipe in place of the built-in one: a file, or a name of `rlc list recipes`.",
    shell_complete=recipes,
)
ARMS = click.option(
    "--arms",
    default="",
    show_default=False,
    help="Readers of the recipe, by commas; all takes every one.  [default: rag,long; all of a recipe without them]",
    shell_complete=arms,
)
SETTINGS = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PATH=VALUE",
    shell_complete=settings,
    help="Change one setting of the recipe: readers.rag.chunker.size=128.",
)

MODELS = click.option(
    "--model",
    "models",
    multiple=True,
    metavar="[ENGINE:]MODEL",
    help="The language model of all arms: hf:smollm2, endpoint:NAME, anthropic:NAME (or another of `rlc list providers`), "
    "recorded:gpt-4o, recorded:all; may be repeated.",
)
READERS = click.option("--reader", "readers", multiple=True, hidden=True)  # the old name of --model
SEED = click.option("--seed", default=0, help="Seed of the draw and of sampling readers.")


def _allow_code(_context: click.Context, _parameter: click.Parameter, allowed: bool) -> None:
    if allowed:
        os.environ[ALLOWED] = "1"  # workers are processes of their own and hear of it there


# How it runs.
ALLOW_CODE = click.option(
    "--allow-code",
    is_flag=True,
    expose_value=False,
    callback=_allow_code,
    help="Run code that the recipe names (`target`, `embeddings`, `extra`): only for a recipe that you trust.",
)
RESUME = click.option(
    "--resume/--no-resume", default=True, help="Take stored answers, or answer everything again."
)

WORKERS = click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    help="Processes that share the documents, each with its own model, and with its own GPU where there are several.",
)
CLUSTER = click.option(
    "--cluster",
    metavar="auto|ADDRESS",
    help="Have the workers in a Ray cluster: the one that this host belongs to, or that of HOST:PORT.",
)
GPUS = click.option(
    "--gpus-per-worker",
    type=click.IntRange(min=0),
    help="GPUs that each worker has for itself; 0 has them work on the processor.  [default: an even share of this host's, "
    "where there are fewer than workers several on one; in a cluster none]",
)


JUDGE = click.option(
    "--judge",
    metavar="rules|ENGINE:MODEL|MODULE:FUNCTION",
    help="Who says what is right: the rules, a language model, or a Python function of yours; the rules' verdicts stay "
    "beside.  [default: the recipe's, else the rules]",
)
CRITERIA = click.option(
    "--criteria",
    default="",
    show_default=False,
    metavar="NAME|FILE",
    help="What the model is asked, of `rlc list judges`, in German or Chinese with .de or .zh, or a TOML file of yours.  "
    "[default: correctness]",
)
JUDGE_SETTINGS = click.option(
    "--judge-set",
    "judge_settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of the judge, or of its engine: max_tokens=64, allow_self=true, llm.window=8192.",
)


def judge_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that `Judging` holds."""
    return JUDGE(CRITERIA(JUDGE_SETTINGS(command)))


def lane_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that `Lanes` holds."""
    return WORKERS(CLUSTER(GPUS(command)))


def _where_mlflow_is(context: click.Context, option: click.Parameter, wanted: bool) -> bool:
    """Track by default where MLflow is installed; asked for by name, it must be."""
    asked = context.get_parameter_source(str(option.name)) is not ParameterSource.DEFAULT
    try:
        require(*["mlflow"] * wanted)
    except MissingExtraError as error:
        if asked:
            raise
        tell(f"not logged to MLflow: {error}")
        return False
    return wanted


TRACK = click.option(
    "--track/--no-track",
    default=True,
    callback=_where_mlflow_is,
    help="Log what is found to MLflow, where it is installed.",
)

# What it costs.
PRICES = click.option(
    "--prices",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Dollars per million tokens, by model, in place of those that come with rlc.",
)
SPEND = click.option(
    "--spend",
    type=click.FloatRange(min=0),
    metavar="DOLLARS",
    help="Stop before the run has cost more in all; with a higher sum the same command goes on.",
)

# Of a stored run.
RUN = click.argument("run", shell_complete=runs)
QUESTION = click.argument("question", shell_complete=questions)
EVIDENCE_ROOT = click.option(
    "--data-root", type=click.Path(path_type=Path), help="Where the data set lies, for evidence."
)


@dataclass(frozen=True)
class Questions:
    """Which questions are asked, as options say it."""

    dataset: str | None = None
    data_root: Path | None = None
    conditions: Sequence[str] = ()
    limit: int | None = None
    seed: int = 0
    measure: str = "authors"


@dataclass(frozen=True)
class Arms:
    """Which readers answer them: of which recipe, by which language models, with which routers."""

    arms: str = ""
    routers: Sequence[str] = ()
    recipe: Path | None = None
    settings: Sequence[str] = ()
    models: Sequence[str] = ()
    readers: Sequence[str] = ()  # what `--model` was called at first
    price: float | None = None
    budget: int | None = None

    @property
    def names(self) -> list[str]:
        """The readers of the recipe that take part."""
        return [name.strip() for name in self.arms.split(",") if name.strip()]

    @property
    def engines(self) -> list[str]:
        """The language models, by either name of the option."""
        return [*self.models, *self.readers]


@dataclass(frozen=True)
class Judging:
    """Who judges, as options say it."""

    judge: str | None = None
    criteria: str = ""
    judge_settings: Sequence[str] = ()


@dataclass(frozen=True)
class Output:
    """Where results go, and what is printed of them."""

    out: Path = Path("runs")
    resume: bool = True
    track: bool = True
    system_metrics: bool = False
    dry_run: bool = False
    time_servers: bool = False
    as_json: bool = False
    prices: Path | None = None
    spend: float | None = None
    wide: bool = False
    columns: str = ""
    name: str | None = None


RECORDS: dict[str, type[Questions | Arms | Judging | Output | Lanes]] = {
    "questions": Questions,
    "arms": Arms,
    "judging": Judging,
    "output": Output,
    "lanes": Lanes,
}


def in_records(command: Callable[..., None]) -> Callable[..., None]:
    """Hand a command its options as the records that it takes; the others come by their names."""
    kinds = {name: RECORDS[name] for name in signature(command).parameters if name in RECORDS}

    @wraps(command)
    def packed(**given: Any) -> None:  # noqa: ANN401 - click's parameters
        records = {
            name: kind(**{one.name: given.pop(one.name) for one in fields(kind) if one.name in given})
            for name, kind in kinds.items()
        }
        command(**given, **records)

    return packed

"""Exceptions that a user can act on, with exit codes, and the check for packages of optional extras."""

import difflib
from collections.abc import Iterable
from importlib.util import find_spec


class RlcError(Exception):
    """Something a user can mend. The command line prints its text alone and exits with `exit_code`."""

    exit_code = 1


class UsageError(RlcError, ValueError):
    """The request itself is off: an unknown name, a bad setting."""

    exit_code = 2


class SpecError(UsageError):
    """A spec or recipe that cannot be built; the message begins with the place, such as `readers.rag.retriever`."""


class DataError(RlcError):
    """A data set, document or question that cannot be used."""


class ContextOverflowError(RlcError):
    """A prompt that does not fit the reader's window under the policy in force."""


class EngineError(RlcError):
    """A language model that failed on one request; the other requests go on."""


class EngineUnavailableError(EngineError):
    """A language model that cannot answer any request: the run stops, and what is done stays stored."""


class NoAnswerError(RlcError):
    """A reader that answered no question at all, or a judge that gave no verdict; what else was found is there."""

    exit_code = 3


class GateError(RlcError):
    """A figure of a run is on the wrong side of the limit that `rlc check` held it against, with its whole interval."""

    exit_code = 4


class GateOpenError(RlcError):
    """A figure whose interval holds the limit: the run has too few documents to say."""

    exit_code = 5


class SpentError(RlcError):
    """What may be spent is spent: the run stops, and what is done stays stored."""

    exit_code = 6


class UnsupportedError(RlcError):
    """A wish that this engine or method cannot fulfil and does not pretend to."""


class WeightsError(RlcError):
    """Model weights that are absent, damaged or not what was pinned."""


class StoreError(RlcError):
    """The result store cannot be read or written."""


class MissingExtraError(RlcError, ImportError):
    """An optional package that is not installed."""


class LimitError(RlcError):
    """A question that would cost more than it may."""


# These would fail every question alike: whoever answers many stops and says so. What is stored stays.
STOPPING = (
    EngineUnavailableError,
    MissingExtraError,
    SpentError,
    StoreError,
    UnsupportedError,
    UsageError,
    WeightsError,
)

MISTAKES = (TypeError, AttributeError)  # of whoever wrote the code


def describe(error: Exception) -> str:
    """An exception in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")


EXTRAS = {
    "torch": "local",
    "transformers": "local",
    "sentence_transformers": "local",
    "faiss": "local",
    "sklearn": "local",
    "mlflow": "track",
    "vllm": "gpu",
    "jieba": "sets",
    "rouge": "sets",
    "lightgbm": "lab",
    "markitdown": "files",
    "ray": "ray",
    "starlette": "view",
    "uvicorn": "view",
}
"""Which extra brings a module that the base does without."""


# Not an extra: kvpress pins a transformers that is older than ours and runs with today's; no extra can say `--no-deps`.
KVPRESS = "pip install --no-deps kvpress==0.5.5 fire termcolor datasets multiprocess dill"


def require(*modules: str) -> None:
    """Hold that optional modules are installed, without importing them.

    Raises:
        MissingExtraError: naming the first that is not, and what to type.
    """
    for module in modules:
        if find_spec(module) is None:
            line = KVPRESS if module == "kvpress" else f"pip install 'rlc[{EXTRAS[module]}]'"
            raise MissingExtraError(f"{module} is not installed: {line}")


def unknown(kind: str, name: object, known: Iterable[str]) -> str:
    """Say that `name` is not one of the `known` ones, the nearest first.

    >>> unknown("chunker", "recusive", ["fixed", "recursive"])
    "no chunker 'recusive'; did you mean 'recursive'? known: fixed, recursive"
    >>> unknown("reader", "rga", ["rag", "rat"])
    "no reader 'rga'; did you mean 'rag'? known: rag, rat"
    """
    names = sorted(known)
    near = difflib.get_close_matches(str(name), names)
    near.sort(key=lambda one: sorted(one) != sorted(str(name)))  # letters changed places: the likeliest slip
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"no {kind} {name!r}; {hint}known: {', '.join(names) or 'none'}"

"""What engines behind a connection share: in which order to ask, how to wait, and how an answer may end."""

import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import copy_context
from queue import SimpleQueue
from typing import NamedTuple

from rlc.data.errors import UnsupportedError
from rlc.data.plain import parse_json
from rlc.data.protocols import Generation, Prompt, Tokenizer
from rlc.data.waiting import take

TEMPLATE_TOKENS = 32
"""Allowance for a chat template whose text the server keeps to itself: role marks, begin and end, a date line."""

PROBE = Prompt("", "What is 2 + 3? Answer with the number alone.")
"""A question that every model can answer: where it fails, no other can pass."""

ALIKE = 5
"""Failures of one kind in a row after which an engine is asked `PROBE` before anything else."""

_STOPS = (
    "stop", "eos", "eos_token", "stop_token", "stop_sequence", "end_turn", "end_of_turn", "complete", "completed", "end",
    "done", "finish", "finished", "success", "normal", "",
)  # fmt: skip
_LIMITS = (
    "length", "max_tokens", "max_length", "max_output_tokens", "max_completion_tokens", "max_new_tokens", "token_limit",
    "model_length", "model_context_window_exceeded", "incomplete",
)  # fmt: skip
FINISH_REASONS: Mapping[str, str] = {**dict.fromkeys(_STOPS, "stop"), **dict.fromkeys(_LIMITS, "length")}
"""The words of servers and chat models, in small letters, for the two ways in which an answer ends."""

NO_ANSWERS = frozenset({
    "content_filter", "safety", "recitation", "blocklist", "prohibited_content", "spii", "image_safety", "language",
    "refusal", "refused", "error", "abort", "aborted", "cancelled", "canceled", "malformed_function_call", "other",
})  # fmt: skip
"""Ends after which what stands there is no answer, even where it is text."""


class Ending(NamedTuple):
    """How an answer ended: `stop`, `length` or `error`, with what must be said of it."""

    finish_reason: str
    note: str = ""
    error: str | None = None


def ending(said: object, text: str) -> Ending:
    """Read the word for an end, of any vendor and in any case.

    An end that nobody knows is an answer with a note where there is text, and an error where there is none.

    >>> ending("FINISH_REASON_MAX_TOKENS", "Ada").finish_reason
    'length'
    """
    word = re.sub(r"[\s.-]+", "_", str("" if said is None else said).strip().lower())
    word = word.removeprefix("finish_reason_").removeprefix("finishreason_")
    if word in FINISH_REASONS:
        return Ending(FINISH_REASONS[word])
    if text.strip() and word not in NO_ANSWERS:
        return Ending("stop", note=f"ended with {str(said)[:40]!r}, an end that is not known here")
    return Ending("error", error=f"ended the answer with {said!r}")


def estimate_tokens(tokenizer: Tokenizer, prompt: Prompt) -> int:
    """The prompt's tokens by a tokenizer near the model's own, plus `TEMPLATE_TOKENS`."""
    return sum(map(tokenizer.count, prompt.parts)) + TEMPLATE_TOKENS


def is_json(text: str) -> bool:
    """Whether the text is one JSON value, as an answer under a schema must be."""
    try:
        parse_json(text)
    except ValueError:
        return False
    return True


def ask_by_prefix(
    prompts: Sequence[Prompt], ask: Callable[[Prompt, threading.Event], Generation], concurrency: int
) -> Iterator[tuple[int, Generation]]:
    """Ask up to `concurrency` prompts at once, the first of each prefix before its siblings.

    A server can serve a prefix from its cache only once it has computed it: eight questions on one document sent
    together would all pay for the document. Siblings go before the next document, while the cache still holds
    theirs. Each result is yielded with its prompt's place as it ends. An exception from `ask`, or an interrupt, ends the
    asking at once: the event that `ask` is given is set, and nobody waits for what is still in flight.

    Raises:
        UnsupportedError: if a prompt holds words to be put into the model's mouth; servers take no such thing.
    """
    if any(prompt.reply for prompt in prompts):
        raise UnsupportedError(
            "a server begins its answers itself: a prompt with a reply to go on from needs the engine hf or vllm"
        )
    groups: dict[tuple[object, ...], list[int]] = {}
    for i, prompt in enumerate(prompts):
        key = (prompt.system, prompt.prefix) if prompt.prefix else (i,)  # no prefix, no kinship
        groups.setdefault(key, []).append(i)
    ready = deque((group[0], group[1:]) for group in groups.values())
    siblings: dict[int, list[int]] = {}
    finished: SimpleQueue[tuple[int, Generation | BaseException]] = SimpleQueue()
    stopped = threading.Event()

    def work(i: int) -> None:
        try:
            finished.put((i, ask(prompts[i], stopped)))
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that asked
            finished.put((i, error))

    try:
        while ready or siblings:
            while ready and len(siblings) < concurrency:
                i, siblings[i] = ready.popleft()
                # Not of a pool, whose threads the interpreter would wait for before it ends; with the caller's context,
                # so that what is traced stays a child of what asked.
                threading.Thread(target=copy_context().run, args=(work, i), daemon=True).start()
            i, result = take(finished)
            if isinstance(result, BaseException):
                raise result
            ready.extendleft((sibling, []) for sibling in reversed(siblings.pop(i)))
            yield i, result
    finally:
        stopped.set()


class Streak:
    """Failures of one kind in a row, over all threads of an engine."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kind = ""
        self._count = 0
        self._harmless: set[str] = set()

    def reaches_limit(self, error: str | None) -> bool:
        """Count an answer, or what went wrong in its place; whether it is the last of `ALIKE` that are alike."""
        kind = _kind(error or "")
        with self._lock:
            self._count = self._count + 1 if kind == self._kind else 1
            self._kind = kind
            return bool(kind) and kind not in self._harmless and self._count == ALIKE

    def pardon(self, error: str) -> None:
        """Other questions pass: failures of this kind belong to their questions."""
        with self._lock:
            self._harmless.add(_kind(error))


def _kind(error: str) -> str:
    return re.sub(r"\d+", "#", error)[:200]

# ruff: noqa: ARG002 - the signatures of callbacks are langchain-core's
"""What a LangChain run did, by its callbacks: a step for every model, retriever and tool that it called."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, LLMResult

from rlc.data.records import Evidence, Step, Usage
from rlc.data.spec import fingerprint


@dataclass(frozen=True)
class _Open:
    step: Step
    started: float


class CallbackTrace(BaseCallbackHandler):
    """Keeps the steps of one run, in the order in which they began, and what they cost.

    Tokens are those that the models report; `uncounted` says how many calls reported none. A step that begins while no
    other is open begins a round. Runs of several threads may call at once.

    Args:
        evidence_of: where a retrieved passage stands in its document.
    """

    def __init__(self, evidence_of: Callable[[Document], list[Evidence]]) -> None:
        self._evidence_of = evidence_of
        self._lock = threading.Lock()
        self._steps: dict[UUID, Step] = {}
        self._open: dict[UUID, _Open] = {}
        self._round = -1
        self._begun: float | None = None
        self._seconds = 0.0
        self.uncounted = 0

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps so far; one that has not ended has no text and no cost."""
        return tuple(self._steps.values())

    @property
    def usage(self) -> Usage:
        """The tokens of all steps, the wall time of the whole run, and how many models were asked in how many rounds."""
        asked = [step for step in self.steps if step.kind == "ask"]
        tokens = Usage()
        for step in self.steps:
            tokens = tokens.beside(step.usage)
        searching = sum(step.usage.retrieve_seconds for step in self.steps)
        return replace(
            tokens,
            calls=len(asked),
            rounds=len({step.round for step in asked}),
            seconds=self._seconds,
            retrieve_seconds=min(
                searching, self._seconds
            ),  # searches side by side take no longer than the run
            first_token_seconds=None,
        )

    def on_chain_start(
        self,
        serialized: object,
        inputs: object,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **more: object,
    ) -> None:
        """Start the clock with the outermost run."""
        if self._begun is None:
            self._begun = time.perf_counter()

    def on_chain_end(self, outputs: object, *, run_id: UUID, **more: object) -> None:
        """Read the clock; the last run to end is the outermost."""
        self._tick()

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **more: object) -> None:
        self._tick()

    def on_chat_model_start(
        self, serialized: object, messages: list[list[BaseMessage]], *, run_id: UUID, **more: object
    ) -> None:
        said = [[message.type, message.text] for batch in messages for message in batch]
        self._start(run_id, "ask", _name(serialized, more, "model"), fingerprint(said))

    def on_llm_start(self, serialized: object, prompts: list[str], *, run_id: UUID, **more: object) -> None:
        """Begin an `ask` of a model that completes texts."""
        self._start(run_id, "ask", _name(serialized, more, "model"), fingerprint(prompts))

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **more: object) -> None:
        generation = response.generations[0][0]
        counts = None
        if isinstance(generation, ChatGeneration):
            counts = getattr(generation.message, "usage_metadata", None)
        self.uncounted += counts is None
        details = (counts or {}).get("input_token_details", {})
        usage = Usage(
            prompt_tokens=(counts or {}).get("input_tokens", 0),
            cached_tokens=details.get("cache_read") or 0,
            cache_write_tokens=details.get("cache_creation") or 0,
            output_tokens=(counts or {}).get("output_tokens", 0),
            thought_tokens=(counts or {}).get("output_token_details", {}).get("reasoning") or 0,
            calls=1,
            rounds=1,
        )
        self._end(run_id, usage, text=generation.text)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **more: object) -> None:
        """End an `ask` that failed."""
        self._end(run_id, Usage(calls=1, rounds=1), error=error)

    def on_retriever_start(self, serialized: object, query: str, *, run_id: UUID, **more: object) -> None:
        self._start(run_id, "search", query)

    def on_retriever_end(self, documents: Sequence[Document], *, run_id: UUID, **more: object) -> None:
        found = [one for document in documents for one in self._evidence_of(document)]
        self._end(run_id, Usage(), text=f"{len(documents)} passages", evidence=tuple(found))

    def on_retriever_error(self, error: BaseException, *, run_id: UUID, **more: object) -> None:
        """End a `search` that failed."""
        self._end(run_id, Usage(), error=error)

    def on_tool_start(self, serialized: object, input_str: str, *, run_id: UUID, **more: object) -> None:
        self._start(run_id, "tool", f"{_name(serialized, more, 'tool')}: {input_str}")

    def on_tool_end(self, output: object, *, run_id: UUID, **more: object) -> None:
        self._end(run_id, Usage(), text=str(getattr(output, "content", output)))

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **more: object) -> None:
        """End a `tool` that failed."""
        self._end(run_id, Usage(), error=error)

    def _start(self, run_id: UUID, kind: str, name: str, prompt_hash: str = "") -> None:
        with self._lock:
            self._round += not self._open
            step = Step(name, kind, max(0, self._round), prompt_hash=prompt_hash)
            self._steps[run_id] = step
            self._open[run_id] = _Open(step, time.perf_counter())

    def _end(
        self,
        run_id: UUID,
        usage: Usage,
        text: str = "",
        evidence: tuple[Evidence, ...] = (),
        error: BaseException | None = None,
    ) -> None:
        with self._lock:
            begun = self._open.pop(run_id, None)
            if begun is None:
                return
            seconds = time.perf_counter() - begun.started
            searching = seconds if begun.step.kind == "search" else 0.0
            self._steps[run_id] = replace(
                begun.step,
                text=text,
                evidence=evidence,
                usage=replace(usage, seconds=seconds, retrieve_seconds=searching),
                error=None if error is None else f"{type(error).__name__}: {error}",
            )

    def _tick(self) -> None:
        if self._begun is not None:
            self._seconds = time.perf_counter() - self._begun


def _name(serialized: object, more: Mapping[str, object], other: str) -> str:
    """What a component is called."""
    told = serialized.get("name") if isinstance(serialized, dict) else None
    return str(more.get("name") or told or other)

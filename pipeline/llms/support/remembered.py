"""Generations kept on disk: what a strategy has been told once, it is told again after a kill, at the old cost."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlc.data.protocols import Generation, Prompt, TokenLogprobs
from rlc.data.records import Answer
from rlc.data.store import AnswerStore


@dataclass(frozen=True)
class RememberedGenerations:
    """A `GenerationMemory` of `rlc.pipeline.llms.support.forwarding` in the file that holds the answers.

    A generation is kept as an answer to its prompt, with the usage that it had. Failed ones are not kept. While answers
    are made afresh nothing is held, and what is written takes the place of what was.
    """

    store: AnswerStore

    def holds(self, stage: str, key: Hashable) -> bool:  # noqa: ARG002 - a memory's face
        """Whether the engine need not be asked for it."""
        return not self.store.renewed and bool(self.store.seals([str(key)]))

    def recall_all(
        self,
        stage: str,  # noqa: ARG002 - a memory's face
        wanted: Mapping[Hashable, Prompt],
        make: Callable[[list[Prompt]], Sequence[Generation]],
    ) -> dict[Hashable, Generation]:
        """A generation for every wanted prompt; `make` asks the engine for those that are not held."""
        kept = {} if self.store.renewed else self.store.get([str(key) for key in wanted])
        found = {key: _generation(kept[str(key)]) for key in wanted if str(key) in kept}
        missing = {key: prompt for key, prompt in wanted.items() if key not in found}
        if missing:
            made = dict(zip(missing, make(list(missing.values())), strict=True))
            self.store.put({str(key): _answer(one) for key, one in made.items() if one.error is None})
            found |= made
        return found


def _answer(generation: Generation) -> Answer:
    details: dict[str, Any] = {"thought": generation.thought, "note": generation.note}
    if generation.logprobs is not None:
        details["spans"] = [list(span) for span in generation.logprobs.spans]
        details["logprobs"] = generation.logprobs.values.tolist()
    return Answer(
        generation.text, "", usage=generation.usage, finish_reason=generation.finish_reason, details=details
    )


def _generation(answer: Answer) -> Generation:
    scored = None
    if "spans" in answer.details:
        spans = [(start, end) for start, end in answer.details["spans"]]
        scored = TokenLogprobs(spans, np.array(answer.details["logprobs"], np.float32))
    return Generation(
        answer.text,
        answer.finish_reason,
        answer.usage,
        scored,
        thought=answer.details["thought"],
        note=answer.details["note"],
    )

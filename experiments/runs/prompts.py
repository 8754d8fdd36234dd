"""The prompts behind a stored answer, made again by the reader that made them, with nobody asked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rlc.data.protocols import Generation, Prompt
from rlc.data.records import Example
from rlc.data.spec import Spec, fingerprint
from rlc.pipeline.llms.support.delegate import Delegate
from rlc.pipeline.recipe import BUILDER, LANGUAGE_MODEL, READER


@dataclass
class Listener(Delegate):
    """An engine's measures with nobody behind them: it counts like the engine, and only notes what it is asked."""

    heard: list[Prompt] = field(default_factory=list)

    def generate(
        self,
        prompts: Sequence[Prompt],
        *,
        max_tokens: int,  # noqa: ARG002 - the engine's face
        stop: Sequence[str] = (),  # noqa: ARG002
        logprobs: bool = False,  # noqa: ARG002
        schema: Mapping[str, Any] | None = None,  # noqa: ARG002
        seed: int = 0,  # noqa: ARG002
    ) -> list[Generation]:
        """Note the prompts; the answers are empty."""
        self.heard += prompts
        return [Generation("") for _ in prompts]


def rebuild_prompts(spec: Spec, example: Example) -> dict[str, Prompt]:
    """The prompts that the reader of this completed spec asks for the example, by their hash.

    No language model is loaded or asked, but a retriever's encoder is.

    Raises:
        RlcError: if the reader cannot be made here (weights that are absent, a missing key).
    """
    listeners: list[Listener] = []

    def listen(make: Callable[[], Any], kind: str, _: Spec) -> Any:  # noqa: ANN401 - the builder's hook
        made = make()
        if kind != LANGUAGE_MODEL.kind:
            return made
        listeners.append(Listener(made))
        return listeners[-1]

    replace(BUILDER, finish=listen).build(spec, READER, "reader")([example])
    return {
        fingerprint([prompt.system, prompt.prefix, prompt.question]): prompt
        for listener in listeners
        for prompt in listener.heard
    }

"""The prompts behind a stored answer, made again by the reader that made them, with nobody asked."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rlc.data.protocols import Generation, Prompt
from rlc.data.records import Example, Step
from rlc.data.spec import Spec
from rlc.data.trust import looking
from rlc.pipeline.families import BUILDER, LLM, READER
from rlc.pipeline.llms.support.forwarding import forward
from rlc.pipeline.prompts import prompt_hash


@dataclass
class PromptRecorder:
    """Note the prompts that engines are asked, and ask nobody: generations come from the script, then are empty.

    A `GenerationMemory` of `rlc.pipeline.llms.support.forwarding`. `told` holds what came of each prompt, by its hash, in
    the order in which it was asked.
    """

    told: Mapping[str, Iterator[Generation]] = field(default_factory=dict)
    prompts: list[Prompt] = field(default_factory=list)

    def holds(self, stage: str, key: Hashable) -> bool:  # noqa: ARG002 - a memory's face
        return True

    def recall_all(
        self,
        stage: str,  # noqa: ARG002 - a memory's face
        wanted: Mapping[Hashable, Prompt],
        make: Callable[[list[Prompt]], Sequence[Generation]],  # noqa: ARG002 - nobody is asked
    ) -> dict[Hashable, Generation]:
        """Note the prompts, and recite."""
        self.prompts += wanted.values()
        return {
            key: next(self.told.get(prompt_hash(prompt), iter(())), Generation(""))
            for key, prompt in wanted.items()
        }


def rebuild_prompts(spec: Spec, example: Example, steps: Sequence[Step] = ()) -> dict[str, Prompt]:
    """The prompts that the reader of this completed spec asks for the example, by their hash.

    No language model writes anything: the `steps` of the answer say what came of its prompts, for readers whose later
    prompts depend on it. A retriever's encoder is loaded, and an engine that a pruner scores with.

    Raises:
        RlcError: if the reader cannot be made here (weights that are absent, a missing key, code that it names).
    """
    told: dict[str, list[Generation]] = {}
    for step in steps:
        told.setdefault(step.prompt_hash, []).append(Generation(step.text, error=step.error))
    recorder = PromptRecorder({key: iter(said) for key, said in told.items()})

    def record(make: Callable[[], Any], kind: str, _: Spec) -> Any:  # noqa: ANN401 - the builder's hook
        return forward(make(), recorder) if kind == LLM.kind else make()

    with looking():
        replace(BUILDER, finish=record).build(spec, READER, "reader")([example])
    return {prompt_hash(prompt): prompt for prompt in recorder.prompts}

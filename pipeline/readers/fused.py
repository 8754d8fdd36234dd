"""Fused reader: retrieved passages that were read apart, each once, and put together for every question."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import ClassVar

from rlc.data.prompt_files import PromptTexts, read_prompts
from rlc.data.protocols import LLM, adapted
from rlc.data.records import Example
from rlc.pipeline.fusion.base import Fusion, PassagesPrompt
from rlc.pipeline.fusion.support.engine import ReadApart
from rlc.pipeline.prompts import wording_of
from rlc.pipeline.readers.rag import RagReader


@dataclass(frozen=True)
class FusedReader(RagReader):
    """Retrieve as `rag` does, and read passages whose keys and values are made once, whatever the question.

    A passage is read when it is first retrieved, behind what stands before all passages, and its keys and values are
    kept for all questions to come; then the question alone is read. So passages have no numbers here. Those that fall
    out of the memory are read again. `cached_tokens` counts the tokens that were not computed for a question; one that
    was computed anew in some layers only counts by their share.

    Args:
        chunker: cuts documents into passages.
        retriever: makes a retriever from passages.
        llm: reads; an engine whose model is within reach (`hf`), with layers like Llama's.
        steps: rerankers, selectors and pruners that refine what is retrieved, in turn.
        order: in which passages are read: `relevance`, `reverse`, `document` or `sides`.
        max_tokens: of an answer, where the data set's wording does not say.
        overflow: what becomes of passages that do not fit the window (see `rag`).
        seed: of an engine that samples.
        prompt: a language that ships, or a file of your own.
        instruction: put after every question that is read.
        collection: documents in all of which every question is searched; None searches its own.
        where: keep only passages whose metadata is so.
        fusion: how passages are put together; see `rlc.pipeline.fusion.FUSIONS`.
        memory_gib: of keys and values of passages that are kept, in GiB; those used longest ago go first.
    """

    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "ask.prefix": ("source?", "passages"),
        "ask.question": ("question",),
        "passage.text": ("passage",),
        "source.other": (),
    }

    _: KW_ONLY
    fusion: Fusion
    memory_gib: float = 2.0

    def __post_init__(self) -> None:
        if self.memory_gib < 0:
            raise ValueError(f"memory_gib must not be negative, got {self.memory_gib}")
        super().__post_init__()
        self._engine  # noqa: B018 - an engine that cannot do it is refused here, not at the first question

    @cached_property
    def _engine(self) -> LLM:
        return adapted(self.llm, ReadApart(self.fusion, self.memory_gib))

    @cached_property
    def _texts(self) -> PromptTexts:
        return read_prompts(FusedReader, self.prompt)

    def _prompt(self, example: Example, texts: Sequence[str]) -> PassagesPrompt:
        prompt = super()._prompt(example, texts)
        if wording_of(
            example, self.prompt
        ):  # its authors put texts one behind the other, with a blank line between
            pieces = [text + "\n\n" * (number < len(texts)) for number, text in enumerate(texts, 1)]
        else:
            pieces = [self._texts.fill("passage.text", passage=text) for text in texts]
        return PassagesPrompt(prompt.prefix, prompt.question, prompt.system, prompt.reply, tuple(pieces))

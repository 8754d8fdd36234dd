"""Models that write propositions: any engine that is told the rules, or one trained for the task."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rlc.data.errors import EngineError, WeightsError, require
from rlc.data.prompt_files import PromptTexts
from rlc.data.protocols import LLM
from rlc.data.weights import load_whole, resolve

SCHEMA = {"type": "array", "items": {"type": "string"}}


@dataclass(frozen=True)
class Written:
    """What a writer made of one passage, and the model tokens that it took."""

    text: str
    tokens: int


class Writer(Protocol):
    """Writes each passage anew as a JSON list of propositions."""

    def __call__(self, passages: Sequence[str], /) -> list[Written]:
        """Answer every passage, in order."""
        ...


@dataclass(frozen=True)
class EngineWriter:
    """Any language model, told the rules."""

    llm: LLM
    texts: PromptTexts
    max_tokens: int
    guided: bool = False

    def __call__(self, passages: Sequence[str], /) -> list[Written]:
        """Answer every passage, in order.

        Raises:
            EngineError: if the engine fails on one.
        """
        prompts = [self.texts.prompt("ask", passage=passage) for passage in passages]
        schema = SCHEMA if self.guided else None
        generations = self.llm.generate(prompts, max_tokens=self.max_tokens, schema=schema)
        for passage, generation in zip(passages, generations, strict=True):
            if generation.error is not None:
                raise EngineError(
                    f"{self.llm.name} wrote no propositions of {passage[:60]!r}: {generation.error}"
                )
        return [Written(g.text, g.usage.prompt_tokens + g.usage.output_tokens) for g in generations]


class Seq2SeqWriter:
    """A sequence-to-sequence model trained for the task, run greedily."""

    def __init__(self, model: str, max_tokens: int, batch: int = 8) -> None:
        require("torch", "transformers")
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

        place = str(resolve(model))
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
            self._model = load_whole(AutoModelForSeq2SeqLM, place).eval()
        except (OSError, ValueError) as error:
            raise WeightsError(
                f"cannot load the proposition model {model!r}: {error}; name a folder or a Hugging Face id of a "
                "sequence-to-sequence model with its tokenizer"
            ) from error
        self._max_tokens = max_tokens
        self._batch = batch

    def __call__(self, passages: Sequence[str], /) -> list[Written]:
        """Answer every passage, in order."""
        batches = [passages[i : i + self._batch] for i in range(0, len(passages), self._batch)]
        return [written for batch in batches for written in self._write(list(batch))]

    def _write(self, passages: list[str]) -> list[Written]:
        import torch

        inputs = self._tokenizer(passages, return_tensors="pt", padding=True)
        with torch.inference_mode():
            outputs = self._model.generate(**inputs, max_new_tokens=self._max_tokens, do_sample=False)
        texts = self._tokenizer.batch_decode(outputs, skip_special_tokens=True)
        read = inputs["attention_mask"].sum(dim=1).tolist()
        new = (outputs != self._model.config.pad_token_id).sum(dim=1).tolist()
        return [Written(text, a + b) for text, a, b in zip(texts, read, new, strict=True)]

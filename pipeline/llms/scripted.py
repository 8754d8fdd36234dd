"""An engine for tests: it says what it was told to say, and counts as a real one would."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rlc.data.errors import UnsupportedError
from rlc.data.protocols import Generation, Prompt, Sampling, Tokenizer
from rlc.data.records import Usage
from rlc.data.spec import Spec
from rlc.data.tokens import ApproximateTokenizer, head
from rlc.pipeline.llms.support.engine import Engine
from rlc.pipeline.llms.support.remote import is_json
from rlc.pipeline.llms.support.stopping import cut_at_stop

Answers = Mapping[str, str] | Callable[[Prompt], str | Generation]

KEPT_CALLS = 30  # each holds all that it asked about, a document's questions with its text


@dataclass(frozen=True, kw_only=True)
class Call(Sampling):
    """One call of `generate`, as it came in."""

    prompts: tuple[Prompt, ...]


class ScriptedLLM(Engine):
    """Answers from a script; deterministic, no model, the last calls kept in `calls`.

    `answers` is a function of the prompt, or a mapping whose first key that occurs in the question decides (the
    key `""` occurs in every question). The script may give a whole `Generation`, to play log-probabilities or an
    error; its usage is counted here all the same. The cache is one prefix deep, as a local engine's: a prompt
    whose system text and prefix equal those of the prompt before it has them cached.
    """

    VERSION: ClassVar[int] = 1

    @classmethod
    def example(cls) -> Spec:
        """One answer to every question."""
        return {"answers": {"": "yes"}}

    def __init__(
        self,
        answers: Answers,
        window: int = 8192,
        name: str = "scripted",
        tokenizer: Tokenizer | None = None,
    ) -> None:
        self.name = name
        self.window = window
        self.tokenizer: Tokenizer = tokenizer or ApproximateTokenizer()
        self.calls: list[Call] = []
        self._answers = answers
        self._kept = ("", "")
        self._counted = (self._kept, 0)

    def count(self, prompt: Prompt) -> int:
        """The tokens of the texts; there is no template."""
        return self._count_shared(prompt) + sum(map(self.tokenizer.count, prompt.parts[2:]))

    def _generate_all(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Generation]:
        """Recite the answers, cut at `stop` and `max_tokens`.

        A prompt that leaves no room for `max_tokens` in the window, a question that the script does not know, and
        with a `schema` an answer that is not JSON, are error generations.

        Raises:
            UnsupportedError: if log-probabilities are wanted and the script gives none.
        """
        self.calls.append(Call(prompts=tuple(prompts), **sampling.wishes))
        del self.calls[:-KEPT_CALLS]
        return [self._answer(prompt, sampling) for prompt in prompts]

    def _answer(self, prompt: Prompt, sampling: Sampling) -> Generation:
        max_tokens = sampling.max_tokens
        prompt_tokens = self.count(prompt)
        if prompt_tokens + max_tokens > self.window:
            return _failure(
                f"a prompt of {prompt_tokens} tokens and {max_tokens} new ones exceed the window, {self.window}"
            )
        generation = self._recite(prompt)
        if generation.error is not None:
            return replace(generation, finish_reason="error")
        if sampling.logprobs and generation.logprobs is None:
            raise UnsupportedError(
                "the script gives no log-probabilities: let it return a Generation with them"
            )
        if sampling.schema is not None and not is_json(generation.text):
            return _failure(
                f"a schema was given and the scripted answer is not JSON: {generation.text[:80]!r}"
            )
        cached = self._cached(prompt)
        text, _ = cut_at_stop(generation.text, sampling.stop)
        tokens = self.tokenizer.count(text)
        usage = Usage(
            prompt_tokens=prompt_tokens, cached_tokens=cached, output_tokens=min(tokens, max_tokens)
        )
        if tokens > max_tokens:
            text = head(self.tokenizer, text, max_tokens)
            generation = replace(generation, finish_reason="length")
        scored = None
        if sampling.logprobs and generation.logprobs is not None:
            scored = generation.logprobs.within(0, len(text))
        return replace(generation, text=text, usage=usage, logprobs=scored)

    def _recite(self, prompt: Prompt) -> Generation:
        if callable(self._answers):
            scripted = self._answers(prompt)
            return scripted if isinstance(scripted, Generation) else Generation(scripted)
        for key, text in self._answers.items():
            if key in prompt.question + prompt.reply:
                return Generation(text)
        return _failure(
            f"the script has no answer to {prompt.question[:80]!r}; known: {', '.join(self._answers)}"
        )

    def _cached(self, prompt: Prompt) -> int:
        key = (prompt.system, prompt.prefix)
        hit, self._kept = key == self._kept, key
        return self._count_shared(prompt) if hit else 0

    def _count_shared(self, prompt: Prompt) -> int:
        """The tokens of what prompts share; the last is kept, for many questions come with one long prefix."""
        key = (prompt.system, prompt.prefix)
        counted, tokens = self._counted
        if key != counted:
            tokens = sum(map(self.tokenizer.count, key))
            self._counted = (key, tokens)
        return tokens


def _failure(error: str) -> Generation:
    return Generation("", finish_reason="error", error=error)

"""Any langchain-core chat model as an engine."""

import functools
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import httpx
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable

from rlc.data.errors import EngineError, EngineUnavailableError, UnsupportedError
from rlc.data.lazy import load
from rlc.data.protocols import Generation, Prompt, Sampling, Tokenizer, Weights
from rlc.data.records import Usage
from rlc.data.spec import Spec
from rlc.data.tokens import load_tokenizer
from rlc.pipeline.llms.support.engine import CompletingEngine
from rlc.pipeline.llms.support.remote import ask_by_prefix, ending, estimate_tokens
from rlc.pipeline.llms.support.spelling import scored_pieces
from rlc.pipeline.llms.support.thought import separate_thought
from rlc.pipeline.llms.support.wire import TokenLogprob

NO_ACCESS = (401, 403, 404)
END_NAMES = ("finish_reason", "stop_reason", "done_reason", "stopReason", "finishReason")
THOUGHT_BLOCKS = ("thinking", "reasoning")


class LangChainLLM(CompletingEngine):
    """A `BaseChatModel` behind the `LLM` protocol.

    Args:
        model: the chat model; temperature, seed, key and retries are its own settings.
        window: usable context length in tokens.
        target: in place of `model`, `"package.module:factory"`, which is imported and called with `arguments`:
            so a recipe can name a model. It is code, so it needs `--allow-code` or a line in your `trusted.toml`.
        arguments: settings for the factory.
        tokenizer: the model's, or an approximation; an object, or a name for `load_tokenizer`.
        concurrency: calls in flight; the first question on a document goes before the others.

    `max_tokens`, `stop` and a temperature that is wanted are passed with each call; `seed` is not, as many models refuse it. With a schema the
    call goes through `with_structured_output`, which passes no settings on: the model's own limit holds.
    A message without `usage_metadata` is counted with `tokenizer`.
    """

    VERSION: ClassVar[int] = 1
    CODE: ClassVar[Sequence[str]] = ("target",)

    @classmethod
    def example(cls) -> Spec:
        """A chat model that recites."""
        return {
            "target": "langchain_core.language_models:FakeListChatModel",
            "arguments": {"responses": ["yes"]},
            "window": 512,
        }

    def __init__(
        self,
        model: BaseChatModel | None = None,
        *,
        window: int,
        target: str = "",
        arguments: Mapping[str, Any] | None = None,
        tokenizer: Tokenizer | Weights = "approximate",
        concurrency: int = 8,
    ) -> None:
        if (model is None) == (not target):
            raise ValueError("expected either model, an object, or target, 'package.module:factory'")
        if window < 1 or concurrency < 1:
            raise ValueError(
                f"window and concurrency must be at least 1, got window={window}, concurrency={concurrency}"
            )
        self._model = model if model is not None else _make(target, arguments or {})
        self.name = _name(self._model)
        self.window = window
        self.tokenizer: Tokenizer = load_tokenizer(tokenizer) if isinstance(tokenizer, str) else tokenizer
        self._concurrency = concurrency

    def count(self, prompt: Prompt) -> int:
        """The prompt's tokens by `tokenizer`, plus `remote.TEMPLATE_TOKENS` for the model's chat template."""
        return estimate_tokens(self.tokenizer, prompt)

    def generate_as_completed(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[tuple[int, Generation]]:
        """Answer every prompt, each with its place as it ends; a call that failed is a generation with an error.

        Raises:
            UnsupportedError: if the model has no structured output, sends no log-probabilities, or is asked for
                a schema and either log-probabilities or a temperature.
            EngineUnavailableError: if the model's server is not there, or refuses key or model (401, 403, 404).
        """
        if sampling.schema is not None:
            if sampling.logprobs or sampling.temperature is not None:
                raise UnsupportedError(
                    "a chat model takes a schema alone: ask for no log-probabilities with it, and for no temperature"
                )
            ask = functools.partial(self._ask_structured, self._structured(sampling.schema))
        else:
            settings: dict[str, Any] = {
                "max_tokens": sampling.max_tokens,
                "stop": list(sampling.stop) or None,
            }
            if sampling.temperature is not None:
                settings["temperature"] = sampling.temperature
            if sampling.logprobs:
                settings["logprobs"] = True
            ask = functools.partial(self._ask, settings)
        yield from ask_by_prefix(prompts, ask, self._concurrency)

    def _ask(self, settings: Mapping[str, Any], prompt: Prompt, stopped: threading.Event) -> Generation:  # noqa: ARG002 - a chat model cannot be stopped
        start = time.perf_counter()
        # A batch of one: providers' exceptions share no base class, and `batch` hands them back as values.
        [reply] = self._model.batch([_messages(prompt)], return_exceptions=True, **settings)
        seconds = time.perf_counter() - start
        if isinstance(reply, Exception):
            return self._failure(reply, seconds)
        generation = self._generation(reply, reply.text, prompt, seconds, logprobs="logprobs" in settings)
        return separate_thought(
            generation, self.tokenizer, settings["max_tokens"], thought=_thought_beside(reply)
        )

    def _ask_structured(
        self,
        model: Runnable[Any, Any],
        prompt: Prompt,
        stopped: threading.Event,  # noqa: ARG002 - a chat model cannot be stopped
    ) -> Generation:
        start = time.perf_counter()
        [reply] = model.batch([_messages(prompt)], return_exceptions=True)
        seconds = time.perf_counter() - start
        if isinstance(reply, Exception):
            return self._failure(reply, seconds)
        if reply["parsed"] is None:
            error = (
                f"{self.name} did not follow the schema: {reply['parsing_error'] or reply['raw'].text[:80]!r}"
            )
            return Generation("", "error", self._usage(reply["raw"], "", prompt, seconds), error=error)
        return self._generation(
            reply["raw"], json.dumps(reply["parsed"], ensure_ascii=False), prompt, seconds
        )

    def _structured(self, schema: Mapping[str, Any]) -> Runnable[Any, Any]:
        try:
            return self._model.with_structured_output({"title": "answer", **schema}, include_raw=True)
        except NotImplementedError as error:
            raise UnsupportedError(
                f"{type(self._model).__name__} has no structured output: {error}"
            ) from error

    def _generation(
        self, message: AIMessage, text: str, prompt: Prompt, seconds: float, logprobs: bool = False
    ) -> Generation:
        usage = self._usage(message, text, prompt, seconds)
        said = message.response_metadata
        tokens = (said.get("logprobs") or {}).get("content")
        if logprobs and not tokens and text:
            raise UnsupportedError(
                f"{self.name} sends no log-probabilities: take a model that does, or a method without them"
            )
        end = ending(next((said[name] for name in END_NAMES if said.get(name)), None), text)
        if text != message.text:  # a structured answer may end in a tool call
            return Generation(text, "stop", usage)
        if end.error is not None:
            return Generation(text, "error", usage, error=f"{self.name} {end.error}")
        if message.tool_calls and not text:
            called = ", ".join(call["name"] for call in message.tool_calls)
            error = f"{self.name} called the tool {called} in place of an answer"
            return Generation(text, "error", usage, error=error)
        scored = None
        if logprobs:
            told = [TokenLogprob.model_validate(token) for token in tokens or ()]
            try:
                scored = scored_pieces([one.spelled for one in told], [one.logprob for one in told], text)
            except EngineError as error:
                return Generation(text, "error", usage, error=f"{self.name}: {error}")
        return Generation(text, end.finish_reason, usage, scored, note=end.note)

    def _usage(self, message: AIMessage, text: str, prompt: Prompt, seconds: float) -> Usage:
        counts = message.usage_metadata
        if counts is None:
            output = self.tokenizer.count(text)
            return Usage(prompt_tokens=self.count(prompt), output_tokens=output, seconds=seconds)
        return Usage(
            prompt_tokens=counts["input_tokens"],
            cached_tokens=counts.get("input_token_details", {}).get("cache_read") or 0,
            cache_write_tokens=counts.get("input_token_details", {}).get("cache_creation") or 0,
            output_tokens=counts["output_tokens"],
            thought_tokens=counts.get("output_token_details", {}).get("reasoning") or 0,
            seconds=seconds,
        )

    def _failure(self, error: Exception, seconds: float) -> Generation:
        message = f"{self.name}: {type(error).__name__}: {error}"
        if isinstance(error, ConnectionError | httpx.ConnectError):
            raise EngineUnavailableError(f"{message}; is its server running?") from error
        if getattr(error, "status_code", None) in NO_ACCESS:
            raise EngineUnavailableError(f"{message}; check its key, its address and its name") from error
        return Generation("", "error", Usage(seconds=seconds), error=message)


def _thought_beside(message: AIMessage) -> str:
    """A thought that the integration told apart: beside the text, or as blocks of the content."""
    beside = message.additional_kwargs.get("reasoning_content")
    blocks = [block for block in message.content if isinstance(block, dict)]
    thoughts = [block.get(str(block.get("type"))) for block in blocks if block.get("type") in THOUGHT_BLOCKS]
    return "\n".join(thought for thought in [beside, *thoughts] if isinstance(thought, str))


def _messages(prompt: Prompt) -> list[BaseMessage]:
    system: list[BaseMessage] = [SystemMessage(prompt.system)] if prompt.system else []
    return [*system, HumanMessage(prompt.prefix + prompt.question)]


def _make(target: str, arguments: Mapping[str, Any]) -> BaseChatModel:
    """Import the factory and call it."""
    try:
        factory = load(target)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"target must be an importable 'package.module:factory', got {target!r}: {error}"
        ) from error
    model = factory(**arguments)
    if not isinstance(model, BaseChatModel):
        raise TypeError(f"{target} made a {type(model).__name__}, expected a langchain-core BaseChatModel")
    return model


def _name(model: BaseChatModel) -> str:
    """What the integration calls its model (`model` or `model_name`, by custom), else its class."""
    named = getattr(model, "model_name", None) or getattr(model, "model", None)
    return named if isinstance(named, str) else type(model).__name__

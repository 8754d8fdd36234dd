"""The OpenAI chat protocol: the part of a reply that is read, whole or streamed."""

import time
from collections.abc import Iterable

from pydantic import BaseModel, Field, ValidationError, field_validator

from rlc.data.protocols import Prompt


class Message(BaseModel):
    """What the model said."""

    content: str


class TokenLogprob(BaseModel):
    """The log-probability of one new token."""

    logprob: float


class Logprobs(BaseModel):
    """Those of all new tokens."""

    content: list[TokenLogprob] | None = None


class Choice(BaseModel):
    """One answer; only one is asked for."""

    message: Message
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


class CachedTokens(BaseModel):
    """How many prompt tokens the server's prefix cache held."""

    cached_tokens: int | None = None


class TokenCounts(BaseModel):
    """The server's own counts."""

    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: CachedTokens | None = None


class Timing(BaseModel):
    """Where a request's time went, in milliseconds, as vLLM tells it under `--enable-per-request-metrics`."""

    queue_time_ms: float | None = None
    time_to_first_token_ms: float | None = None  # from leaving the queue
    generation_time_ms: float | None = None  # from the first token to the last


class Timed(BaseModel):
    """What may carry such times."""

    metrics: Timing | None = None

    @field_validator("metrics", mode="before")
    @classmethod
    def _only_tables(cls, value: object) -> object:
        """Other servers may mean something else by the name: that is no reason to lose their answer."""
        return value if isinstance(value, dict | Timing) else None


class Reply(Timed):
    """A chat completion."""

    choices: list[Choice] = Field(min_length=1)
    usage: TokenCounts | None = None


class Delta(BaseModel):
    """A piece of what the model said."""

    content: str | None = None


class Piece(BaseModel):
    """A piece of an answer."""

    delta: Delta
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


class Chunk(Timed):
    """One event of a streamed chat completion; the one with the usage has no choice."""

    choices: list[Piece]
    usage: TokenCounts | None = None


def messages(prompt: Prompt) -> list[dict[str, str]]:
    """The prompt as chat messages: the system text, if any, and the user's."""
    system = [{"role": "system", "content": prompt.system}] if prompt.system else []
    return [*system, {"role": "user", "content": prompt.prefix + prompt.question}]


def read_stream(lines: Iterable[str]) -> tuple[Reply, float]:
    """Put a stream of server-sent events together: the reply, and `perf_counter` at its first token.

    Raises:
        pydantic.ValidationError: on an event that is no chunk of a chat completion.
        EOFError: if the stream ends before the answer does.
    """
    text, finish_reason, usage, metrics, first = "", None, None, None, None
    logprobs: list[TokenLogprob] = []
    for line in lines:
        field, _, data = line.partition(":")
        if field != "data":  # a blank line, a comment, another field
            continue
        if data.strip() == "[DONE]":
            break
        chunk = Chunk.model_validate_json(data)
        usage, metrics = chunk.usage or usage, chunk.metrics or metrics
        for piece in chunk.choices:
            if piece.delta.content and first is None:
                first = time.perf_counter()
            text += piece.delta.content or ""
            finish_reason = piece.finish_reason or finish_reason
            logprobs += (piece.logprobs and piece.logprobs.content) or []
    if finish_reason is None:
        raise EOFError(f"the stream ended before the answer did, after {len(text)} characters")
    choice = Choice(
        message=Message(content=text),
        finish_reason=finish_reason,
        logprobs=Logprobs(content=logprobs) if logprobs else None,
    )
    return Reply(choices=[choice], usage=usage, metrics=metrics), first or time.perf_counter()


def complaint(error: ValidationError) -> str:
    """The first thing that was wrong with a reply, on one line."""
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place or 'body'}: {first['msg']}, got {str(first['input'])[:200]!r}"

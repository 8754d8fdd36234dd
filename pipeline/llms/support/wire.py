"""The OpenAI chat protocol: the part of a reply that is read, whole or streamed.

What a server adds to an answer (counts, times) is read field by field: one that is absent, or is no number that could
be true, costs itself alone and never the answer.
"""

import builtins
import json
import re
import time
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, NamedTuple, TypeVar

import pydantic_core
from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator

from rlc.data.errors import EngineError
from rlc.data.exchange import TooLongError
from rlc.data.plain import parse_json
from rlc.data.protocols import Prompt

Read = TypeVar("Read", bound=BaseModel)

# Says that the model must answer by calling the one tool that there is.
ANSWER_TOOL = {"type": "function", "function": {"name": "answer"}}
MOST_TOKENS = 2**53  # beyond it no count is one
LONGEST_MILLISECONDS = 1e9  # eleven days

_PASSING = re.compile(
    r"rate.?limit|too many requests|overload|unavailable|time.?out|timed out|capacity|try again|server.?error"
    r"|internal.?error",
    re.IGNORECASE,
)


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_TOKENS:
        return None
    return int(value)


def _milliseconds(value: object) -> float | None:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 <= value <= LONGEST_MILLISECONDS
    ):
        return None
    return float(value)


def _table(value: object) -> object:
    """Where other servers mean something else by a name, that is no reason to lose their answer."""
    return value if isinstance(value, dict | BaseModel) else None


Count = Annotated[int | None, BeforeValidator(_count)]
Milliseconds = Annotated[float | None, BeforeValidator(_milliseconds)]


class Message(BaseModel):
    """What the model said: its `content`, and apart from it its `thought`, its `refusal` and the `tools` it calls.

    `arguments` are those of the first call, as the model wrote them.
    """

    content: str = ""
    thought: str = ""
    refusal: str = ""
    tools: list[str] = Field(default_factory=list)
    arguments: str = ""

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, raw: object) -> object:
        """Servers call a thought by several names, and some send a list of parts for a text."""
        if not isinstance(raw, dict):
            return raw
        content = raw.get("content")
        thoughts = [
            _text(raw.get("reasoning_content")) or _text(raw.get("reasoning")) or _text(raw.get("thinking"))
        ]
        if isinstance(content, list):
            thoughts += [
                _text(part.get(part["type"])) or _text(part) for part in content if _is_thought(part)
            ]
            content = "".join(_text(part) for part in content if not _is_thought(part))
        calls = raw.get("tool_calls")
        return {
            "content": "" if content is None else content,
            "thought": "\n".join(thought for thought in thoughts if thought),
            "refusal": _text(raw.get("refusal")),
            "tools": [str(_function(call).get("name", "?")) for call in calls]
            if isinstance(calls, list)
            else [],
            "arguments": _arguments(calls[0]) if isinstance(calls, list) and calls else "",
        }


def _text(value: object) -> str:
    """A text, or that of a part or a list of parts."""
    if isinstance(value, list):
        return "".join(map(_text, value))
    if isinstance(value, dict):
        return _text(value.get("text"))
    return value if isinstance(value, str) else ""


def _is_thought(part: object) -> bool:
    return isinstance(part, dict) and part.get("type") in ("thinking", "reasoning")


def _function(call: object) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, dict) else None
    return function if isinstance(function, dict) else {}


def _arguments(call: object) -> str:
    """A call's arguments, which some servers send as JSON in place of its text."""
    said = _function(call).get("arguments", "")
    return said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)


class TokenLogprob(BaseModel):
    """The log-probability of one new token, what it spells, and its bytes where it may be half a character."""

    logprob: float
    token: str = ""
    bytes: list[Annotated[int, Field(ge=0, le=255)]] | None = None

    @property
    def spelled(self) -> "builtins.bytes":
        """The bytes of the token, in UTF-8."""
        return self.token.encode(errors="replace") if self.bytes is None else builtins.bytes(self.bytes)


class Logprobs(BaseModel):
    """The log-probabilities of all new tokens."""

    content: list[TokenLogprob] | None = None


class Choice(BaseModel):
    """One answer; only one is asked for."""

    message: Message
    finish_reason: str | None = None
    logprobs: Annotated[Logprobs | None, BeforeValidator(_table)] = None


class PromptDetails(BaseModel):
    """How many prompt tokens the server's prefix cache held, and how many it was paid to keep."""

    cached_tokens: Count = None
    cache_write_tokens: Count = None


class OutputDetails(BaseModel):
    """How many new tokens were thought."""

    reasoning_tokens: Count = None


class TokenCounts(BaseModel):
    """The server's own counts; None where it tells none that could be true."""

    prompt_tokens: Count = None
    completion_tokens: Count = None
    total_tokens: Count = None
    prompt_cache_hit_tokens: Count = None  # DeepSeek's word for what was cached
    reasoning_tokens: Count = None  # SGLang's place
    prompt_tokens_details: Annotated[PromptDetails | None, BeforeValidator(_table)] = None
    completion_tokens_details: Annotated[OutputDetails | None, BeforeValidator(_table)] = None

    @property
    def cached(self) -> int:
        details = self.prompt_tokens_details or PromptDetails()
        return details.cached_tokens or self.prompt_cache_hit_tokens or 0

    @property
    def cache_write(self) -> int:
        return (self.prompt_tokens_details or PromptDetails()).cache_write_tokens or 0

    @property
    def beside(self) -> int:
        """New tokens that stand in the total alone: some leave the thought out of the completion's, and bill it."""
        if None in (self.prompt_tokens, self.completion_tokens, self.total_tokens):
            return 0
        return max(0, (self.total_tokens or 0) - (self.prompt_tokens or 0) - (self.completion_tokens or 0))

    @property
    def written(self) -> int | None:
        """All new tokens, thought or not."""
        return None if self.completion_tokens is None else self.completion_tokens + self.beside

    @property
    def thought(self) -> int:
        """New tokens that were thought."""
        details = self.completion_tokens_details or OutputDetails()
        return details.reasoning_tokens or self.reasoning_tokens or self.beside


class Timing(BaseModel):
    """Where a request's time went, in milliseconds, as vLLM tells it under `--enable-per-request-metrics`."""

    queue_time_ms: Milliseconds = None
    time_to_first_token_ms: Milliseconds = None  # from leaving the queue
    generation_time_ms: Milliseconds = None  # from the first token to the last


class Timings(BaseModel):
    """What llama.cpp's server tells: the prompt tokens that it had read before."""

    cache_n: Count = None


class Told(BaseModel):
    """What a server may tell beside its answer."""

    timings: Annotated[Timings | None, BeforeValidator(_table)] = None

    usage: Annotated[TokenCounts | None, BeforeValidator(_table)] = None
    metrics: Annotated[Timing | None, BeforeValidator(_table)] = None


class Reply(Told):
    """A chat completion as the server sent it."""

    choices: list[Choice] = Field(min_length=1)


class Piece(BaseModel):
    """A piece of an answer."""

    delta: Message
    finish_reason: str | None = None
    logprobs: Annotated[Logprobs | None, BeforeValidator(_table)] = None


class Chunk(Told):
    """One event of a streamed chat completion; the one with the usage has no choice."""

    choices: list[Piece]


class Fault(NamedTuple):
    """An error that a server tells in place of an answer; one that is `passing` may be gone at the next attempt."""

    words: str
    passing: bool


class FaultError(EngineError):
    """A server's own words for what went wrong, under a status that says success."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.words)
        self.fault = fault


def messages(prompt: Prompt, system_role: bool = True) -> list[dict[str, str]]:
    """The prompt as chat messages: the system text, if any, and the user's; or both in the user's turn."""
    user = prompt.prefix + prompt.question
    if prompt.system and not system_role:
        return [{"role": "user", "content": f"{prompt.system}\n\n{user}"}]
    system = [{"role": "system", "content": prompt.system}] if prompt.system else []
    return [*system, {"role": "user", "content": user}]


def structured(schema: Mapping[str, Any], by: str) -> dict[str, Any]:
    """The fields of a request whose answer follows a schema: by `response_format`, or as the one `tool` that is called."""
    form = {"name": "answer", "strict": True}
    if by == "tool":
        function = {**form, "parameters": dict(schema)}
        return {"tools": [{"type": "function", "function": function}], "tool_choice": ANSWER_TOOL}
    return {"response_format": {"type": "json_schema", "json_schema": {**form, "schema": dict(schema)}}}


def read_reply(body: bytes | str) -> Reply:
    """Read a reply that came whole.

    Raises:
        FaultError: if it is an error.
        pydantic.ValidationError: if it is no chat completion.
    """
    return _read(Reply, body)


def read_stream(lines: Iterable[str], most: int) -> tuple[Reply, float | None]:
    """Put a stream of server-sent events together: the reply, and `perf_counter` at its first token.

    Raises:
        FaultError: on an event that is an error.
        pydantic.ValidationError: on an event that is no chunk of a chat completion.
        TooLongError: after more than `most` characters.
        EOFError: if the stream ends before the answer does.
    """
    text, thought, arguments, length, first = [], [], "", 0, None
    finish_reason, usage, metrics = None, None, None
    logprobs: list[TokenLogprob] = []
    for line in lines:
        field, _, data = line.partition(":")
        if field != "data":  # a blank line, a comment, another field
            continue
        if data.strip() == "[DONE]":
            break
        try:
            chunk = _read(Chunk, data)
        except FaultError as error:
            if length:  # it took the request and fell over later
                raise FaultError(error.fault._replace(passing=True)) from None
            raise
        usage, metrics = chunk.usage or usage, chunk.metrics or metrics
        for piece in chunk.choices:
            said = piece.delta.content or piece.delta.thought or piece.delta.arguments
            if said and first is None:
                first = time.perf_counter()
            text.append(piece.delta.content)
            thought.append(piece.delta.thought)
            arguments += piece.delta.arguments
            length += len(piece.delta.content) + len(piece.delta.thought) + len(piece.delta.arguments)
            if length > most:
                raise TooLongError(f"goes on past its limit: {length} characters")
            finish_reason = finish_reason if piece.finish_reason is None else piece.finish_reason
            logprobs += (piece.logprobs and piece.logprobs.content) or []
    if finish_reason is None:
        raise EOFError(f"the stream ended before the answer did, after {length} characters")
    choice = Choice(
        message=Message.model_construct(
            content="".join(text), thought="".join(thought), refusal="", tools=[], arguments=arguments
        ),
        finish_reason=finish_reason,
        logprobs=Logprobs(content=logprobs) if logprobs else None,
    )
    return Reply(choices=[choice], usage=usage, metrics=metrics), first


def _read(kind: type[Read], body: bytes | str) -> Read:
    try:
        return kind.model_validate_json(body)
    except ValidationError:
        if fault := fault_of(body):
            raise FaultError(fault) from None
        if whole := _without_halves(body):
            return kind.model_validate_json(whole)
        raise


def _without_halves(body: bytes | str) -> bytes | None:
    """JSON that holds half a character, which a model may write, with a question mark in its place; None without one."""
    try:
        text = json.dumps(parse_json(body), ensure_ascii=False)
    except (ValueError, RecursionError):
        return None
    return text.encode(errors="replace") if re.search("[\ud800-\udfff]", text) else None


def fault_of(body: bytes | str) -> Fault | None:
    """The error in a body that is one; None where it is something else."""
    try:
        raw: Any = pydantic_core.from_json(body)
    except ValueError:
        return None
    error = (
        (raw.get("error") or (raw if raw.get("object") == "error" else None))
        if isinstance(raw, dict)
        else None
    )
    if not error:
        return None
    table = error if isinstance(error, dict) else {"message": error}
    words = str(table.get("message") or table.get("detail") or table)
    codes = [
        str(code) for code in (table.get("code"), table.get("status"), raw.get("code"), raw.get("status"))
    ]
    passing = any(re.fullmatch(r"408|425|429|5\d\d", code) for code in codes) or bool(
        _PASSING.search(" ".join([words, str(table.get("type", "")), *codes]))
    )
    return Fault(words, passing)


def complaint(error: ValidationError) -> str:
    """The first thing that was wrong with a reply."""
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place or 'body'}: {first['msg']}, got {str(first['input'])!r}"

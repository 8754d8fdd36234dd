"""Protocols: how a question is put to a server and how its reply is read, in the three forms that there are.

Every reply is brought into the form of a chat completion (`rlc.pipeline.llms.support.wire`), where its fields are checked
once for all.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rlc.data.plain import parse_json
from rlc.data.protocols import Prompt
from rlc.pipeline.llms.support import wire

Schema = Mapping[str, Any]
Fields = dict[str, Any]


def bearer(key: str) -> dict[str, str]:
    """The header that most servers want."""
    return {"Authorization": f"Bearer {key}"}


@dataclass(frozen=True)
class Protocol:
    """One form of requests and replies.

    Attributes:
        path: Where questions are posted, below the base URL.
        names: What it calls our settings; those that are not here it does not have.
        limits: What servers may call the most new tokens.
        asked: The fields that hold the prompt, with its system text in a place of its own or in the user's turn; and
            whether what stands before the question is to be kept for others.
        structured: The fields that hold an answer to a schema, by the way in which they do.
        read: Reads a reply that came whole.
        shaped: Last changes to a request whose fields are named.
        headers: The headers that carry the key.
    """

    path: str
    names: Mapping[str, str]
    limits: tuple[str, ...]
    asked: Callable[[Prompt, bool, bool], Fields]
    structured: Mapping[str, Callable[[Schema], Fields]]
    read: Callable[[bytes], wire.Reply]
    shaped: Callable[[Fields], Fields] = dict
    headers: Callable[[str], dict[str, str]] = field(default=bearer)


def reading(chat_form: Callable[[Mapping[str, Any]], object]) -> Callable[[bytes], wire.Reply]:
    """A reader of replies that a function brings into the form of a chat completion."""

    def read(body: bytes) -> wire.Reply:
        if fault := wire.fault_of(body):
            raise wire.FaultError(fault)
        try:
            said = parse_json(body)
        except (ValueError, RecursionError):
            return wire.read_reply(body)  # which says what is wrong with it
        return wire.read_reply(json.dumps(chat_form(said) if isinstance(said, dict) else said))

    return read


def _tables(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


# -- OpenAI's chat completions ---------------------------------------------------------------------------------------

CHAT = Protocol(
    "chat/completions",
    {
        name: name
        for name in (
            "max_tokens",
            "temperature",
            "seed",
            "stop",
            "logprobs",
            "stream",
            "stream_options",
        )
    },
    ("max_tokens", "max_completion_tokens"),
    lambda prompt, system_role, _: {"messages": wire.messages(prompt, system_role)},
    {
        way: lambda schema, way=way: wire.structured(schema, way)  # type: ignore[misc]
        for way in ("response_format", "tool")
    },
    wire.read_reply,
)


# -- OpenAI's responses ----------------------------------------------------------------------------------------------


def _response(said: Mapping[str, Any]) -> object:
    """A response in the form of a chat completion; one without output has no choice."""
    if "output" not in said:
        return said
    output = _tables(said["output"])
    parts = [part for item in output for part in _tables(item.get("content"))]
    usage = _table(said.get("usage"))
    message = {
        "content": [part for part in parts if part.get("type") == "output_text"],
        "reasoning": [item.get("summary") for item in output if item.get("type") == "reasoning"],
        "refusal": "".join(str(part.get("refusal")) for part in parts if part.get("type") == "refusal"),
        "tool_calls": [{"function": item} for item in output if item.get("type") == "function_call"],
    }
    scored = [one for part in parts for one in _tables(part.get("logprobs"))]
    cut = _table(said.get("incomplete_details")).get("reason")
    end = cut if said.get("status") == "incomplete" else said.get("status")
    counts = {
        "prompt_tokens": usage.get("input_tokens"),
        "completion_tokens": usage.get("output_tokens"),
        "prompt_tokens_details": usage.get("input_tokens_details"),
        "completion_tokens_details": usage.get("output_tokens_details"),
    }
    choice = {
        "message": message,
        "finish_reason": end,
        "logprobs": {"content": scored} if scored else None,
    }
    return {"choices": [choice], "usage": counts if usage else None}


def _response_schema(schema: Schema) -> Fields:
    return {
        "text": {
            "format": {
                "type": "json_schema",
                "name": "answer",
                "strict": True,
                "schema": dict(schema),
            }
        }
    }


def _response_tool(schema: Schema) -> Fields:
    tool = {"type": "function", "name": "answer", "strict": True, "parameters": dict(schema)}
    return {"tools": [tool], "tool_choice": {"type": "function", "name": "answer"}}


def _response_request(body: Fields) -> Fields:
    """Nothing is kept at the provider's, and log-probabilities have to be included by name."""
    scored = {"include": ["message.output_text.logprobs"]} if body.pop("logprobs", False) else {}
    return {"store": False, **scored, **body}


RESPONSES = Protocol(
    "responses",
    {"max_tokens": "max_output_tokens", "temperature": "temperature", "logprobs": "logprobs"},
    ("max_output_tokens",),
    lambda prompt, system_role, _: {"input": wire.messages(prompt, system_role)},
    {"response_format": _response_schema, "tool": _response_tool},
    reading(_response),
    _response_request,
)


# -- Anthropic's messages --------------------------------------------------------------------------------------------


def _message(said: Mapping[str, Any]) -> object:
    """A message in the form of a chat completion; its prompt tokens are told in three parts."""
    if "content" not in said:
        return said
    parts = _tables(said["content"])
    usage = _table(said.get("usage"))
    read = [
        usage.get(name) for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    ]
    counts = {
        "prompt_tokens": sum(one for one in read if isinstance(one, int)) if read[0] is not None else None,
        "prompt_tokens_details": {"cache_write_tokens": read[1], "cached_tokens": read[2]},
        "completion_tokens": usage.get("output_tokens"),
        "completion_tokens_details": {
            "reasoning_tokens": _table(usage.get("output_tokens_details")).get("thinking_tokens")
        },
    }
    calls = [
        {"function": {"name": part.get("name"), "arguments": part.get("input")}}
        for part in parts
        if part.get("type") == "tool_use"
    ]
    message = {
        "content": [part for part in parts if part.get("type") in ("text", "thinking")],
        "tool_calls": calls,
    }
    end = {"tool_use": "tool_calls"}.get(str(said.get("stop_reason")), said.get("stop_reason"))
    return {
        "choices": [{"message": message, "finish_reason": end}],
        "usage": counts if usage else None,
    }


KEPT = "cache_control"


def _message_asked(prompt: Prompt, system_role: bool, keep: bool) -> Fields:
    """The prompt as messages; the system text has a field of its own, and so has what is kept, with all before it."""
    *_, user = wire.messages(prompt, system_role)
    system = {"system": prompt.system} if prompt.system and system_role else {}
    if keep and prompt.prefix.strip() and prompt.question.strip():
        begins = user["content"].removesuffix(prompt.question)
        blocks = [
            {"type": "text", "text": begins, KEPT: {"type": "ephemeral"}},
            {"type": "text", "text": prompt.question},
        ]
        return {**system, "messages": [{**user, "content": blocks}]}
    return {**system, "messages": [user]}


def _message_schema(schema: Schema) -> Fields:
    return {"output_config": {"format": {"type": "json_schema", "schema": dict(schema)}}}


def _message_tool(schema: Schema) -> Fields:
    tool = {"name": "answer", "description": "Give the answer.", "input_schema": dict(schema)}
    return {"tools": [tool], "tool_choice": {"type": "tool", "name": "answer"}}


MESSAGES = Protocol(
    "messages",
    {"max_tokens": "max_tokens", "temperature": "temperature", "stop": "stop_sequences"},
    ("max_tokens",),
    _message_asked,
    {"response_format": _message_schema, "tool": _message_tool},
    reading(_message),
    headers=lambda key: {"x-api-key": key, "anthropic-version": "2023-06-01"},
)

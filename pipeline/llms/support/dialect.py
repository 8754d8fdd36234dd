"""What a server takes of a request: found out by its refusals, once, and remembered."""

import re
from collections.abc import Mapping
from typing import Any

from rlc.data.errors import EngineError, RlcError, UnsupportedError
from rlc.data.protocols import Prompt
from rlc.pipeline.llms.support import wire

DROPPABLE = {"temperature": "temperature", "seed": "seed", "stop": "", "stream_options": ""}
"""Fields that can be left out, and what an answer without them must say; stop strings are cut off here as well."""

LIMITS = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}

# How servers are told to think or not: vLLM's and SGLang's templates, then providers.
WISHES: Mapping[bool, tuple[dict[str, Any], ...]] = {
    False: (
        {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}},
        {"reasoning_effort": "none"},
        {"reasoning_effort": "minimal"},
    ),
    True: (
        {"chat_template_kwargs": {"enable_thinking": True, "thinking": True}},
        {"reasoning_effort": "medium"},
    ),
}

TOO_LONG = re.compile(
    r"context.?(?:length|window|size)|too (?:long|many tokens)|exceeds?.{0,40}(?:tokens|context)",
    re.IGNORECASE,
)
_REFUSES = re.compile(
    r"unsupported|n[o']?t.{0,12}support|n[o']?t.{0,6} (?:allowed|permitted|enabled|available|accepted)|unrecogni[sz]ed|unknown"
    r"|unexpected|extra (?:inputs|fields)|forbidden|deprecated|invalid|incompatible|only the default|must be|cannot",
    re.IGNORECASE,
)
_NO_SYSTEM = re.compile(
    r"system[ _-]?(?:role|message|prompt|instruction)|role.{0,60}\bsystem\b|\bsystem\b.{0,40}\brole"
    r"|developer instruction|roles must alternate|only user and assistant",
    re.IGNORECASE,
)


class Dialect:
    """Requests as one server takes them.

    Args:
        thinking: asks for a thought before the answer, or for none; None asks for nothing.
    """

    def __init__(self, thinking: bool | None = None) -> None:
        self._wishes = () if thinking is None else WISHES[thinking]
        self._wish = 0
        self._dropped: dict[str, None] = {}  # in the order of the refusals
        self._renamed: dict[str, str] = {}
        self._system_role = True

    def body(self, settings: Mapping[str, Any], prompt: Prompt) -> dict[str, Any]:
        """The request for a prompt."""
        wish = self._wishes[self._wish] if self._wish < len(self._wishes) else {}
        said = {
            self._renamed.get(key, key): value for key, value in settings.items() if key not in self._dropped
        }
        return {**wish, **said, "messages": wire.messages(prompt, self._system_role)}

    def learn(self, words: str, body: Mapping[str, Any]) -> bool:
        """Take a refusal in; whether the request can be made in another way now.

        A server that refuses both ways in which thoughts are turned on or off leaves nothing to try.
        """
        if TOO_LONG.search(words):
            return False
        if any(message["role"] == "system" for message in body["messages"]) and names_system_role(words):
            self._system_role = False
            return True
        if not _REFUSES.search(words):
            return False
        for field, other in LIMITS.items():
            if field in body and _names(field, words) and other not in self._renamed:
                self._renamed[field] = other
                return True
        for field in DROPPABLE:
            if field in body and _names(field, words):
                self._dropped[field] = None
                return True
        for place, wish in enumerate(self._wishes):
            if any(field in body and body[field] == wish[field] and _names(field, words) for field in wish):
                self._wish = max(self._wish, place + 1)
                return self._wish < len(self._wishes)
        return False

    def explained(self, words: str, refusal: str, body: Mapping[str, Any]) -> RlcError:
        """What to do about a refusal to which there is no other way of asking.

        Args:
            words: the server's own.
            refusal: the whole message that quotes them.
            body: the request.

        Returns:
            An `UnsupportedError` where every question would be refused, else an `EngineError`.
        """
        for field in ("response_format", "tools", "tool_choice", "logprobs"):
            if field in body and field in words:
                return UnsupportedError(f"the server refuses {field}: {refusal}")
        if any(field in words for wish in self._wishes for field in wish):
            return UnsupportedError(
                f"the server turns thoughts neither on nor off in a way known here: {refusal}; leave thinking unset and "
                "say it in its own words with extra_body"
            )
        if TOO_LONG.search(words):
            return EngineError(f"{refusal}; set window to what the server holds")
        return EngineError(
            f"{refusal}; if it names a field, leave that out (temperature = 'none', seed = false) or set it by extra_body"
        )

    @property
    def note(self) -> str:
        """What every answer must say of how it was asked; empty where nothing was changed."""
        left = [name for field in self._dropped if (name := DROPPABLE[field])]
        said = [f"were asked without {' and '.join(left)}, which the server refuses"] if left else []
        if not self._system_role:
            said.append("had the system text in the user's turn, as the server takes no system role")
        return "; ".join(said)


def _names(field: str, words: str) -> bool:
    return re.search(rf"(?<![\w]){re.escape(field)}(?![\w])", words) is not None


def names_system_role(words: str) -> bool:
    """Whether a server says that it takes no system role; some do so as if they had failed."""
    return _NO_SYSTEM.search(words) is not None

"""What a server takes of a request: found out by its refusals, once, and remembered while the process lives."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rlc.data.errors import EngineError, RlcError, UnsupportedError
from rlc.data.protocols import Prompt
from rlc.pipeline.llms.support.protocols import KEPT
from rlc.pipeline.llms.support.providers import Provider

DROPPABLE = {"temperature": "temperature", "seed": "seed", "stop": "", "stream_options": ""}
"""Settings that can be left out, and what an answer without them must say; stop strings are cut off here as well."""

TOO_LONG = re.compile(
    r"context.?(?:length|window|size)|too (?:long|many tokens)|exceeds?.{0,40}(?:tokens|context)",
    re.IGNORECASE,
)
_REFUSES = re.compile(
    r"unsupported|n[o']?t.{0,12}support|n[o']?t.{0,6} (?:allowed|permitted|enabled|available|accepted)|unrecogni[sz]ed|unknown"
    r"|unexpected|extra (?:inputs|fields)|forbidden|deprecated|invalid|incompatible|only (?:the default|be set)|must be|should be"
    r"|cannot",
    re.IGNORECASE,
)
_OF_VALUE = re.compile(r"\b(?:value|range|maximum|at (?:most|least)|(?:less|greater) than)\b", re.IGNORECASE)
_NO_SYSTEM = re.compile(
    r"system[ _-]?(?:role|message|prompt|instruction)|role.{0,60}\bsystem\b|\bsystem\b.{0,40}\brole"
    r"|developer instruction|roles must alternate|only user and assistant",
    re.IGNORECASE,
)


@dataclass
class Lessons:
    """What the refusals of one server taught about one model.

    Attributes:
        dropped: Our settings that it does not take, in the order of the refusals.
        renamed: What it calls the most new tokens, by the word that it refused.
        wish: Which of the ways of asking for a thought, or for none, it takes.
        ways: The ways of holding an answer to a schema that it does not take.
        system_role: Whether it knows a system role.
        keeps: Whether it lets itself be asked to keep what several prompts begin with.
    """

    dropped: dict[str, None] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    wish: int = 0
    ways: dict[str, None] = field(default_factory=dict)
    system_role: bool = True
    keeps: bool = True


LEARNED: dict[tuple[str, str, str, bool | None], Lessons] = {}
"""By base URL, provider, model and whether it is to think: a server takes other settings while its model thinks."""


class Dialect:
    """Requests as one server takes them.

    Args:
        provider: How it is asked.
        lessons: What is known of it already; what it refuses is added.
        thinking: Asks for a thought before the answer, or for none; None asks for nothing.
        room: Tokens for a thought.
        structured: The way in which an answer is held to a schema; None takes the provider's.
        extra: Further fields of every request; they override ours.
    """

    def __init__(
        self,
        provider: Provider,
        lessons: Lessons,
        thinking: bool | None = None,
        room: int = 0,
        structured: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.protocol = provider.protocol
        self._name_of = provider.name_of
        self._keeps = provider.keeps
        self._lessons = lessons
        self._wishes = () if thinking is None else provider.thinking(thinking, room)
        others = [way for way in provider.structured if way != structured]
        self._ways = [structured, *others] if structured else others
        self._extra = extra or {}
        self._lacking: dict[str, None] = {}  # what it has no word for, and was to be told

    def body(self, settings: Mapping[str, Any], prompt: Prompt, keep: bool = False) -> dict[str, Any]:
        """The request for a prompt; `keep` asks for what stands before its question to be kept for others.

        Raises:
            UnsupportedError: if log-probabilities are wanted, and there is no word for that.
        """
        known = self._lessons
        wish = self._wishes[known.wish] if known.wish < len(self._wishes) else {}
        said: dict[str, Any] = {}
        for setting, value in settings.items():
            name = self._named(setting)
            if setting in ("model", "schema"):
                said |= self._held_to(value) if setting == "schema" else {setting: value}
            elif name is not None:
                said[name] = value
            elif setting in DROPPABLE:
                self._lacking[setting] = None
            else:
                raise UnsupportedError(
                    f"{settings.get('model')} is behind {self.protocol.path}, which has no {setting} there: take another "
                    "server, or a method without them"
                )
        dropped = {self._named(setting) for setting in known.dropped}
        said = {name: value for name, value in {**said, **self._extra}.items() if name not in dropped}
        asked = self.protocol.asked(prompt, known.system_role, keep and self._keeps and known.keeps)
        return self.protocol.shaped({**wish, **said, **asked})

    def _held_to(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        left = [way for way in self._ways if way not in self._lessons.ways]
        return self.protocol.structured[(left or self._ways[-1:])[0]](schema)

    def _named(self, setting: str) -> str | None:
        name = self._name_of(setting)
        return name and self._lessons.renamed.get(name, name)

    def learn(self, words: str, body: Mapping[str, Any]) -> bool:
        """Take a refusal in; whether the request can be made in another way now.

        A server that refuses all ways in which thoughts are turned on or off, or an answer is held to a schema, leaves
        nothing to try.
        """
        if TOO_LONG.search(words):
            return False
        if _has_system_role(body) and names_system_role(words):
            self._lessons.system_role = False
            return True
        if not _REFUSES.search(words):
            return False
        lessons = (
            self._another_limit,
            self._one_less,
            self._another_wish,
            self._another_way,
            self._nothing_kept,
        )
        taught = (lesson(words, body) for lesson in lessons)
        return next((found for found in taught if found is not None), False)

    # Each says whether there is another way to ask; None where it was not this that is refused.

    def _another_limit(self, words: str, body: Mapping[str, Any]) -> bool | None:
        renamed = self._lessons.renamed
        for name in self.protocol.limits:
            others = [other for other in self.protocol.limits if other not in (name, *renamed)]
            if name in body and _names(name, words) and others and not _OF_VALUE.search(words):
                renamed[name] = others[0]
                return True
        return None

    def _one_less(self, words: str, body: Mapping[str, Any]) -> bool | None:
        for setting in DROPPABLE:
            name = self._name_of(setting)
            if name is not None and name in body and _names(name, words):
                self._lessons.dropped[setting] = None
                return True
        return None

    def _another_wish(self, words: str, body: Mapping[str, Any]) -> bool | None:
        for place, wish in enumerate(self._wishes):
            if any(name in body and body[name] == wish[name] and _names(name, words) for name in wish):
                self._lessons.wish = max(self._lessons.wish, place + 1)
                return self._lessons.wish < len(self._wishes)
        return None

    def _another_way(self, words: str, body: Mapping[str, Any]) -> bool | None:
        for way in self._ways:
            fields = self.protocol.structured[way]({})
            if fields.keys() <= body.keys() and any(_names(name, words) for name in fields):
                self._lessons.ways[way] = None
                return any(other not in self._lessons.ways for other in self._ways)
        return None

    def _nothing_kept(self, words: str, body: Mapping[str, Any]) -> bool | None:  # noqa: ARG002 - as the others
        if not (self._keeps and self._lessons.keeps and _names(KEPT, words)):
            return None
        self._lessons.keeps = False
        return True

    def explained(self, words: str, refusal: str, body: Mapping[str, Any]) -> RlcError:
        """What to do about a refusal to which there is no other way of asking.

        Args:
            words: the server's own.
            refusal: the whole message that quotes them.
            body: the request.

        Returns:
            An `UnsupportedError` where every question would be refused, else an `EngineError`.
        """
        held = {name: way for way in self._ways for name in self.protocol.structured[way]({})}
        schema = bool(held.keys() & body.keys())
        for name in (*held, "logprobs", "include"):
            if name in words and (name in body or (schema and name in held)):
                return UnsupportedError(f"the server refuses {name}: {refusal}")
        if self._wishes and any(name in words for name in ("thinking", *self._wishes[-1])):
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
        left = [name for setting in (*self._lessons.dropped, *self._lacking) if (name := DROPPABLE[setting])]
        said = []
        if left:
            differ = ": asked again, they may differ" if "temperature" in left else ""
            said.append(f"were asked without {' and '.join(left)}, which the server does not take{differ}")
        if not self._lessons.system_role:
            said.append("had the system text in the user's turn, as the server takes no system role")
        return "; ".join(said)


def _has_system_role(body: Mapping[str, Any]) -> bool:
    turns = body.get("messages", body.get("input", ()))
    return "system" in body or any(turn["role"] == "system" for turn in turns)


def _names(name: str, words: str) -> bool:
    return re.search(rf"(?<![\w]){re.escape(name)}(?![\w])", words) is not None


def names_system_role(words: str) -> bool:
    """Whether a server says that it takes no system role; some do so as if they had failed."""
    return _NO_SYSTEM.search(words) is not None

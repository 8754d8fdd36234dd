"""One exchange with a server of chat completions: the reply, and how long it took."""

import functools
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pydantic_core
from pydantic import ValidationError

from rlc.data.errors import EngineError, EngineUnavailableError
from rlc.data.exchange import CONNECT_SECONDS, Exchange, PassingError, RefusedError, lines_of
from rlc.data.records import Usage
from rlc.data.waiting import within
from rlc.pipeline.llms.support import wire
from rlc.pipeline.llms.support.dialect import names_system_role
from rlc.pipeline.llms.support.protocols import CHAT, Protocol
from rlc.pipeline.llms.support.providers import Window

TOKEN_SECONDS = 0.25  # that one token of an answer may take
BYTES_A_TOKEN = 64
SHORTEST_LIMIT = 4096  # characters of an answer, and of its thought, that are read in any case
WINDOW_NAMES = ("max_model_len", "context_length", "context_window", "max_context_length")


@dataclass(frozen=True)
class Received:
    """A reply with the time that it took."""

    url: str
    reply: wire.Reply
    first_token_seconds: float | None
    seconds: float

    @property
    def times(self) -> Usage:
        """What was measured here, and what the server tells of its own part."""
        told = self.reply.metrics or wire.Timing()
        queue, prefill, decode = (
            (milliseconds or 0.0) / 1000
            for milliseconds in (told.queue_time_ms, told.time_to_first_token_ms, told.generation_time_ms)
        )
        told_first = None if told.time_to_first_token_ms is None else queue + prefill
        return Usage(
            queue_seconds=queue,
            prefill_seconds=prefill,
            decode_seconds=decode,
            first_token_seconds=told_first if self.first_token_seconds is None else self.first_token_seconds,
            seconds=self.seconds,
        )


class Server(Exchange):
    """Asks for chat completions, in the form of a protocol.

    Args:
        model: what the server calls the model.
        key: sent in the protocol's header, never shown.
        key_name: the environment variable that it is from, for advice.
        protocol: the form of requests and replies.
        local: whether the server is this machine.
    """

    def __init__(
        self, model: str, key: str, key_name: str, protocol: Protocol = CHAT, *, local: bool
    ) -> None:
        super().__init__(model, key, key_name, protocol.headers(key), local=local)
        self._protocol = protocol

    def post(
        self, client: httpx.Client, url: str, body: Mapping[str, Any], silence: float, tokens: int
    ) -> Received:
        """Ask for one completion of `tokens` new tokens at most.

        `silence` is what each piece of the reply may take, in seconds; all of them together get `TOKEN_SECONDS` more for
        each token.

        Raises:
            PassingError: on a fault that may be gone at the next attempt.
            RefusedError: if the server does not take the request in this form.
            EngineUnavailableError: if nothing listens there, or it wants another key, path or model.
            EngineError: if what it sent is no completion.
        """
        start = time.perf_counter()
        seconds = silence + TOKEN_SECONDS * tokens
        read = functools.partial(self._read, url, bool(body.get("stream")), tokens)
        reply, first, ended = self.ask(client, url, body, silence, seconds, read)
        return Received(url, reply, None if first is None else first - start, ended - start)

    def _read(
        self, url: str, stream: bool, tokens: int, pieces: Iterator[bytes]
    ) -> tuple[wire.Reply, float | None, float]:
        """The reply, and `perf_counter` at its first token, where it is streamed, and at its end."""
        longest = max(SHORTEST_LIMIT, BYTES_A_TOKEN * tokens)
        first: float | None = None
        try:
            if stream:
                reply, first = wire.read_stream(lines_of(pieces), longest)
            else:
                reply = self._protocol.read(b"".join(pieces))
        except wire.FaultError as error:
            said = f"{url} sent an error in place of an answer: {self.words.excerpt(error.fault.words)}"
            raise (
                PassingError(said) if error.fault.passing else RefusedError(said, error.fault.words)
            ) from None
        except ValidationError as error:
            said = self.words.excerpt(wire.complaint(error))
            raise EngineError(f"{url} sent no chat completion: {said}") from None
        answer = reply.choices[0].message
        if len(answer.content) + len(answer.thought) > longest:
            raise EngineError(
                f"{url} sent an answer of {len(answer.content):,} characters to {longest:,} allowed"
            )
        return reply, first, time.perf_counter()

    def is_lasting(self, words: str) -> bool:
        """Whether a server that says that it has failed takes no system role: some do so as if they had failed."""
        return names_system_role(words)

    def window(self, client: httpx.Client, place: str, elsewhere: Window = lambda *_: None) -> int | None:
        """The context length that the server tells for the model, in tokens; None where it tells none.

        `elsewhere` finds it where the list of models does not tell.

        Raises:
            EngineUnavailableError: if nothing listens there, or it wants another key or path.
        """
        for entry in self._listed(client, place):
            if entry.get("id") == self._model and (
                told := _window(*(entry.get(name) for name in WINDOW_NAMES))
            ):
                return told
        return _window(
            elsewhere(functools.partial(self._look, client, place.removesuffix("/v1")), self._model)
        )

    def _look(
        self, client: httpx.Client, root: str, path: str, fields: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        """The table at a path of the server's own, to a GET or to a POST of fields; empty where there is none."""
        url = f"{root}/{path}"
        try:
            if fields is None:
                raw = within(2 * CONNECT_SECONDS, functools.partial(self.get, client, url))
            else:
                raw = self.ask(client, url, fields, CONNECT_SECONDS, CONNECT_SECONDS, b"".join)
            told = pydantic_core.from_json(raw)
        except (EngineError, ValueError, TimeoutError):
            return {}
        return told if isinstance(told, dict) else {}

    def models(self, client: httpx.Client, place: str) -> list[str]:
        """The models that the server says it has; none where it does not say."""
        try:
            return [str(entry["id"]) for entry in self._listed(client, place) if "id" in entry]
        except EngineUnavailableError:
            return []

    def _listed(self, client: httpx.Client, place: str) -> list[dict[str, Any]]:
        url = f"{place}/models"
        try:
            raw = within(2 * CONNECT_SECONDS, functools.partial(self.get, client, url))
            listed = pydantic_core.from_json(raw)
        except (PassingError, RefusedError, ValueError, TimeoutError):
            return []
        entries = listed.get("data") if isinstance(listed, dict) else None
        return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _window(*told: object) -> int | None:
    return next((value for value in told if type(value) is int and value > 0), None)

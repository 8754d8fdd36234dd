"""One exchange with a server within bounds: how long it takes, how much is read, and what its failures mean."""

import functools
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pydantic_core
from pydantic import ValidationError

from rlc.data.errors import EngineError, EngineUnavailableError
from rlc.data.records import Usage
from rlc.pipeline.llms.support import wire
from rlc.pipeline.llms.support.dialect import names_system_role
from rlc.pipeline.llms.support.protocols import CHAT, Protocol
from rlc.pipeline.llms.support.remote import within
from rlc.pipeline.llms.support.wire import TooLongError
from rlc.pipeline.llms.support.words import Words

CONNECT_SECONDS = 10.0
TOKEN_SECONDS = 0.25  # that one token of an answer may take
MOST_BYTES = 16 << 20  # of a reply; a million tokens of text are a quarter of it
MOST_ERROR_BYTES = 64 << 10  # of a refusal
BYTES_A_TOKEN = 64
SHORTEST_LIMIT = 4096  # characters of an answer, and of its thought, that are read in any case
_NO_MODEL = re.compile(
    r"\bmodel\b.{0,120}?(?:not exist|not found|not_found)|(?:invalid|unknown|no such) model\b|model_not_found|pulling it first",
    re.IGNORECASE | re.DOTALL,
)
_NO_MONEY = re.compile(r"insufficient.{0,3}(?:quota|balance|credit)|credit balance is too low", re.IGNORECASE)
ENCODINGS = ("", "identity", "gzip", "deflate")  # others unpack to thousands of times their size
WINDOW_NAMES = ("max_model_len", "context_length", "context_window", "max_context_length")


class PassingError(EngineError):
    """A fault that may pass. `reached` is False where no server was there at all."""

    def __init__(self, message: str, retry_after: float | None = None, reached: bool = True) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.reached = reached


class NoModelError(EngineUnavailableError):
    """A server that has no such model, or no such path."""


class RefusedError(EngineError):
    """A request that the server does not take; `words` are the server's, none left out but the key."""

    def __init__(self, message: str, words: str) -> None:
        super().__init__(message)
        self.words = words


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


class Server:
    """Asks for chat completions, and turns what goes wrong into errors without secrets.

    Args:
        model: what the server calls the model, for advice.
        key: sent in the protocol's header, never shown.
        key_name: the environment variable that it is from, for advice.
        protocol: the form of requests and replies.
        local: whether the server is this machine.
    """

    def __init__(
        self, model: str, key: str, key_name: str, protocol: Protocol = CHAT, *, local: bool
    ) -> None:
        self.words = Words(key)
        self._protocol = protocol
        self._model = model
        self._key_name = key_name
        self._local = local
        self._headers = {**protocol.headers(key), "Accept-Encoding": "gzip, deflate"}
        self._reached: set[str] = set()

    def client(self) -> httpx.Client:
        """Connections to use for a while."""
        # A proxy named in the environment has no business between this process and its own machine.
        return httpx.Client(headers=self._headers, trust_env=not self._local)

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
        seconds = silence + TOKEN_SECONDS * tokens
        try:
            # httpx bounds the wait for each byte only, and headers may drip as well.
            return within(
                seconds + CONNECT_SECONDS,
                functools.partial(self._exchange, client, url, body, silence, seconds, tokens),
            )
        except TimeoutError:
            raise PassingError(f"{url} did not end its reply in {seconds:.0f} s; raise timeout?") from None

    def window(self, client: httpx.Client, place: str) -> int | None:
        """The context length that the server tells for the model, in tokens; None where it tells none.

        Raises:
            EngineUnavailableError: if nothing listens there, or it wants another key or path.
        """
        for entry in self._listed(client, place):
            if entry.get("id") == self._model:
                told = [entry.get(name) for name in WINDOW_NAMES]
                return next((int(value) for value in told if isinstance(value, int) and value > 0), None)
        return None

    def models(self, client: httpx.Client, place: str) -> list[str]:
        """The models that the server says it has; none where it does not say."""
        try:
            return [str(entry["id"]) for entry in self._listed(client, place) if "id" in entry]
        except EngineUnavailableError:
            return []

    def _listed(self, client: httpx.Client, place: str) -> list[dict[str, Any]]:
        url = f"{place}/models"
        try:
            raw = within(2 * CONNECT_SECONDS, functools.partial(self._get, client, url))
            listed = pydantic_core.from_json(raw)
        except (PassingError, RefusedError, ValueError, TimeoutError):
            return []
        entries = listed.get("data") if isinstance(listed, dict) else None
        return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []

    def _get(self, client: httpx.Client, url: str) -> bytes:
        end = time.monotonic() + CONNECT_SECONDS
        with (
            self._faults_named(url, CONNECT_SECONDS),
            client.stream("GET", url, timeout=CONNECT_SECONDS) as response,
        ):
            if (
                response.status_code == httpx.codes.NOT_FOUND
            ):  # not all that answer questions list their models
                return b"{}"
            if not response.is_success:
                raise self._status_error(response, end)
            return b"".join(read_within(response, MOST_BYTES, end))

    def _exchange(
        self,
        client: httpx.Client,
        url: str,
        body: Mapping[str, Any],
        silence: float,
        seconds: float,
        tokens: int,
    ) -> Received:
        start = time.perf_counter()
        end = time.monotonic() + seconds
        longest = max(SHORTEST_LIMIT, BYTES_A_TOKEN * tokens)
        first: float | None = None
        limits = httpx.Timeout(silence, connect=CONNECT_SECONDS)
        # In ASCII: a document may hold half a character, which UTF-8 cannot write.
        content, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
        asking = client.stream("POST", url, content=content, headers=headers, timeout=limits)
        with self._faults_named(url, silence), asking as response:
            self._reached.add(url)
            if not response.is_success:
                raise self._status_error(response, end)
            pieces = read_within(response, MOST_BYTES, end)
            if body.get("stream"):
                reply, first = wire.read_stream(lines_of(pieces), longest)
            else:
                reply = self._protocol.read(b"".join(pieces))
        said = reply.choices[0].message
        if len(said.content) + len(said.thought) > longest:
            raise EngineError(
                f"{url} sent an answer of {len(said.content):,} characters to {longest:,} allowed"
            )
        ended = time.perf_counter()
        return Received(url, reply, None if first is None else first - start, ended - start)

    @contextmanager
    def _faults_named(self, url: str, silence: float) -> Iterator[None]:
        """What can go wrong on the way, as our own errors."""
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            nobody = f"nothing answers at {url} ({error}): start the server there, or set base_url"
            # A wrong address gets no better by waiting; a server that restarts may.
            if url not in self._reached:
                raise EngineUnavailableError(nobody) from None
            raise PassingError(nobody, reached=False) from None
        except httpx.TimeoutException:
            raise PassingError(f"{url} sent nothing more for {silence:.0f} s; raise timeout?") from None
        except httpx.DecodingError as error:
            raise EngineError(
                f"{url} sent a body that cannot be unpacked: {self.words.excerpt(str(error))}"
            ) from None
        except (httpx.TransportError, EOFError) as error:
            raise PassingError(f"{url} broke off: {self.words.excerpt(str(error))}") from None
        except wire.TooLongError as error:
            raise EngineError(f"{url} {self.words.excerpt(str(error))}") from None
        except wire.FaultError as error:
            said = f"{url} sent an error in place of an answer: {self.words.excerpt(error.fault.words)}"
            raise (
                PassingError(said) if error.fault.passing else RefusedError(said, error.fault.words)
            ) from None
        except ValidationError as error:
            said = self.words.excerpt(wire.complaint(error))
            raise EngineError(f"{url} sent no chat completion: {said}") from None

    def _status_error(self, response: httpx.Response, end: float) -> EngineError:
        """What a status other than success means for the request and for the run."""
        raw = _beginning(read_within(response, MOST_BYTES, end)).decode(errors="replace")
        said = self.words.excerpt(raw)
        status = response.status_code
        message = f"{response.url} answered {status} {self.words.excerpt(response.reason_phrase)}: {said}"
        advice = {
            401: f"the key in {self._key_name} was not accepted",
            403: f"the key in {self._key_name} may not do this",
            402: "the account has no money left",
        }
        if response.is_redirect:
            target = self.words.excerpt(response.headers.get("Location", "nowhere"))
            return EngineUnavailableError(f"{message}; it moved to {target}: set base_url accordingly")
        if status in advice or _NO_MONEY.search(raw):
            return EngineUnavailableError(f"{message}; {advice.get(status, advice[402])}")
        if status == httpx.codes.NOT_FOUND or (status < 500 and _NO_MODEL.search(raw)):
            return NoModelError(
                f"{message}; is the model {self._model!r} served there, and does base_url end where the paths begin (/v1)?"
            )
        if status in (408, 425, 429) or (status >= 500 and not names_system_role(raw)):
            return PassingError(message, seconds_of(response.headers.get("Retry-After", "")))
        return RefusedError(message, raw)


def read_within(response: httpx.Response, most: int, end: float) -> Iterator[bytes]:
    """The pieces of a body as they come, until `end` by the clock `time.monotonic`.

    Raises:
        TooLongError: after `most` bytes, unpacked; or where the body is packed in a way that is not unpacked here.
        httpx.ReadTimeout: at `end`.
    """
    packed = response.headers.get("Content-Encoding", "").strip().lower()
    if packed not in ENCODINGS:
        raise TooLongError(f"sent a body packed by {packed!r}, which was not asked for")
    size = 0
    for piece in response.iter_bytes():
        size += len(piece)
        if size > most:
            raise TooLongError(f"sent a body of more than {most:,} bytes")
        if time.monotonic() > end:
            raise httpx.ReadTimeout("the reply does not end")
        yield piece


def _beginning(pieces: Iterator[bytes]) -> bytes:
    """As much of a body as a refusal may need."""
    body = b""
    for piece in pieces:
        body += piece
        if len(body) >= MOST_ERROR_BYTES:
            break
    return body[:MOST_ERROR_BYTES]


def lines_of(pieces: Iterator[bytes]) -> Iterator[str]:
    """The lines of a text that comes in pieces."""
    held = b""
    for piece in pieces:
        *whole, held = (
            re.split(rb"\r\n|\n|\r", held + piece) if b"\n" in piece or b"\r" in piece else [held + piece]
        )
        yield from (line.decode(errors="replace") for line in whole)
    if held:
        yield held.decode(errors="replace")


def seconds_of(retry_after: str) -> float | None:
    """Retry-After: seconds, or a date; None where it is absent or neither."""
    try:
        seconds = float(retry_after)
        return max(0.0, seconds) if seconds == seconds else None
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None

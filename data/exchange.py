"""One exchange with a server within bounds: how long it takes, how much is read, and what its failures mean."""

import functools
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx

from rlc.data.errors import EngineError, EngineUnavailableError
from rlc.data.waiting import within
from rlc.data.words import Words

T = TypeVar("T")

CONNECT_SECONDS = 10.0
LONGEST_BACKOFF = 60.0
LONGEST_RETRY_AFTER = 300.0
MOST_BYTES = 16 << 20  # of a reply; a million tokens of text are a quarter of it
MOST_ERROR_BYTES = 64 << 10  # of a refusal
_NO_MODEL = re.compile(
    r"\bmodel\b.{0,120}?(?:not exist|not found|not_found)|(?:invalid|unknown|no such) model\b|model_not_found|pulling it first",
    re.IGNORECASE | re.DOTALL,
)
_NO_MONEY = re.compile(r"insufficient.{0,3}(?:quota|balance|credit)|credit balance is too low", re.IGNORECASE)
ENCODINGS = ("", "identity", "gzip", "deflate")  # others unpack to thousands of times their size


class PassingError(EngineError):
    """A fault that may pass. `reached` is False where no server was there at all."""

    def __init__(self, message: str, retry_after: float | None = None, reached: bool = True) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.reached = reached


class TooLongError(EngineError):
    """A reply that goes on past every limit."""


class NoModelError(EngineUnavailableError):
    """A server that has no such model, or no such path."""


class RefusedError(EngineError):
    """A request that the server does not take; `words` are the server's, none left out but the key."""

    def __init__(self, message: str, words: str) -> None:
        super().__init__(message)
        self.words = words


class Exchange:
    """Asks a server in JSON, and turns what goes wrong into errors without secrets.

    Args:
        model: what the server calls the model, for advice.
        key: sent in `headers`, never shown.
        key_name: the environment variable that it is from, for advice.
        headers: those that carry the key.
        local: whether the server is this machine.
    """

    def __init__(
        self, model: str, key: str, key_name: str, headers: Mapping[str, str], *, local: bool
    ) -> None:
        self.words = Words(key)
        self._model = model
        self._key_name = key_name
        self._local = local
        self._headers = {**headers, "Accept-Encoding": "gzip, deflate"}
        self._reached: set[str] = set()

    def client(self) -> httpx.Client:
        """Connections to use for a while."""
        # A proxy named in the environment has no business between this process and its own machine.
        return httpx.Client(headers=self._headers, trust_env=not self._local)

    def ask(
        self,
        client: httpx.Client,
        url: str,
        body: Mapping[str, Any],
        silence: float,
        seconds: float,
        read: Callable[[Iterator[bytes]], T],
    ) -> T:
        """Post a body, and read the pieces of the reply.

        Args:
            client: whose connections are used.
            url: where to.
            body: what is sent, as JSON.
            silence: what each piece of the reply may take, in seconds.
            seconds: what all of them may take together.
            read: makes something of the pieces.

        Raises:
            PassingError: on a fault that may be gone at the next attempt.
            RefusedError: if the server does not take the request in this form.
            EngineUnavailableError: if nothing listens there, or it wants another key, path or model.
        """
        try:
            # httpx bounds the wait for each byte only, and headers may drip as well.
            return within(
                seconds + CONNECT_SECONDS,
                functools.partial(self._post, client, url, body, silence, seconds, read),
            )
        except TimeoutError:
            raise PassingError(f"{url} did not end its reply in {seconds:.0f} s; raise timeout?") from None

    def _post(
        self,
        client: httpx.Client,
        url: str,
        body: Mapping[str, Any],
        silence: float,
        seconds: float,
        read: Callable[[Iterator[bytes]], T],
    ) -> T:
        end = time.monotonic() + seconds
        limits = httpx.Timeout(silence, connect=CONNECT_SECONDS)
        # In ASCII: a document may hold half a character, which UTF-8 cannot write.
        content, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
        asking = client.stream("POST", url, content=content, headers=headers, timeout=limits)
        with self._faults_named(url, silence), asking as response:
            self._reached.add(url)
            if not response.is_success:
                raise self._status_error(response, end)
            return read(read_within(response, MOST_BYTES, end))

    def get(self, client: httpx.Client, url: str) -> bytes:
        """The body behind a URL; of one that is not there, `{}`."""
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
        except TooLongError as error:
            raise EngineError(f"{url} {self.words.excerpt(str(error))}") from None

    def is_lasting(self, words: str) -> bool:  # noqa: ARG002 - a subclass reads them
        """Whether a server that says that it has failed would fail again."""
        return False

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
        if status in (408, 425, 429) or (status >= 500 and not self.is_lasting(raw)):
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


def persistently(
    call: Callable[[], T], retries: int, backoff: float, wait: Callable[[float], object] = time.sleep
) -> T:
    """Call again after faults that may pass; no jitter, so that two runs wait alike.

    Before each further attempt is a pause of `backoff` seconds, doubled each time up to a minute, or what the server asks
    for, up to five minutes. `wait` that comes back with something true ends it.

    Raises:
        PassingError: that of the last attempt.
    """
    for attempt in range(retries + 1):
        try:
            return call()
        except PassingError as error:
            wanted = error.retry_after
            pause = (
                min(backoff * 2.0**attempt, LONGEST_BACKOFF)
                if wanted is None
                else min(wanted, LONGEST_RETRY_AFTER)
            )
            if attempt == retries or wait(pause):
                raise
    raise AssertionError("the last attempt returns or raises")

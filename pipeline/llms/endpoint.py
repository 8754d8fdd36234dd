"""Any server that speaks the OpenAI chat protocol: vLLM, llama.cpp, Ollama, a gateway, a provider."""

import functools
import ipaddress
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar

import httpx
from pydantic import ValidationError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from rlc.data.completed import in_order
from rlc.data.errors import EngineError, EngineUnavailableError, UnsupportedError
from rlc.data.protocols import Generation, Prompt, Tokenizer, Weights
from rlc.data.records import Usage
from rlc.data.spec import Spec, fingerprint
from rlc.data.tokens import load_tokenizer
from rlc.pipeline.llms.support import wire
from rlc.pipeline.llms.support.remote import FINISH_REASONS, ask_by_prefix, estimate_tokens, is_json

LONGEST_BACKOFF = 60.0
LONGEST_RETRY_AFTER = 300.0
CONNECT_SECONDS = 10.0


class _TryAgainError(EngineError):
    """A fault that may pass. `reached` is False where no server was there at all."""

    def __init__(self, message: str, retry_after: float | None = None, reached: bool = True) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.reached = reached


@dataclass(frozen=True)
class _Received:
    """A reply with the time that it took."""

    url: str
    reply: wire.Reply
    first_token_seconds: float
    seconds: float


class EndpointLLM:
    """A model behind `POST {base_url}/chat/completions`.

    Args:
        model: the name that the server knows the model by.
        window: usable context length in tokens; the protocol has no question for it.
        base_url: where the protocol's paths begin, `/v1` included; or several such places that serve the same model.
            Each document then has its server, by a digest of the prompt's prefix, so that caches are not halved.
        api_key_env: the environment variable that holds the key. A server on this machine gets the key `EMPTY`
            where the variable is not set.
        tokenizer: the model's, or an approximation; an object, or a name for `load_tokenizer`.
        concurrency: requests in flight, at each of the servers on average. The first question on a document goes before the others, so that the
            server's prefix cache can serve them.
        retries: further attempts after 408, 425, 429, 5xx, a timeout or a lost connection. Before each is a pause
            of `backoff` seconds, doubled each time up to a minute, or what the server's Retry-After asks for, up
            to five minutes.
        timeout: seconds to wait for the server's next byte, plus `timeout_per_1k` for every 1,000 prompt tokens:
            a long prefill is slow, not dead.
        temperature: 0 is greedy; None leaves it to the server.
        stream: stream the answer, which measures `first_token_seconds` (else what the server tells, or 0).
        max_tokens_field: what the server calls the limit (`max_completion_tokens` for some).
        extra_body: further fields of the request; they override ours.

    A reply without `usage` is counted with `tokenizer`. `Usage.seconds` is the wall time of the attempt that
    succeeded, waiting in the server's queue included. A vLLM server tells cached tokens if it was started with
    `--enable-prompt-tokens-details`, and times in the queue, in prefill and in decoding with
    `--enable-per-request-metrics`.

    Raises:
        EngineUnavailableError: if a server elsewhere needs a key and the variable is not set.
    """

    VERSION: ClassVar[int] = 1

    @classmethod
    def example(cls) -> Spec:
        """A model called as the server calls it."""
        return {"model": "any", "window": 512}

    def __init__(
        self,
        model: str,
        window: int,
        base_url: str | Sequence[str] = "http://localhost:8000/v1",
        api_key_env: str = "OPENAI_API_KEY",
        tokenizer: Tokenizer | Weights = "approximate",
        *,
        concurrency: int = 8,
        retries: int = 5,
        backoff: float = 1.0,
        timeout: float = 60.0,
        timeout_per_1k: float = 10.0,
        temperature: float | None = 0.0,
        stream: bool = False,
        max_tokens_field: str = "max_tokens",
        extra_body: Mapping[str, Any] | None = None,
    ) -> None:
        urls = [base_url] if isinstance(base_url, str) else list(base_url)
        if not urls:
            raise ValueError("base_url must name at least one place, got an empty list")
        hosts = [_host(url) for url in urls]
        if window < 1 or concurrency < 1 or retries < 0:
            raise ValueError(
                "window and concurrency must be at least 1 and retries at least 0, "
                f"got window={window}, concurrency={concurrency}, retries={retries}"
            )
        self.name = model
        self.window = window
        self.tokenizer: Tokenizer = load_tokenizer(tokenizer) if isinstance(tokenizer, str) else tokenizer
        self._urls = [f"{url.rstrip('/')}/chat/completions" for url in urls]
        foreign = [host for host in hosts if not _is_local(host)]
        self._local = not foreign
        self._api_key_env = api_key_env
        self._key = os.environ.get(api_key_env) or self._key_for_nobody(foreign)
        self._concurrency = concurrency * len(urls)
        self._retries = retries
        self._backoff = backoff
        self._timeout = timeout
        self._timeout_per_1k = timeout_per_1k
        self._temperature = temperature
        self._stream = stream
        self._max_tokens_field = max_tokens_field
        self._extra_body = dict(extra_body or {})
        self._reached: set[str] = set()

    def count(self, prompt: Prompt) -> int:
        """The prompt's tokens by `tokenizer`, plus `remote.TEMPLATE_TOKENS` for the server's chat template."""
        return estimate_tokens(self.tokenizer, prompt)

    def generate(
        self,
        prompts: Sequence[Prompt],
        *,
        max_tokens: int,
        stop: Sequence[str] = (),
        logprobs: bool = False,
        schema: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> list[Generation]:
        """Answer every prompt, in order: see `generate_as_completed`."""
        return in_order(
            self.generate_as_completed(
                prompts, max_tokens=max_tokens, stop=stop, logprobs=logprobs, schema=schema, seed=seed
            )
        )

    def generate_as_completed(
        self,
        prompts: Sequence[Prompt],
        *,
        max_tokens: int,
        stop: Sequence[str] = (),
        logprobs: bool = False,
        schema: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> Iterator[tuple[int, Generation]]:
        """Answer every prompt, each with its place as it ends; a request that failed for good is a generation with an error.

        Raises:
            UnsupportedError: if the server sends no log-probabilities, or refuses them or the schema by name.
            EngineUnavailableError: if nothing listens at the address, or it wants another key, path or model.
        """
        settings = self._settings(max_tokens, stop, logprobs, schema, seed)
        headers = {"Authorization": f"Bearer {self._key}"}
        # A proxy named in the environment has no business between this process and its own machine.
        with httpx.Client(headers=headers, trust_env=not self._local) as client:
            yield from ask_by_prefix(
                prompts, functools.partial(self._ask, client, settings), self._concurrency
            )

    def _settings(
        self,
        max_tokens: int,
        stop: Sequence[str],
        logprobs: bool,
        schema: Mapping[str, Any] | None,
        seed: int,
    ) -> dict[str, Any]:
        settings: dict[str, Any] = {"model": self.name, self._max_tokens_field: max_tokens, "seed": seed}
        if self._temperature is not None:
            settings["temperature"] = self._temperature
        if stop:
            settings["stop"] = list(stop)
        if logprobs:
            settings["logprobs"] = True
        if schema is not None:
            form = {"name": "answer", "schema": dict(schema), "strict": True}
            settings["response_format"] = {"type": "json_schema", "json_schema": form}
        if self._stream:
            settings |= {"stream": True, "stream_options": {"include_usage": True}}
        return settings | self._extra_body

    def _ask(self, client: httpx.Client, settings: Mapping[str, Any], prompt: Prompt) -> Generation:
        body = {**settings, "messages": wire.messages(prompt)}
        timeout = self._timeout + self._timeout_per_1k * self.count(prompt) / 1000
        url = self._server_of(prompt)
        attempts = Retrying(
            stop=stop_after_attempt(self._retries + 1),
            wait=self._pause,
            retry=retry_if_exception_type(_TryAgainError),
            reraise=True,
        )
        try:
            return self._generation(attempts(self._send, client, url, body, timeout), prompt, body)
        except _TryAgainError as error:
            if not error.reached:
                raise EngineUnavailableError(str(error)) from error
            return Generation("", "error", error=f"{error} (attempts: {self._retries + 1})")
        except EngineUnavailableError:
            raise
        except EngineError as error:
            return Generation("", "error", error=str(error))

    def _server_of(self, prompt: Prompt) -> str:
        """The same server for the same prefix, in every process."""
        if len(self._urls) == 1:
            return self._urls[0]
        return self._urls[int(fingerprint([prompt.system, prompt.prefix]), 16) % len(self._urls)]

    def _send(self, client: httpx.Client, url: str, body: Mapping[str, Any], timeout: float) -> _Received:
        """One attempt."""
        limits = httpx.Timeout(timeout, connect=CONNECT_SECONDS)
        start = first = time.perf_counter()
        try:
            with client.stream("POST", url, json=body, timeout=limits) as response:
                self._reached.add(url)
                if not response.is_success:
                    raise self._refusal(response, body)
                if body.get("stream"):
                    reply, first = wire.read_stream(response.iter_lines())
                else:
                    reply = wire.Reply.model_validate_json(response.read())
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            nobody = f"nothing answers at {url} ({error}): start the server there, or set base_url"
            if (
                url not in self._reached
            ):  # a wrong address gets no better by waiting; a server that restarts may
                raise EngineUnavailableError(nobody) from error
            raise _TryAgainError(nobody, reached=False) from error
        except httpx.TimeoutException as error:
            raise _TryAgainError(f"{url} sent nothing for {timeout:.0f} s; raise timeout?") from error
        except (httpx.TransportError, EOFError) as error:
            raise _TryAgainError(f"{url} broke off: {error}") from error
        except ValidationError as error:
            raise EngineError(f"{url} sent no chat completion: {wire.complaint(error)}") from error
        return _Received(url, reply, first - start, time.perf_counter() - start)

    def _refusal(self, response: httpx.Response, body: Mapping[str, Any]) -> Exception:
        """What a status other than success means for the request and for the run."""
        said = " ".join(response.read().decode(errors="replace").split())[:300].replace(self._key, "...")
        status = response.status_code
        message = f"{response.url} answered {status} {response.reason_phrase}: {said}"
        advice = {
            401: f"the key in {self._api_key_env} was not accepted",
            403: f"the key in {self._api_key_env} may not do this",
            404: f"is the model {self.name!r} served there, and does base_url end where the paths begin (/v1)?",
        }
        if response.is_redirect:
            target = response.headers.get("Location", "nowhere")
            return EngineUnavailableError(f"{message}; it moved to {target}: set base_url accordingly")
        if status in advice:
            return EngineUnavailableError(f"{message}; {advice[status]}")
        if status in (408, 425, 429) or status >= 500:
            return _TryAgainError(message, retry_after=_seconds(response.headers.get("Retry-After", "")))
        for wish in ("response_format", "logprobs"):
            if wish in body and wish in said:
                return UnsupportedError(f"the server refuses {wish}: {message}")
        return EngineError(message)

    def _generation(self, received: _Received, prompt: Prompt, body: Mapping[str, Any]) -> Generation:
        choice = received.reply.choices[0]
        text = choice.message.content
        usage = self._usage(received, prompt)
        tokens = choice.logprobs.content if choice.logprobs else None
        if body.get("logprobs") and not tokens and text:
            raise UnsupportedError(
                f"{received.url} sends no log-probabilities for {self.name!r}: take a server that does, or a method without them"
            )
        if choice.finish_reason not in FINISH_REASONS:
            error = f"{received.url} ended the answer with {choice.finish_reason!r}"
            return Generation(text, "error", usage, error=error)
        if "response_format" in body and not is_json(text):
            error = f"{received.url} was given a schema and sent no JSON: {text[:80]!r}; does it follow response_format?"
            return Generation(text, "error", usage, error=error)
        values = tuple(token.logprob for token in tokens or ()) if body.get("logprobs") else None
        return Generation(text, FINISH_REASONS[choice.finish_reason], usage, values)

    def _usage(self, received: _Received, prompt: Prompt) -> Usage:
        seconds = _times(received)
        counts = received.reply.usage
        if counts is None:
            output = self.tokenizer.count(received.reply.choices[0].message.content)
            return seconds + Usage(prompt_tokens=self.count(prompt), output_tokens=output)
        details = counts.prompt_tokens_details
        return seconds + Usage(
            prompt_tokens=counts.prompt_tokens,
            cached_tokens=(details and details.cached_tokens) or 0,
            output_tokens=counts.completion_tokens,
        )

    def _pause(self, state: RetryCallState) -> float:
        """Seconds before the next attempt; no jitter, so that two runs wait alike."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, _TryAgainError) and error.retry_after is not None:
            return min(error.retry_after, LONGEST_RETRY_AFTER)
        return min(self._backoff * 2.0 ** (state.attempt_number - 1), LONGEST_BACKOFF)

    def _key_for_nobody(self, foreign: Sequence[str]) -> str:
        if not foreign:
            return "EMPTY"
        raise EngineUnavailableError(
            f"no key for {foreign[0]}: set the environment variable {self._api_key_env}, or name another with "
            f"api_key_env (a server that needs none takes {self._api_key_env}=EMPTY)"
        )


def _times(received: _Received) -> Usage:
    """What was measured here, and what the server tells of its own part."""
    told = received.reply.metrics or wire.Timing()
    queue, prefill, decode = (
        (milliseconds or 0.0) / 1000
        for milliseconds in (told.queue_time_ms, told.time_to_first_token_ms, told.generation_time_ms)
    )
    return Usage(
        queue_seconds=queue,
        prefill_seconds=prefill,
        decode_seconds=decode,
        first_token_seconds=received.first_token_seconds or queue + prefill,
        seconds=received.seconds,
    )


def _host(base_url: str) -> str:
    url = httpx.URL(base_url)
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"base_url must look like http://localhost:8000/v1, got {base_url!r}")
    return url.host


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _seconds(retry_after: str) -> float | None:
    """Retry-After: seconds, or a date; None where it is absent or neither."""
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None

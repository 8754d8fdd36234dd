"""Any server of a language model: vLLM, llama.cpp, Ollama, a gateway, a provider, each asked in its own words."""

import difflib
import functools
import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, Literal

import httpx

from rlc.data import hosts
from rlc.data.errors import EngineError, EngineUnavailableError, UnsupportedError
from rlc.data.exchange import NoModelError, PassingError, RefusedError, persistently
from rlc.data.protocols import Generation, Prompt, Sampling, Tokenizer, Weights
from rlc.data.spec import Spec, fingerprint
from rlc.data.tokens import load_tokenizer
from rlc.pipeline.llms.support.dialect import LEARNED, Dialect, Lessons
from rlc.pipeline.llms.support.engine import CompletingEngine
from rlc.pipeline.llms.support.providers import OTHER, provider_at, provider_named
from rlc.pipeline.llms.support.remote import ALIKE, PROBE, Streak, ask_by_prefix, estimate_tokens
from rlc.pipeline.llms.support.replies import Replies, belongs_to_its_prompt
from rlc.pipeline.llms.support.server import Server
from rlc.pipeline.llms.support.thought import ROOM

CHECK_SECONDS = 10.0  # that a server gets to answer the question asked before all others


class EndpointLLM(CompletingEngine):
    """A model behind a server: OpenAI's chat completions, or one of the protocols of `rlc list providers`.

    A field of the request that the server refuses (temperature, seed, the name of the limit, the system role, the way in
    which a schema is given) is left out or put otherwise from then on, by every engine of this process that asks it for
    this model, and every answer says so in its note.

    Args:
        model: the name that the server knows the model by.
        window: usable context length in tokens; None asks the server, some of which tell it.
        base_url: where the protocol's paths begin, `/v1` included; or several such places that serve the same model.
            Each document then has its server, by a digest of the prompt's prefix, so that caches are not halved. None
            takes the provider's, and without a provider `http://localhost:8000/v1`.
        api_key_env: the environment variable that holds the key, ending in `_KEY` or `_TOKEN`; None takes the provider's,
            else `OPENAI_API_KEY`. A server on this machine gets the key `EMPTY` where the variable is not set.
        tokenizer: the model's, or an approximation; an object, or a name for `load_tokenizer`.
        concurrency: requests in flight, at each of the servers on average. The first question on a document goes before
            the others, so that the server's prefix cache can serve them.
        retries: further attempts after 408, 425, 429, 5xx, a timeout or a lost connection. Before each is a pause
            of `backoff` seconds, doubled each time up to a minute, or what the server's Retry-After asks for, up
            to five minutes.
        timeout: seconds to wait for the server's next byte, plus `timeout_per_1k` for every 1,000 prompt tokens:
            a long prefill is slow, not dead. The whole reply gets a quarter of a second more for each token.
        temperature: 0 is greedy; None (`"none"` in a recipe) leaves it to the server. A call's own goes before it.
        seed: whether the call's seed is sent.
        stream: stream the answer, which measures `first_token_seconds` (else what the server tells, or unknown).
        provider: a name of `rlc list providers`, which says in which words the server is asked; None finds it by
            `base_url`.
        max_tokens_field: what the server calls the limit; None takes the provider's word. Another name is tried where it
            refuses this one.
        thinking: True asks for a thought before the answer, False for none, in the provider's words, else by the chat
            template's `enable_thinking` or `reasoning_effort`; None leaves it to the server. The thought is no part of
            the answer.
        thinking_tokens: room for the thought beside the answer's `max_tokens`, where `thinking` is True.
        structured: how an answer is held to a schema: by `response_format` (or the provider's word for it), or as the one
            `tool` that the model must call, whose arguments are the answer. What is refused is asked for in the other
            way; None begins with the provider's.
        extra_body: further fields of the request; they override ours.

    A count that the reply lacks, or that cannot be true, is made with `tokenizer`. A server that has read far fewer
    tokens than the prompt has words has cut it, and the answer is a failure. `Usage.seconds` is the wall time of the
    attempt that succeeded, waiting in the server's queue included. A vLLM server tells cached tokens if it was started
    with `--enable-prompt-tokens-details`, and times in the queue, in prefill and in decoding with
    `--enable-per-request-metrics`.

    Raises:
        ValueError: on a setting out of range, a user name in `base_url`, or another name for `api_key_env`.
        UsageError: if there is no such provider.
        EngineUnavailableError: if a server elsewhere needs a key and the variable is not set.
    """

    VERSION: ClassVar[int] = 1
    seeded = True

    @classmethod
    def example(cls) -> Spec:
        """A model called as the server calls it."""
        return {"model": "any", "window": 512}

    def __init__(
        self,
        model: str,
        window: int | None = None,
        base_url: str | Sequence[str] | None = None,
        api_key_env: str | None = None,
        tokenizer: Tokenizer | Weights = "approximate",
        *,
        concurrency: int = 8,
        retries: int = 5,
        backoff: float = 1.0,
        timeout: float = 60.0,
        timeout_per_1k: float = 10.0,
        temperature: float | None = 0.0,
        seed: bool = True,
        stream: bool = False,
        max_tokens_field: str | None = None,
        thinking: bool | None = None,
        thinking_tokens: int = ROOM,
        structured: Literal["response_format", "tool"] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        provider: str | None = None,
    ) -> None:
        urls = [base_url] if isinstance(base_url, str) else base_url
        if urls is not None and not urls:
            raise ValueError("base_url must name at least one place, got an empty list")
        asked = OTHER if provider is None else provider_named(provider)
        urls = [asked.base_url] if urls is None else list(urls)
        foreign = [host for host in map(hosts.host_of, urls) if not hosts.is_local(host)]
        if (window is not None and window < 1) or concurrency < 1 or retries < 0 or thinking_tokens < 0:
            raise ValueError(
                "window and concurrency must be at least 1, retries and thinking_tokens at least 0, got "
                f"window={window}, concurrency={concurrency}, retries={retries}, thinking_tokens={thinking_tokens}"
            )
        if provider is None:
            asked = provider_at(urls[0])
        if max_tokens_field is not None:
            asked = replace(asked, names={**asked.names, "max_tokens": max_tokens_field})
        if stream and asked.name_of("stream") is None:
            raise ValueError(f"stream: what comes from {asked.what} is read whole; leave stream unset")
        key_name = asked.key if api_key_env is None else api_key_env
        hosts.check_key_name(key_name)
        self.name = model
        self.tokenizer: Tokenizer = load_tokenizer(tokenizer) if isinstance(tokenizer, str) else tokenizer
        self._window = window
        self._places = [url.rstrip("/") for url in urls]
        key = hosts.key_for(key_name, os.environ.get(key_name), foreign)
        self._server = Server(model, key, key_name, asked.protocol, local=not foreign)
        self._concurrency = concurrency * len(urls)
        self._retries = retries
        self._backoff = backoff
        self._timeout = timeout
        self._timeout_per_1k = timeout_per_1k
        self.temperature = temperature
        self._seed = seed
        self._stream = stream
        self._room = thinking_tokens if thinking else 0
        self._limits = asked.protocol.limits
        self._told_at = asked.window
        self._extra_body = dict(extra_body or {})
        self._dialects = {
            place: Dialect(
                asked,
                LEARNED.setdefault((place, asked.what, model, thinking), Lessons()),
                thinking,
                self._room,
                structured,
                self._extra_body,
            )
            for place in self._places
        }
        self._replies = Replies(model, self.tokenizer, bool(thinking), self._server.words)
        self._streak = Streak()

    @cached_property
    def window(self) -> int:
        """Usable context in tokens, prompt and answer together; the room for a thought is set aside.

        Raises:
            EngineUnavailableError: if it is not set, and the server is not there or does not tell it.
        """
        return (self._window or self._told_window()) - self._room

    def count(self, prompt: Prompt) -> int:
        """The prompt's tokens by `tokenizer`, plus `remote.TEMPLATE_TOKENS` for the server's chat template."""
        return estimate_tokens(self.tokenizer, prompt)

    def limit(self, max_tokens: int) -> int:
        """The most new tokens of a request for an answer of `max_tokens`, those of a thought among them."""
        own = [value for name in self._limits if type(value := self._extra_body.get(name)) is int]
        return max([max_tokens + self._room, *own])

    def check(self) -> None:
        """Ask every server one short question: whether it is there, and how it takes a request.

        A fault that may pass is left to the questions to come.

        Raises:
            EngineUnavailableError: if it is not there, wants another key, path or model, or refuses the request.
            UnsupportedError: if thoughts can be turned neither on nor off there.
        """
        _ = self.window
        with self._server.client() as client:
            for place in self._places:
                try:
                    self._probe(client, place, CHECK_SECONDS, 16)
                except NoModelError as error:
                    served = self._server.models(client, place)
                    near = difflib.get_close_matches(self.name, served, n=5, cutoff=0.3) or served[:5]
                    raise NoModelError(
                        f"{error} It serves {', '.join(near)}" if near else str(error)
                    ) from None

    def generate_as_completed(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[tuple[int, Generation]]:
        """Answer every prompt, each with its place as it ends; a request that failed for good is a generation with an error.

        Raises:
            UnsupportedError: if the server sends no log-probabilities, or refuses them, the schema or `thinking` by name.
            EngineUnavailableError: if nothing listens at the address, it wants another key, path or model, or several
                prompts in a row failed alike and a short question fails too.
        """
        settings = self._settings(sampling)
        with self._server.client() as client:
            starts = Counter((prompt.system, prompt.prefix) for prompt in prompts)
            kept = {start for start, prompts_on_it in starts.items() if prompts_on_it > 1}
            ask = functools.partial(self._ask, client, settings, sampling, kept)
            yield from ask_by_prefix(prompts, ask, self._concurrency)

    def _settings(self, sampling: Sampling) -> dict[str, Any]:
        settings: dict[str, Any] = {"model": self.name, "max_tokens": sampling.max_tokens + self._room}
        if self._seed:
            settings["seed"] = sampling.seed
        temperature = self.temperature if sampling.temperature is None else sampling.temperature
        if temperature is not None:
            settings["temperature"] = temperature
        if sampling.stop:
            settings["stop"] = list(sampling.stop)
        if sampling.logprobs:
            settings["logprobs"] = True
        if sampling.schema is not None:
            settings["schema"] = sampling.schema
        if self._stream:
            settings |= {"stream": True, "stream_options": {"include_usage": True}}
        return settings

    # -- one prompt ----------------------------------------------------------------------------------------------

    def _ask(
        self,
        client: httpx.Client,
        settings: Mapping[str, Any],
        sampling: Sampling,
        kept: Set[tuple[str, str]],
        prompt: Prompt,
        stopped: threading.Event,
    ) -> Generation:
        place = self._server_of(prompt)
        if "seed" in settings:
            settings = {**settings, "seed": sampling.seed_of(prompt)}
        # Keeping costs, and pays where another prompt begins so.
        keep = (prompt.system, prompt.prefix) in kept
        try:
            generation = self._persistently(client, place, settings, sampling, prompt, keep, stopped)
        except PassingError as error:
            if not error.reached:
                raise EngineUnavailableError(str(error)) from None
            generation = Generation("", "error", error=f"{error} (attempts: {self._retries + 1})")
        except (EngineUnavailableError, UnsupportedError):
            raise
        except EngineError as error:
            generation = Generation("", "error", error=str(error))
        said = generation.error
        failed = None if said is None or belongs_to_its_prompt(said) else said
        if self._streak.reaches_limit(failed):
            self._stop_unless_others_pass(client, place, sampling.max_tokens, str(failed))
        return generation

    def _server_of(self, prompt: Prompt) -> str:
        """Choose a server by the prefix: the same one for the same prefix, in every process."""
        if len(self._places) == 1:
            return self._places[0]
        return self._places[int(fingerprint([prompt.system, prompt.prefix]), 16) % len(self._places)]

    def _persistently(
        self,
        client: httpx.Client,
        place: str,
        settings: Mapping[str, Any],
        sampling: Sampling,
        prompt: Prompt,
        keep: bool,
        stopped: threading.Event,
    ) -> Generation:
        """Ask again after faults that may pass."""
        silence = self._timeout + self._timeout_per_1k * self.count(prompt) / 1000
        ask = functools.partial(self._negotiated, client, place, settings, sampling, prompt, silence, keep)
        return persistently(ask, self._retries, self._backoff, stopped.wait)

    def _negotiated(
        self,
        client: httpx.Client,
        place: str,
        settings: Mapping[str, Any],
        sampling: Sampling,
        prompt: Prompt,
        silence: float,
        keep: bool = False,
    ) -> Generation:
        """Ask in the way that the server takes; what it refuses is put otherwise while there is another way."""
        dialect = self._dialects[place]
        url = f"{place}/{dialect.protocol.path}"
        while True:
            body = dialect.body(settings, prompt, keep)
            limit = next(
                (body[name] for name in dialect.protocol.limits if type(body.get(name)) is int), ROOM
            )
            try:
                received = self._server.post(client, url, body, silence, max(1, limit))
            except RefusedError as error:
                if not dialect.learn(error.words, body):
                    raise dialect.explained(error.words, str(error), body) from None
            else:
                return self._replies.generation(received, prompt, body, sampling, dialect.note)

    def _stop_unless_others_pass(self, client: httpx.Client, place: str, max_tokens: int, error: str) -> None:
        """Several prompts failed alike: ask a short question to learn whether any can pass.

        Raises:
            EngineUnavailableError: if that fails too.
        """
        try:
            self._probe(client, place, self._timeout, max_tokens, patient=False)
        except EngineError as probe:
            raise EngineUnavailableError(
                f"{ALIKE} questions in a row failed alike, and a short one fails too: {error or probe}. Answers given "
                "before are stored"
            ) from None
        self._streak.pardon(error)

    def _probe(
        self, client: httpx.Client, place: str, seconds: float, max_tokens: int, patient: bool = True
    ) -> None:
        """Ask a question that every model can answer; a `patient` one forgives faults that may pass, and a cut answer."""
        sampling = Sampling(max_tokens)
        settings = self._settings(sampling)
        try:
            answer = self._negotiated(client, place, settings, sampling, PROBE, min(seconds, self._timeout))
        except PassingError:
            if not patient:
                raise
            return
        except EngineUnavailableError:
            raise
        except EngineError as error:
            raise EngineUnavailableError(f"no question can be answered: {error}") from None
        if answer.error and not patient:
            raise EngineError(answer.error)

    def _told_window(self) -> int:
        with self._server.client() as client:
            windows = [self._server.window(client, place, self._told_at) for place in self._places]
        known = [window for window in windows if window is not None]
        if len(known) < len(windows):
            raise EngineUnavailableError(
                f"{self._places[0]} does not tell the context length of {self.name!r}: set it, as with "
                "--set parts.llm.window=32768"
            )
        return min(known)

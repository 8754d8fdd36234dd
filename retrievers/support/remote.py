"""A model behind a server that makes no text: asked in JSON, again after faults that pass, and paid where there is a purse."""

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rlc.data import hosts
from rlc.data.errors import EngineError, SpentError
from rlc.data.exchange import Exchange, persistently
from rlc.data.plain import parse_json
from rlc.data.purse import Purse


class RemoteModel:
    """Asks one model at one server.

    Args:
        model: what the server calls it.
        base_url: where the server's paths begin.
        api_key_env: the environment variable of the key; a server on this machine gets `EMPTY` where it is not set.
        retries: further attempts after a fault that may pass.
        backoff: seconds before the first of them, doubled each time.
        timeout: seconds that a reply may take.

    Attributes:
        tokens: how many tokens the server has told that it read, so far.

    Raises:
        ValueError: if `base_url` is none, or `api_key_env` is no name of a key.
        EngineUnavailableError: if a server elsewhere needs a key and the variable is not set.
    """

    def __init__(
        self, model: str, base_url: str, api_key_env: str, retries: int, backoff: float, timeout: float
    ) -> None:
        host = hosts.host_of(base_url)
        hosts.check_key_name(api_key_env)
        local = hosts.is_local(host)
        key = hosts.key_for(api_key_env, os.environ.get(api_key_env), [] if local else [host])
        self._exchange = Exchange(model, key, api_key_env, {"Authorization": f"Bearer {key}"}, local=local)
        self.model = model
        self._base_url = base_url.rstrip("/")
        self._retries, self._backoff, self._timeout = retries, backoff, timeout
        self.tokens = 0
        self._cost: Callable[[int], float] | None = None
        self._purse: Purse | None = None

    def pay(self, cost: Callable[[int], float], purse: Purse) -> None:
        """Pay for what is asked from now on; `cost` is the dollars of so many tokens."""
        self._cost, self._purse = cost, purse

    def ask(self, path: str, body: Mapping[str, Any], most: int) -> Any:  # noqa: ANN401 - JSON
        """Post a body of `most` tokens at the most; what the server says.

        Raises:
            SpentError: if that can no longer be paid.
            EngineUnavailableError: if nothing listens there, or it wants another key, path or model.
            EngineError: if it refuses the body, does not recover, or sends no JSON.
        """
        promised = self._promise(most)
        url = f"{self._base_url}/{path}"
        with self._exchange.client() as client:
            raw = persistently(
                lambda: self._exchange.ask(client, url, body, self._timeout, self._timeout, _whole),
                self._retries,
                self._backoff,
            )
        try:
            said = parse_json(raw)
        except (ValueError, RecursionError):
            raise EngineError(f"{url} sent no JSON: {self._exchange.words.excerpt(repr(raw[:80]))}") from None
        usage = said.get("usage") if isinstance(said, dict) else None
        told = usage.get("total_tokens") if isinstance(usage, dict) else None
        read = told if type(told) is int and told >= 0 else most
        self.tokens += read
        if self._purse and self._cost:
            self._purse.settle(promised, self._cost(read))
        return said

    def _promise(self, most: int) -> float:
        if not (self._purse and self._cost):
            return 0.0
        dollars = self._cost(most)
        if not self._purse.promise(dollars):
            raise SpentError(
                f"the next call of {self.model} may cost ${dollars:,.4f}, and that is more than is left of what may be spent; "
                "what is answered is stored: the same command with a higher --spend goes on from there"
            )
        return dollars


def _whole(pieces: Iterator[bytes]) -> bytes:
    return b"".join(pieces)

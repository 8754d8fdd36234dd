"""Places and keys: which server is asked, and which variable of the environment may be sent there."""

import ipaddress
import re
from collections.abc import Sequence

from rlc.data.errors import EngineUnavailableError


def host_of(base_url: str) -> str:
    """The host of a base URL.

    Raises:
        ValueError: if it is none, or holds a user name or a password, which would be written wherever settings are.
    """
    import httpx

    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise ValueError(f"base_url must look like http://localhost:8000/v1: {error}") from None
    if url.userinfo:
        raise ValueError(
            f"base_url must not hold a user name or a password, it is written down with the results: name {url.host} "
            "alone, and put the key into the environment variable that api_key_env names"
        )
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"base_url must look like http://localhost:8000/v1, got {base_url!r}")
    return url.host


def is_local(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def check_key_name(name: str) -> None:
    """Refuse to send a variable of the environment that does not look like a key: a recipe may be a stranger's.

    Raises:
        ValueError: naming the variable, never its value.
    """
    if not re.fullmatch(r"(?i)[A-Z0-9_]*_?(KEY|TOKEN)", name):
        raise ValueError(
            f"api_key_env = {name!r}: only variables whose names end in _KEY or _TOKEN are sent to a server; keep the "
            "key in such a one"
        )


def key_for(name: str, value: str | None, foreign: Sequence[str]) -> str:
    """The key to send: the variable's value, or `EMPTY` where no server is elsewhere.

    Raises:
        EngineUnavailableError: if a server elsewhere needs a key and there is none.
    """
    if value:
        return value
    if not foreign:
        return "EMPTY"
    raise EngineUnavailableError(
        f"no key for {foreign[0]}: set the environment variable {name}, or name another with "
        f"api_key_env (a server that needs none takes {name}=EMPTY)"
    )

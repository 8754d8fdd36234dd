"""Prompts that stand in files: TOML beside the method that asks them, one file a language, any of them replaceable.

A method names in `PROMPTS` its texts and the places that each must hold, such as `{"ask.question": ("question",)}`; a
text or a place that ends in `?` may be left out. Its setting `prompt` is a language that it ships, or the path of a user's file.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from rlc.data.errors import SpecError, unknown
from rlc.data.plain import parse_toml
from rlc.data.protocols import Prompt

ENGLISH = "en"
PromptFile = Annotated[str, "names a prompt file"]
"""A language that a method's prompts ship in (`en`, `de`, ...), or the path of a TOML file.

A digest of what is read stands beside the spec of every result.
"""

_PLACE = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True)
class PromptTexts:
    """The texts of a method's prompts by dotted name, in one language; `digest` identifies them."""

    language: str
    texts: Mapping[str, str]
    digest: str

    def fill(self, name: str, **places: object) -> str:
        """The text with its places filled in one pass: what is filled in is never searched for places."""
        return _PLACE.sub(lambda match: str(places.get(match[1], match[0])), self.texts[name])

    def prompt(self, name: str, **places: object) -> Prompt:
        """The prompt whose parts `prefix`, `question` and `system` stand under a name; a part left out is empty."""
        names = [f"{name}.{part}" for part in ("prefix", "question", "system")]
        return Prompt(*(self.fill(one, **places) if one in self.texts else "" for one in names))

    def one_of(self, table: str, name: str) -> str:
        """The word of a table for a name, else the one for `other`."""
        return self.texts.get(f"{table}.{name}", self.texts[f"{table}.other"])


def read_prompts(method: type, prompt: str = ENGLISH) -> PromptTexts:
    """Read the prompts of a method: those that ship with it, or a user's.

    Args:
        method: the class whose `PROMPTS` they must fit.
        prompt: a language, or the path of a file that ends in `.toml`.

    Raises:
        SpecError: if there is no such file, it is no TOML, or a text or a place is missing or unknown.
    """
    if not prompt.endswith(".toml"):
        return _shipped(method, prompt)
    try:
        content = Path(prompt).read_bytes()
    except OSError as error:
        raise SpecError(
            f"the prompt file {prompt} cannot be read ({error.strerror}); expected one of the languages "
            f"{', '.join(shipped_languages(method))}, or the path of a TOML file"
        ) from error
    return _parsed(method, prompt, content)


@cache  # asked for with every question, and no run changes what ships
def _shipped(method: type, language: str) -> PromptTexts:
    if language not in (languages := shipped_languages(method)):
        raise SpecError(
            f"{unknown('prompt language', language, languages)}; or name a .toml file of your own"
        )
    file = files(_package(method)) / f"{_stem(method)}.{language}.toml"
    return _parsed(method, language, file.read_bytes())


def _parsed(method: type, prompt: str, content: bytes) -> PromptTexts:
    try:
        found = parse_toml(content.decode("utf-8"))
    except ValueError as error:
        raise SpecError(f"the prompt file {prompt} is no TOML: {error}") from error
    language = found.pop("language", "")
    texts = dict(_flat(found))
    _check(prompt, texts, getattr(method, "PROMPTS", {}))
    return PromptTexts(str(language), texts, blake2b(content, digest_size=16).hexdigest())


def shipped_languages(method: type) -> list[str]:
    """The languages in which a method's prompts ship."""
    names = [
        re.fullmatch(rf"{_stem(method)}\.(\w+)\.toml", file.name)
        for file in files(_package(method)).iterdir()
    ]
    return sorted(match[1] for match in names if match)


def _package(method: type) -> str:
    return method.__module__.rpartition(".")[0]


def _stem(method: type) -> str:
    return method.__module__.rpartition(".")[2]


def _flat(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    pairs = []
    for key, value in table.items():
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{prefix}{key}.")
        else:
            pairs.append((prefix + key, str(value)))
    return pairs


def _check(prompt: str, texts: Mapping[str, str], wanted: Mapping[str, Sequence[str]]) -> None:
    """Hold the texts against the places that a method fills."""
    needed = [name for name in wanted if not name.endswith("?")]
    for known_as, places in wanted.items():
        name = known_as.removesuffix("?")
        if name not in texts:
            if known_as not in needed:
                continue
            raise SpecError(
                f"the prompt file {prompt} has no text {name}; it needs {', '.join(needed)} (copy the one that ships)"
            )
        known = {place.removesuffix("?") for place in places}
        held = set(_PLACE.findall(texts[name]))
        for place in places:
            if not place.endswith("?") and place not in held:
                raise SpecError(
                    f"the prompt file {prompt}: {name} must hold {{{place}}}, which is filled in for it"
                )
        for place in sorted(held - known):
            raise SpecError(f"the prompt file {prompt}, {name}: {unknown('place', place, known)}")

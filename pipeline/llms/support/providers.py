"""Providers and servers: where each is, which key it wants, and in which words it is asked. One table.

What is not in a row is found out by asking: see `rlc.pipeline.llms.support.dialect`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from rlc.data.errors import EngineUnavailableError, UsageError, unknown
from rlc.data.hosts import is_local
from rlc.data.lazy import load

if TYPE_CHECKING:
    from rlc.pipeline.llms.support.protocols import Protocol

Wishes = tuple[dict[str, Any], ...]
"""Fields that ask for a thought or for none, in the order in which they are tried."""
Thinking = Callable[[bool, int], Wishes]
"""Makes the wishes, of whether a thought is wanted and how many tokens there are for it."""
Look = Callable[..., Mapping[str, Any]]
"""What a server tells at a path of its own, to a GET or to a POST of fields; empty where it tells nothing."""
Window = Callable[[Look, str], object]
"""Finds the context length of a model that a server has."""


def by_effort(on: str = "medium", *off: str) -> Thinking:
    """Thoughts by the word for their effort."""
    efforts = {True: (on,), False: off or ("none", "minimal")}
    return lambda thinking, _: tuple({"reasoning_effort": effort} for effort in efforts[thinking])


def by_template(thinking: bool, room: int) -> Wishes:
    """Thoughts by the arguments of the model's chat template, of which there are two; else by their effort."""
    arguments = {"enable_thinking": thinking, "thinking": thinking}
    return ({"chat_template_kwargs": arguments}, *by_effort()(thinking, room))


def by_reasoning(thinking: bool, _: int) -> Wishes:
    """Thoughts by their effort, as OpenAI's responses have it."""
    return tuple(
        {"reasoning": {"effort": word}} for word in (("medium",) if thinking else ("none", "minimal"))
    )


def by_switch(thinking: bool, _: int) -> Wishes:
    """Thoughts by a switch."""
    return ({"thinking": {"type": "enabled" if thinking else "disabled"}},)


def by_budget(thinking: bool, room: int) -> Wishes:
    """Thoughts by a switch with their tokens, which newer models take no more."""
    if not thinking:
        return by_switch(thinking, room)
    return ({"thinking": {"type": "enabled", "budget_tokens": room}}, {"thinking": {"type": "adaptive"}})


def by_mode(thinking: bool, room: int) -> Wishes:
    """Thoughts by their effort, of older models by the mode of the prompt."""
    older: Wishes = ({"prompt_mode": "reasoning"},) if thinking else ()
    return (*by_effort("high", "none")(thinking, room), *older)


def by_props(look: Look, _: str) -> object:
    """The window of a slot of llama.cpp's server, which shares its context out among them."""
    settings = look("props").get("default_generation_settings")
    return settings.get("n_ctx") if isinstance(settings, Mapping) else None


def by_show(look: Look, model: str) -> object:
    """The window that Ollama runs a model with, or would by its own file.

    Beyond that prompts are cut in silence; what the model itself could take is another, and most often more.

    Raises:
        EngineUnavailableError: if neither says it, with what the model could take.
    """
    running = look("api/ps").get("models")
    for entry in running if isinstance(running, list) else ():
        if isinstance(entry, Mapping) and entry.get("name") in (model, f"{model}:latest"):
            return entry.get("context_length")
    shown = look("api/show", {"model": model})
    if own := re.search(r"^num_ctx\s+(\d+)", str(shown.get("parameters")), re.MULTILINE):
        return int(own[1])
    about = shown.get("model_info")
    known = about.items() if isinstance(about, Mapping) else ()
    if most := next((size for key, size in known if key.endswith(".context_length")), None):
        raise EngineUnavailableError(
            f"Ollama tells the context length of a model that runs, or whose file sets num_ctx, and {model!r} does neither; "
            f"it could take {most:,} tokens at most: start it (`ollama run {model}`), or set what Ollama will give it, as "
            "with --set parts.llm.window=4096; longer prompts are cut there"
        )
    return None


@dataclass(frozen=True)
class Provider:
    """How a provider, or a kind of server, is asked.

    Attributes:
        what: In a line.
        base_url: Where its paths begin.
        key: The environment variable of its key; one of this machine needs none.
        speaks: The form of its requests and replies, by its name in `rlc.pipeline.llms.support.protocols`.
        thinking: How it is asked for a thought before the answer, or for none.
        names: What it calls our settings, where that is not the protocol's word; None where it has no such.
        structured: The ways in which it holds an answer to a schema, in the order in which they are tried.
        keeps: Whether it keeps what several prompts begin with only where it is asked to.
        window: Where it tells a model's context length, if not in its list of models.
    """

    what: str
    base_url: str
    key: str = "OPENAI_API_KEY"
    speaks: str = "CHAT"
    thinking: Thinking = by_template
    names: Mapping[str, str | None] = field(default_factory=dict)
    structured: tuple[str, ...] = ("response_format", "tool")
    keeps: bool = False
    window: Window = lambda *_: None

    @property
    def protocol(self) -> "Protocol":
        """The form that it speaks, which is loaded when somebody is asked: `rlc list` reads the table alone."""
        return cast("Protocol", load(f"rlc.pipeline.llms.support.protocols:{self.speaks}"))

    def name_of(self, setting: str) -> str | None:
        """What it calls a setting of ours; None where it has no such."""
        return self.names.get(setting, self.protocol.names.get(setting))


PROVIDERS: Mapping[str, Provider] = {
    "openai": Provider(
        "OpenAI's chat completions",
        "https://api.openai.com/v1",
        thinking=by_effort(),
        names={"max_tokens": "max_completion_tokens"},
    ),
    "openai-responses": Provider(
        "OpenAI's responses, which nothing keeps there",
        "https://api.openai.com/v1",
        speaks="RESPONSES",
        thinking=by_reasoning,
    ),
    "anthropic": Provider(
        "Anthropic's messages",
        "https://api.anthropic.com/v1",
        "ANTHROPIC_API_KEY",
        speaks="MESSAGES",
        thinking=by_budget,
        keeps=True,
    ),
    "gemini": Provider(
        "Gemini, by its OpenAI-compatible end",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GEMINI_API_KEY",
        thinking=by_effort(),
    ),
    "mistral": Provider(
        "Mistral AI",
        "https://api.mistral.ai/v1",
        "MISTRAL_API_KEY",
        thinking=by_mode,
        names={"seed": "random_seed", "logprobs": None, "stream_options": None},
    ),
    "deepseek": Provider(
        "DeepSeek",
        "https://api.deepseek.com",
        "DEEPSEEK_API_KEY",
        thinking=by_switch,
        names={"seed": None},
        structured=("tool",),  # its response_format knows JSON, and no schema
    ),
    "vllm": Provider("a vLLM server", "http://localhost:8000/v1"),
    "sglang": Provider("an SGLang server", "http://localhost:30000/v1"),
    "ollama": Provider(
        "Ollama", "http://localhost:11434/v1", "OLLAMA_API_KEY", thinking=by_effort(), window=by_show
    ),
    "llama.cpp": Provider("llama.cpp's server", "http://localhost:8080/v1", window=by_props),
}

OTHER = Provider("any server that speaks OpenAI's chat completions", "http://localhost:8000/v1")


def in_words(provider: Provider) -> str:
    """A row in a line: what it is, the variable of its key, and where it is."""
    return f"{provider.what}; {provider.key}; {provider.base_url}"


def provider_named(name: str) -> Provider:
    """The provider of a name.

    Raises:
        UsageError: if there is none, with the nearest names.
    """
    if name not in PROVIDERS:
        raise UsageError(unknown("provider", name, PROVIDERS))
    return PROVIDERS[name]


def provider_at(base_url: str) -> Provider:
    """The first provider whose host a URL has, or on this machine whose port; else one of which nothing is known.

    >>> provider_at("http://127.0.0.1:11434/v1").what
    'Ollama'
    """
    at = _place(base_url)
    return next((provider for provider in PROVIDERS.values() if _place(provider.base_url) == at), OTHER)


def _place(base_url: str) -> str | int | None:
    url = urlsplit(base_url)
    return url.port if is_local(url.hostname or "") else url.hostname

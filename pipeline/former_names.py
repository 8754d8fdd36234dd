"""Names of settings, as they are and as they were: files and stores of before are read, and stay what they were."""

from collections.abc import Mapping
from typing import Any

from rlc.data.prompt_files import ENGLISH
from rlc.pipeline.families import RETRIEVER
from rlc.retrievers import RETRIEVERS


def present_names(value: Any) -> Any:  # noqa: ANN401 - plain data
    """Specs with their settings called as they are now: what makes a retriever was `index`, and is `retriever`."""
    if isinstance(value, Mapping):
        return {present_name(key, value): present_names(inner) for key, inner in value.items()}
    return [present_names(inner) for inner in value] if isinstance(value, list) else value


def present_name(key: str, spec: Mapping[str, Any]) -> str:
    """The present name of a setting of a spec."""
    if key != "index" or "retriever" in spec:
        return key
    method = spec.get("use")
    # The dense retriever's `index` is a kind of FAISS.
    own = method in RETRIEVERS and key in RETRIEVER.parameters(str(method), key)
    return key if own else "retriever"


# Settings that came later, with the value that says what was done before there was such a setting.
LATER = (
    ("prompt", ENGLISH),
    ("rope", None),
    ("rope_factor", 1.0),
    ("looks", None),
    ("structured", "response_format"),
    ("structured", None),
    ("provider", None),
)
LATER_OF = (
    ("vote", "samples", 1),
    ("vote", "temperature", None),
    ("agent", "calls", "lines"),
    ("iterative", "forced", False),
    ("mem-walker", "choice", "said"),
)  # where others have a setting of that name

# Settings of speed change no answer: some came later, of others it counts what stood there first.
LATER_SPEED = frozenset({"side_by_side"})
FIRST_SPEED = {"prefill_step": 1024}

# Settings that are found out where nobody sets them, and what was then written out at first.
FIRST_DEFAULTS = {
    "base_url": "http://localhost:8000/v1",
    "api_key_env": "OPENAI_API_KEY",
    "max_tokens_field": "max_tokens",
}


def first_names(value: Any) -> Any:  # noqa: ANN401 - plain data
    """A completed spec as it was written when the first answers were stored: former names, and no later settings."""
    if isinstance(value, Mapping):
        return {
            "index" if key == "retriever" else key: FIRST_SPEED.get(key)
            or (FIRST_DEFAULTS.get(key) if inner is None else first_names(inner))
            for key, inner in value.items()
            if (key, inner) not in LATER
            and (value.get("use"), key, inner) not in LATER_OF
            and key not in LATER_SPEED
        }
    return [first_names(inner) for inner in value] if isinstance(value, list) else value

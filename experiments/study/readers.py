"""Who is compared: the role of each reader, read off its spec."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlc.data.spec import Spec
from rlc.pipeline.families import role_of

ROLES = ("long", "rag", "both", "closed", "other", "router")
ROUTED = ("rag", "long")  # the settings of a router that hold its arms


@dataclass(frozen=True)
class ReaderInfo:
    """A reader in the report.

    `group` is what stands before the last slash of its name (the model, where several are compared), and `short`
    what stands behind it. `models` are the language models that it asks, `arms` the names of the readers that a
    router chooses between, as far as they are compared too, retrieval first.
    """

    name: str
    label: str
    role: str
    group: str
    models: tuple[str, ...]
    arms: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """The name without its group."""
        return self.name.removeprefix(f"{self.group}/")


def readers_of(
    names: Sequence[str], specs: Mapping[str, Spec], labels: Mapping[str, str]
) -> tuple[ReaderInfo, ...]:
    """Readers in the order of the names. A reader without a spec takes part as one of an unknown kind."""
    return tuple(
        ReaderInfo(
            name=name,
            label=labels.get(name, name),
            role=role_of(specs.get(name, {})),
            group=name.rpartition("/")[0],
            models=tuple(dict.fromkeys(_models(specs.get(name, {})))),
            arms=_arms(specs.get(name, {}), names, specs),
        )
        for name in names
    )


def _models(spec: Mapping[str, Any]) -> list[str]:
    engine = spec.get("llm")
    named = [engine.get("model", engine.get("name")) if isinstance(engine, Mapping) else spec.get("model")]
    own = [str(model) for model in named if model is not None]
    return own + [
        model for key in ROUTED if isinstance(spec.get(key), Mapping) for model in _models(spec[key])
    ]


def _arms(spec: Spec, names: Sequence[str], specs: Mapping[str, Spec]) -> tuple[str, ...]:
    if role_of(spec) != "router":
        return ()
    held = [spec[key] for key in ROUTED if key in spec]
    found = [next((name for name in names if specs.get(name) == arm), None) for arm in held]
    return tuple(name for name in found if name is not None)

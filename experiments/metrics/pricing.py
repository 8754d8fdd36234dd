"""Which price an engine has, and engines that are paid."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from rlc.data.errors import UsageError
from rlc.data.purse import Purse
from rlc.data.records import Usage
from rlc.data.spec import Family, Finish, Spec, fingerprint
from rlc.experiments.metrics.cost import Price
from rlc.pipeline.families import BUILDER, ENCODER, LLM, READER, STEP
from rlc.pipeline.llms.support.paying import paying
from rlc.pipeline.llms.support.providers import PROVIDERS, provider_at

FREE = ("hf", "hf-kv", "vllm", "scripted")  # they compute here

Sheet = Mapping[str, Price]


def engines_of(specs: Mapping[str, Spec], family: Family = READER) -> dict[str, Spec]:
    """The models in completed specs that may be paid, each once, by the first place where it stands.

    Those are language models, and encoders and rerankers behind a server.
    """
    found: dict[str, tuple[str, Spec]] = {}
    for name, spec in specs.items():
        if (
            spec.get("use") in family.table
        ):  # a stored run's reader may be another package's, which is not here
            for inner, place, engine in BUILDER.walk(spec, family, name):
                if inner is LLM or _is_remote(inner.kind, engine):
                    found.setdefault(fingerprint(engine), (place, engine))
    return dict(found.values())


def known_engines(specs: Mapping[str, Spec]) -> list[Spec]:
    """The models of a stored run's readers, but of those whose code is named and may not run: a report does without."""
    found: list[Spec] = []
    for name, spec in specs.items():
        with suppress(UsageError):
            found += engines_of({name: spec}).values()
    return found


def _is_remote(kind: str, spec: Spec) -> bool:
    return kind in (ENCODER.kind, STEP.kind) and spec["use"] == "endpoint"


def model_of(engine: Spec) -> str:
    """What the model of an engine's completed spec is called."""
    arguments = engine.get("arguments") or {}
    own = engine.get("model") or arguments.get("model") or engine.get("target") or engine.get("name")
    return str(own or engine["use"])


def price_of(engine: Spec, sheet: Sheet) -> Price | None:
    """The price of an engine's model, at its provider or wherever it is; None where the sheet has none."""
    model = model_of(engine)
    names = [f"{name}/{model}" for name in _providers(engine)]
    return next((sheet[name] for name in (*names, model) if name in sheet), None)


def _providers(engine: Spec) -> list[str]:
    """The names that a provider's models may stand under; it may have several protocols."""
    if engine["use"] != "endpoint":
        return []
    url = engine.get("base_url")
    at = provider_at(url[0] if isinstance(url, list) else url) if url else None
    named = PROVIDERS.get(str(engine.get("provider")), at)
    return [name for name, row in PROVIDERS.items() if named and row.base_url == named.base_url]


def unpriced(engines: Mapping[str, Spec], sheet: Sheet) -> list[str]:
    """The models of engines, by their places, that cost something and have no price, each with its place."""
    return [
        f"{model_of(engine)} ({place})"
        for place, engine in engines.items()
        if engine["use"] not in FREE and price_of(engine, sheet) is None
    ]


def check_priced(engines: Mapping[str, Spec], sheet: Sheet) -> None:
    """Hold that everything that costs something has a price.

    Raises:
        UsageError: naming the models that have none.
    """
    if missing := unpriced(engines, sheet):
        raise UsageError(
            f"what may be spent is counted by prices, and there is none for {', '.join(missing)}: add "
            '["model"] with prompt and output to the file of --prices (0 for a server of your own)'
        )


def paid(finish: Finish, sheet: Sheet, purse: Purse | None) -> Finish:
    """Have every model that has a price be paid from a purse; without one they are what they are."""
    if purse is None:
        return finish

    def pay(make: Callable[[], Any], kind: str, spec: Spec) -> Any:  # noqa: ANN401 - the builder's hook
        made = finish(make, kind, spec)
        price = price_of(spec, sheet) if kind == LLM.kind or _is_remote(kind, spec) else None
        if price is not None and kind != LLM.kind:
            made.remote.pay(lambda tokens: price.of(Usage(prompt_tokens=tokens)), purse)
            return made
        return made if price is None else paying(made, price.of, purse)

    return pay

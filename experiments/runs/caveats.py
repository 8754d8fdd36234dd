"""What must be said beside a figure so that nobody takes it for more than it is."""

from collections.abc import Mapping
from typing import Any

from rlc.data.datasets import card_of
from rlc.data.sets.card import SENSES, Sense
from rlc.data.spec import Spec

FITTED_ON = "lara"  # what the shipped fits were made from


def caveats(specs: Mapping[str, Spec], data: Mapping[str, Any]) -> list[str]:
    """Sentences about a run's readers on its data, as provenance describes it; none where nothing needs saying.

    What a reader never searches it cannot find. A router that was fitted on a data set has seen the answers to its questions: its figures there are no
    measurement of what it is worth elsewhere.
    """
    outside = [
        f"the collection {name} lacks {count} of the {data['documents']} documents that are asked about"
        for name, count in data.get("outside_collections", {}).items()
    ]
    return [*data.get("notes", ()), *_senses(data), *outside, *_flattered(specs, data)]


def _senses(data: Mapping[str, Any]) -> list[str]:
    """A sentence for each sense that a comparison on these parts has other than the usual one, and who judges."""
    senses: dict[Sense, list[str]] = {}
    lines = []
    for spec in data.get("settings", ()):
        card = card_of(spec["use"])
        parts = spec.get("part", list(card.parts))
        for part in parts if isinstance(parts, list) else [parts]:
            if (sense := card.parts[part].sense) != "both":
                senses.setdefault(sense, []).append(part)
        if card.judge and not data.get("measures"):
            lines.append(
                f"{card.title}: the figures are the rule judge's (its authors ask {card.judge}); ask one with "
                "`rlc judge llm`"
            )
    lines += [f"{', '.join(dict.fromkeys(parts))}: {SENSES[sense]}" for sense, parts in senses.items()]
    return list(dict.fromkeys(lines))


def _flattered(specs: Mapping[str, Spec], data: Mapping[str, Any]) -> list[str]:
    if data.get("name") != FITTED_ON or data.get("variant") != "benchmark":
        return []
    fitted = [name for name, spec in specs.items() if "/" not in str(spec.get("fit", "/"))]
    if not fitted:
        return []
    which = ", ".join(fitted) if len(fitted) <= 3 else f"{len(fitted)} routers"
    return [
        f"{which}: fitted on a part of LaRA, so figures on those questions flatter it; for unseen documents and models "
        "see `rlc router eval`"
    ]

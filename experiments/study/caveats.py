"""What must be said beside a figure so that nobody takes it for more than it is."""

from collections.abc import Mapping, Sequence
from typing import Any

from rlc.data.datasets import card_of
from rlc.data.sets.card import SENSES, Sense
from rlc.experiments.runs.stored import StoredRun
from rlc.experiments.study.fits import Sight
from rlc.experiments.study.study import Study


def caveats(study: Study) -> list[str]:
    """Sentences about a run's readers on its data; none where nothing needs saying.

    What a reader never searches it cannot find. A router that was fitted on these questions has seen their answers: its
    figures here are no measurement of what it is worth elsewhere.
    """
    data = study.run.data
    return [
        *provisional(study.run),
        *data.get("notes", ()),
        *senses(data, study.run.judge),
        *outside_collections(data),
        *_fits(study),
    ]


def provisional(run: StoredRun) -> list[str]:
    """Sentences where the run was stopped, or goes on, and its files tell of some documents only, or of no judge yet."""
    if (so_far := run.provenance.get("provisional")) is None:
        return []
    judge, asked = so_far.get("judge"), run.data.get("examples")
    questions = (
        f"{so_far['questions']:,} of {asked:,} questions on " if "questions" in so_far and asked else ""
    )
    return [
        f"Provisional: {questions}{so_far['documents']:,} of {so_far['of']:,} documents are answered for; the same rlc compare goes on.",
        *([f"{judge} judges at the end: these figures are those without it."] if judge else ()),
    ]


def senses(data: Mapping[str, Any], judge: str = "") -> list[str]:
    """A sentence for each sense that a comparison on these parts has other than the usual one, and who judges."""
    parts_of: dict[Sense, list[str]] = {}
    lines = []
    for spec in data.get("settings", ()):
        card = card_of(spec["use"])
        parts = spec.get("part", list(card.parts))
        for part in parts if isinstance(parts, list) else [parts]:
            if (sense := card.parts[part].sense) != "both":
                parts_of.setdefault(sense, []).append(part)
        if card.judge and not data.get("measures") and not judge:
            lines.append(
                f"{card.title}: the figures are the rule judge's (its authors ask {card.judge}); ask one with --judge"
            )
    lines += [f"{', '.join(dict.fromkeys(parts))}: {SENSES[sense]}" for sense, parts in parts_of.items()]
    return list(dict.fromkeys(lines))


def outside_collections(data: Mapping[str, Any]) -> list[str]:
    """Collections that lack documents which are asked about, as provenance describes them."""
    return [
        f"The collection {name} lacks {count} of the {data['documents']} documents that are asked about."
        for name, count in data.get("outside_collections", {}).items()
    ]


def _fits(study: Study) -> list[str]:
    """Each sentence once, with all routers that it is true of."""
    routers: dict[str, list[str]] = {}
    for reader in study.readers:
        seen = study.sights.get(reader.name)
        for sentence in _sentences(seen) if seen else ():
            routers.setdefault(sentence, []).append(reader.label)
    return [sentence.format(routers=_named(names)) for sentence, names in routers.items()]


def _sentences(seen: Sight) -> list[str]:
    if seen.fit is None:
        return [
            "The fit of {routers} cannot be read any more, so it is not known whether it saw these questions."
        ]
    said = []
    if seen.in_sample:
        with_models = "with answers of other models" if seen.strangers else "with these very answers"
        said.append(
            f"* {{routers}}: fitted on {seen.seen:,} of these {seen.asked:,} questions, {with_models}: its figures here "
            "are too good. For documents that it has not seen: rlc router eval."
        )
    elif seen.seen:
        said.append(
            f"{{routers}} decided each of the {seen.seen:,} questions that it was fitted on by a fit without the "
            "question's document."
        )
    if seen.strangers:
        said.append(
            f"{{routers}} was fitted on {seen.fit.data or 'other answers'} ({_named(seen.fit.models)}) and takes "
            f"{_named(seen.strangers)} for their average; rlc router fit makes one of your own run."
        )
    return said


def _named(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"

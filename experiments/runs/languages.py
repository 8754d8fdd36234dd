"""What of a run was made for English, beside documents that are not in it."""

from collections.abc import Iterator, Mapping
from typing import Any

from rlc.data.records import Dataset
from rlc.data.spec import Spec
from rlc.data.text.script import looks_english, scripts

# Methods that were fitted on English texts, or whose rules are English.
ENGLISH = frozenset({"learned", "learned-after-rag", "table", "provence", "static", "llmlingua2", "rules"})
_SETTINGS = ("stopwords", "stemmer")


def language_notes(specs: Mapping[str, Spec], dataset: Dataset) -> list[str]:
    """One loud sentence where documents are not in English and something in the run was made for it; else none."""
    foreign = [
        name for name in sorted(dataset.asked) if not looks_english(dataset.documents[name].page_content)
    ]
    if not foreign:
        return []
    made = sorted({name for spec in specs.values() for name in _made_for_english(spec)})
    if {example.task for example in dataset.examples} - dataset.measures.keys():
        made.append("the rule judge (its fit)")
    found = scripts(" ".join(dataset.documents[name].page_content[:4000] for name in foreign[:20]))
    return (
        [
            f"NOT ENGLISH: {len(foreign)} of {len(dataset.asked)} documents ({', '.join(list(found)[:3])} letters; first: "
            f"{foreign[0]}). Made for English and not measured on these: {', '.join(made)}; check some verdicts by eye "
            "(`rlc show`), or ask a language model (`rlc judge llm`)"
        ]
        if made
        else []
    )


def _made_for_english(part: Any) -> Iterator[str]:  # noqa: ANN401  a setting of a spec is any plain value
    if isinstance(part, Mapping):
        if part.get("use") in ENGLISH:
            yield str(part["use"])
        yield from (f"{key} 'english'" for key in _SETTINGS if part.get(key) == "english")
        for inner in part.values():
            yield from _made_for_english(inner)
    elif isinstance(part, list | tuple):
        for inner in part:
            yield from _made_for_english(inner)

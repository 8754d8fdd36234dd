"""What of a run was made for English, beside documents that are not in it."""

from collections.abc import Iterator, Mapping
from typing import Any

from rlc.data.prompt_files import ENGLISH as ENGLISH_PROMPTS
from rlc.data.prompt_files import shipped_languages
from rlc.data.records import Dataset
from rlc.data.spec import Family, Spec, names_prompts, names_weights
from rlc.data.text.script import looks_english, scripts
from rlc.data.weights import ALIASES
from rlc.pipeline.families import BUILDER, READER

ENGLISH = "English"
# Settings that stand for rules of English, by their values; what a whole method was made for it says in `made_for`.
_SETTINGS = {"stopwords": "english", "stemmer": "english", "sentences": "nupunkt"}


def language_notes(specs: Mapping[str, Spec], dataset: Dataset) -> list[str]:
    """One loud sentence where documents are not in English and something in the run was made for it; else none."""
    foreign = [
        name for name in sorted(dataset.asked) if not looks_english(dataset.documents[name].page_content)
    ]
    if not foreign:
        return []
    made = sorted({name for spec in specs.values() for name in made_for_english(spec)})
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


def made_for_english(reader: Spec) -> Iterator[str]:
    """The methods, settings and weights of a reader's completed spec that were made for English.

    A method that decides by a fit of the user's own was made for the user's texts.
    """
    for family, path, spec in BUILDER.walk(reader, READER, "reader"):
        parameters = family.parameters(spec["use"], path)
        own = "fit" in parameters and spec.get("fit") != parameters["fit"].default
        if made_for(family, spec["use"]) == ENGLISH and not own:
            yield spec["use"]
        yield from (f"{key} {value!r}" for key, value in _SETTINGS.items() if spec.get(key) == value)
        for key, parameter in parameters.items():
            alias: Any = spec.get(key) if names_weights(parameter.annotation) else None
            if isinstance(alias, str) and alias in ALIASES and ALIASES[alias].made_for == ENGLISH:
                yield alias
            if names_prompts(parameter.annotation) and spec.get(key) == ENGLISH_PROMPTS:
                others = [
                    f"'{language}'"
                    for language in shipped_languages(family.method(spec["use"], path))
                    if language != ENGLISH_PROMPTS
                ]
                if others:
                    yield f"the prompts of {spec['use']} (prompt = {' or '.join(others)} asks in another language)"


def made_for(family: Family, name: str) -> str:
    """The language that an entry of a table says it was made for, as `made_for`; empty for any."""
    return str(getattr(family.method(name, name), "made_for", ""))

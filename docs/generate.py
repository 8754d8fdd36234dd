"""What the documentation site takes from the code: the settings of every method, and doctests as code blocks.

A hook of MkDocs (see mkdocs.yml). It also holds the pages to the promise that they load nothing from elsewhere.
"""

import dataclasses
import inspect
import json
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any

import griffe
from annotated_types import Ge, Gt, Le, Lt
from mkdocs.exceptions import PluginError
from mkdocs.structure.pages import Page

import rlc
from rlc.data.datasets import card_of
from rlc.data.prompt_files import PromptFile
from rlc.data.protocols import Weights
from rlc.data.sets import SETS
from rlc.data.spec import Family
from rlc.experiments.cli.datasets import here, measure
from rlc.experiments.runs.results import COLUMNS
from rlc.pipeline.families import (
    BUILDER,
    CHUNKER,
    COLLECTION,
    ENCODER,
    FUSION,
    LLM,
    LOOK,
    MULTI_VECTOR_ENCODER,
    PRESS,
    READER,
    RETRIEVER,
    SEARCHER,
    SPARSE_ENCODER,
    STEP,
    TOKENIZER,
)

METHODS = "<!-- the methods and their settings -->"
RESULTS = "<!-- the columns of the results -->"
DATASETS = "<!-- the data sets -->"
NAMES = re.compile(r"<!-- the public names of (rlc\.\w+) -->")
HEADINGS = {
    "Readers and routers": READER,
    "Searchers": SEARCHER,
    "Chunkers": CHUNKER,
    "Retrievers": RETRIEVER,
    "Steps": STEP,
    "Encoders": ENCODER,
    "Sparse encoders": SPARSE_ENCODER,
    "Multi-vector encoders": MULTI_VECTOR_ENCODER,
    "Engines": LLM,
    "What is kept of keys and values": PRESS,
    "Fusions of passages": FUSION,
    "Ways of looking": LOOK,
}
ANCHORS = {family.kind: heading.lower().replace(" ", "-") for heading, family in HEADINGS.items()}
ANCHORS |= {TOKENIZER.kind: "tokenizers", COLLECTION.kind: "collections"}
FETCHED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?(?:https?:)?//|<link\b[^>]*\bhref=["']?(?:https?:)?//"""
)
KINDS: Mapping[object, str] = {
    int: "whole number",
    float: "number",
    str: "text",
    bool: "true or false",
    Sequence: "list",
    Mapping: "table",
    Callable: "function",
}
LIMITS: Mapping[type, str] = {Ge: "at least {}", Gt: "above {}", Le: "at most {}", Lt: "below {}"}


def on_page_markdown(markdown: str, **_: object) -> str:
    """Write the methods, the data sets, the columns of the results or the public names, where the page asks for them."""
    for mark, lines in ((METHODS, methods), (RESULTS, columns), (DATASETS, datasets)):
        if mark in markdown:
            markdown = markdown.replace(mark, "\n".join(lines()))
    return NAMES.sub(lambda found: "\n".join(f"::: {name}\n" for name in public_names(found[1])), markdown)


def on_post_page(output: str, page: Page, **_: object) -> str:
    """Refuse a page that would fetch something.

    Raises:
        PluginError: naming page and tag.
    """
    found = FETCHED.search(output)
    if found:
        raise PluginError(f"{page.file.src_uri} loads from elsewhere: {found.group()}")
    return output


class Doctests(griffe.Extension):
    """Puts the doctests of docstrings into code blocks."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Called for every module, class and function."""
        if obj.docstring and ">>>" in obj.docstring.value:
            obj.docstring.value = re.sub(
                r"(?ms)^>>> .*?(?=\n\n|\Z)",
                lambda found: f"```pycon\n{found.group()}\n```",
                obj.docstring.value,
            )


def public_names(package: str) -> list[str]:
    """List what a front door or a table of methods hands out of a package, by its full name; all else is internal."""
    doors = [rlc.TARGETS, *(family.table for family in BUILDER.families)]
    names = {target.replace(":", ".") for door in doors for target in door.values()}
    names.discard("rlc.data.records.Document")  # langchain-core's, and described there
    return sorted(name for name in names if name.startswith(f"{package}."))


def columns() -> Iterator[str]:
    """Markdown: what `results.parquet` holds."""
    yield "| column | type | |\n|---|---|---|"
    for name, (kind, meaning) in COLUMNS.items():
        yield f"| `{name}` | {str(kind).partition('(')[0]} | {meaning} |"


def datasets() -> Iterator[str]:
    """Markdown: every data set's card."""
    for name in sorted(SETS):
        card = card_of(name)
        yield f"\n### {card.title}\n"
        facts = {
            "name": f"`{name}`",
            "paper": card.paper,
            "files": card.source.place if card.source else here(card),
            "licence": card.licence + (f' (`--accept "{card.terms}"`)' if card.terms else ""),
            "scored by": measure(card) + (f", as in {card.upstream}" if card.upstream else ""),
            "overall": card.overall.replace("-", " "),
            "lengths": f"{card.lengths} ({card.unit})" if card.lengths else "",
            "questions": "" if card.questions is None else f"{card.questions:,}",
        }
        yield "| | |\n|---|---|"
        yield from (f"| {key} | {value} |" for key, value in facts.items() if value)
        yield f"\n{card.note}\n"
        yield "| part | scorer | tokens of an answer | sense |\n|---|---|---|---|"
        for part, one in card.parts.items():
            tokens = one.wording.max_tokens if one.wording else ""
            yield f"| `{part}` | {one.scorer or 'the rule judge'} | {tokens} | {one.sense} |"
        if card.bibtex:
            yield f"\n```bibtex\n{card.bibtex}\n```"


def methods() -> Iterator[str]:
    """Markdown: every family, every method in it, every setting of the method."""
    for heading, family in HEADINGS.items():
        yield f"\n## {heading}\n"
        yield f"{_places(family)}\n"
        for name in sorted(family.table):
            yield from _method(family, name)


def _places(family: Family) -> str:
    """Where a recipe names methods of this family."""
    if family is READER:
        return "Stand in `[readers.NAME]`, and as `rag` and `long` in a router."
    settings: dict[str, list[str]] = {}
    for owner in BUILDER.families:
        for name in owner.table:
            for key, one in owner.parameters(name, name).items():
                if BUILDER.family_of(one.annotation) is family and owner.kind not in settings.setdefault(
                    key, []
                ):
                    settings[key].append(owner.kind)
    named = [f"`{key}` of a {' or '.join(owners)}" for key, owners in settings.items() if owners]
    short = f" A bare name that is no method is a model of `{family.shorthand}`." if family.shorthand else ""
    if family.spelling:
        short += " `ENGINE:MODEL` and `PROVIDER:MODEL` name another, as on the command line."
    return f"Stand in the setting {', '.join(named)}.{short}"


def _method(family: Family, name: str) -> Iterator[str]:
    make = family.maker(name, name)
    owner = getattr(make, "__self__", make)
    yield f"\n### {name} {{ #{ANCHORS[family.kind]}-{name} }}\n"
    yield _prose(owner)
    said = _descriptions(make, owner)
    yield "\n| setting | takes | default | |\n|---|---|---|---|"
    for one in family.parameters(name, name).values():
        cells = [f"`{one.name}`", _takes(one), _default(one, owner), said.get(one.name, "")]
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
    yield f"\n[`{owner.__module__}`][{owner.__module__}.{owner.__name__}]"


def _prose(owner: object) -> str:
    return "\n\n".join(
        str(section.value) for section in _sections(owner) if section.kind is griffe.DocstringSectionKind.text
    )


def _descriptions(*described: Any) -> dict[str, str]:  # noqa: ANN401 - functions and classes
    """What docstrings say of single settings; a class's own words come before its bases'."""
    found: dict[str, str] = {}
    told = (griffe.DocstringSectionKind.parameters, griffe.DocstringSectionKind.attributes)
    for one in described:
        for place in getattr(one, "__mro__", (one,)):
            for section in _sections(place):
                for item in section.value if section.kind in told else ():
                    found.setdefault(item.name, " ".join(item.description.split()))
    return found


def _sections(described: object) -> Sequence[griffe.DocstringSection]:
    text = inspect.cleandoc(getattr(described, "__doc__", None) or "")
    return griffe.Docstring(text).parse("google", warnings=False)


def _takes(parameter: inspect.Parameter) -> str:
    family = BUILDER.family_of(parameter.annotation)
    if family is None:
        return _kind(parameter.annotation)
    link = f"[{family.kind}](#{ANCHORS[family.kind]})"
    return f"list of {link}s" if typing.get_origin(parameter.annotation) is Sequence else link


def _kind(annotation: Any) -> str:  # noqa: ANN401 - whatever an annotation is
    """A type in a few words."""
    if annotation == Weights:
        return "alias, folder or Hugging Face id"
    if annotation == PromptFile:
        return "language that ships, or the path of a TOML file"
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return ", ".join([_kind(inner[0]), *_limits(inner[1:])])
    if origin is typing.Literal:
        return ", ".join(f"`{choice}`" for choice in inner)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(_kind(one) for one in inner if one is not types.NoneType))
    return KINDS.get(origin or annotation) or f"`{getattr(annotation, '__name__', annotation)}`"


def _limits(metadata: Sequence[object]) -> Iterator[str]:
    for one in metadata:
        for limit in getattr(
            one, "metadata", [one]
        ):  # pydantic's FieldInfo holds the limits in a list of its own
            if type(limit) in LIMITS:
                [number] = vars(limit).values() if hasattr(limit, "__dict__") else dataclasses.astuple(limit)
                yield LIMITS[type(limit)].format(number)


def _default(parameter: inspect.Parameter, owner: object) -> str:
    """The default as a recipe would write it."""
    if parameter.default is inspect.Parameter.empty:
        return "**needed**"
    if repr(parameter.default) == "<factory>":
        return f"`{type(_made(owner, parameter.name)).__name__}`"
    return "none" if parameter.default is None else f"`{json.dumps(parameter.default)}`"


def _made(owner: Any, name: str) -> object:  # noqa: ANN401 - a dataclass or a pydantic model
    """What a default factory makes."""
    if dataclasses.is_dataclass(owner):
        [factory] = [one.default_factory for one in dataclasses.fields(owner) if one.name == name]
    else:
        factory = owner.model_fields[name].default_factory
    return factory() if callable(factory) else factory

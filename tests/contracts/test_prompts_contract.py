"""Every method that asks a model keeps its words in files: they fit its places, in every language that ships."""

import inspect
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from rlc.data.lazy import load
from rlc.data.prompt_files import PromptFile, read_prompts, shipped_languages
from rlc.experiments.judges.support.naming import CRITERIA, JUDGE
from rlc.pipeline.families import BUILDER

METHODS = {
    f"{family.kind} {name}": target
    for family in (*BUILDER.families, JUDGE)
    for name, target in family.table.items()
}
JUDGES = [f"judge {name}" for name in CRITERIA]


def source(target):
    return Path(find_spec(target.partition(":")[0]).origin).read_text(encoding="utf-8")


OWN = "judge rubric"  # whose file is always a user's
ASKING = sorted(
    {name for name, target in METHODS.items() if "PROMPTS" in source(target)}.union(JUDGES) - {OWN}
)


@pytest.mark.parametrize("name", ASKING)
def test_the_files_fit_the_places(name):
    method = load(METHODS[name])
    languages = shipped_languages(method)
    assert "en" in languages
    for language in languages:
        assert read_prompts(method, language).language == language


@pytest.mark.parametrize("name", ASKING)
def test_a_recipe_can_replace_them(name):
    method = load(METHODS[name])
    parameters = inspect.signature(method, eval_str=True).parameters
    assert parameters["prompt"].annotation in (PromptFile, str)


# What a model is told to write, and what is read in its answer: the same in every language.
KEPT = re.compile(
    r"NOTHING|ANSWER|ACTION|BACK|ASK EACH|ASK|QUESTION|PARAGRAPHS|IDS|SEARCH|GREP|OPEN|COUNT|RAG|LONG|Follow up:|So the (?:final )?answer is:|#1|<2>"
)
READING = [name for name in ASKING if name.startswith(("reader ", "judge "))] + [
    "chunker gist",
    "chunker tree",
]


@pytest.mark.parametrize("name", READING)
def test_reading_ships_in_german_and_chinese(name):
    """The same texts, with the same places, and the words that stay."""
    method = load(METHODS[name])
    english = read_prompts(method).texts
    for language in ("de", "zh"):
        texts = read_prompts(method, language).texts
        assert texts.keys() == english.keys()
        for text, said in texts.items():
            for what in (re.compile(r"\{[a-z_]+\}"), KEPT):
                assert set(what.findall(said)) == set(what.findall(english[text])), f"{language}: {text}"
            same = said == english[text]
            assert not same or not re.search(
                r"[A-Za-z]{4}", KEPT.sub("", re.sub(r"\{[a-z_]+\}", "", said))
            ), f"{language}: {text} is English"

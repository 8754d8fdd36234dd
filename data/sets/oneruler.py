"""ONERULER (Kim et al., 2025, arXiv:2503.01996; mungg/OneRuler@7df5ce7): RULER's needles, where the answer may be that there is none.

`niah_none` asks for a key that is not in the text, and in all tasks the wording allows "none". In English on RULER's needles, in a wording of our
own; in German, Spanish and French in the authors' (`oneruler.toml`). Their books, some of which are in copyright, are not here: another language
asks for `haystack=FOLDER` of texts in it. Scripts other than Latin have no words for keys here.
"""

import random
import tomllib
from dataclasses import replace
from pathlib import Path

from rlc.data.errors import UsageError, unknown
from rlc.data.records import Dataset, Example, Wording
from rlc.data.sets.card import Card, Part
from rlc.data.sets.haystack import BUNDLED, Haystack, each, hidden, load_haystack, made, plant, room_in
from rlc.data.sets.ruler import NEEDLE

WORDING = Wording(
    "Please read and memorize the text below. I will ask you about it later.\n\n<text>\n{text}\n</text>\n\n",
    "<Question> {question} Please provide your answer in the following format: <answer>List all numbers here</answer>. If no "
    "such numbers exist, please answer <answer>none</answer>.</Question>\n",
    128,
)
ENGLISH = {
    "before": WORDING.before,
    "needle": NEEDLE.replace("{what}", "numbers"),
    "one": "What special magic numbers for {a} are mentioned in the provided text?",
    "two": "What special magic numbers for {a} and {b} are mentioned in the provided text?",
    "after": WORDING.after,
    "none": "none",
}
LANGUAGES: dict[str, dict[str, str]] = {
    "en": ENGLISH,
    **tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")),
}
KEYS = {
    "niah_single": (1, 1, 1),
    "niah_multikey": (4, 1, 1),
    "niah_multivalue": (1, 4, 1),
    "niah_multiquery": (4, 1, 2),
}
# Keys that are hidden, values of each, keys that are asked for; of `niah_none` the one that is asked for is not hidden.
KEYS |= {"niah_none": (4, 1, 1)}

CARD = Card(
    name="oneruler",
    title="ONERULER",
    paper="arXiv:2503.01996",
    source=None,
    licence="made here; idea and rules MIT (mungg/OneRuler)",
    parts={
        part: Part("oneruler:compare_none" if part == "niah_none" else "oneruler:compare_numbers", WORDING)
        for part in KEYS
    },
    upstream="mungg/OneRuler@7df5ce7",
    language=tuple(LANGUAGES),
    overall="effective-length",
    lengths="you say",
    bibtex="""@article{kim2025oneruler,
  title={One ruler to measure them all: Benchmarking multilingual long-context language models},
  author={Kim, Yekyung and Russell, Jenna and Karpinska, Marzena and Iyyer, Mohit},
  journal={arXiv preprint arXiv:2503.01996},
  year={2025}
}""",
    note="language=de|es|fr with haystack=FOLDER of texts in it. niah_none shows who makes up an answer, and what the wording alone costs the other tasks.",
    made=True,
)


def make(
    part: str,
    length: int = 4096,
    questions: int = 20,
    seed: int = 0,
    haystack: str = "sample",
    tokenizer: str = "approximate",
    language: str = "en",
) -> Dataset:
    """Make the questions of a task, each on its own text of at most `length` tokens, answer and wording included.

    Raises:
        UsageError: where nothing fits into the length, the language is unknown, or its haystack is the bundled English one.
        DataError: where the hay cannot be read.
    """
    if language not in LANGUAGES:
        raise UsageError(unknown("language of oneruler", language, LANGUAGES))
    if language != "en" and haystack == BUNDLED:
        raise UsageError(
            f"oneruler: the bundled texts are English; give haystack=FOLDER of texts for language={language}"
        )
    hay = load_haystack(haystack, tokenizer)
    examples = [
        _example(id_, part, length, language, hay, draw) for id_, draw in each(part, length, questions, seed)
    ]
    settings: dict[str, int | str] = {"length": length, "questions": questions, "seed": seed}
    settings |= {} if language == "en" else {"language": language}
    return made(CARD, part, examples, settings, hay, length)


def _example(id_: str, part: str, length: int, language: str, hay: Haystack, draw: random.Random) -> Example:
    said = LANGUAGES[language]
    wording = Wording(said["before"], said["after"], WORDING.max_tokens)
    keys, values, asked = KEYS[part]
    names = draw.sample(hay.words, keys + 1)
    planted = [(name, str(draw.randint(10**6, 10**7 - 1))) for name in names[:keys] for _ in range(values)]
    wanted = names[keys:] if part == "niah_none" else draw.sample(names[:keys], asked)
    needles = [said["needle"].format(key=name, value=value) for name, value in planted]
    question = said["two" if len(wanted) > 1 else "one"].format(a=wanted[0], b=wanted[-1])
    room = room_in(length, wording, question, needles, hay.tokenizer)
    placed = plant(hay.lines(room, draw), needles, [draw.random() for _ in needles])
    places = [i for i, (name, _) in enumerate(planted) if name in wanted]
    answers = [planted[i][1] for i in places] or [said["none"]]
    example = hidden(id_, question, wording, placed, places, answers, length)
    return replace(example, metadata={**example.metadata, "lang": language})

"""NeedleBench v2 (Li et al., 2024, arXiv:2407.11963; opencompass 0.5.4): needles alone, in chains, side by side, and nothing else.

Wording and rules are upstream's, for English. The needles are not: upstream's lie on the hub; here they are made of names and
things of our own, so that the same settings give the same set everywhere.
"""

import random
from collections.abc import Sequence

from rlc.data.errors import UsageError
from rlc.data.records import Dataset, Example, Wording
from rlc.data.sets.card import Card, Part
from rlc.data.sets.haystack import Haystack, each, hidden, load_haystack, made, plant, room_in
from rlc.data.sets.needles import NAMES, WORDING, secret, secrets

PARALLEL = Wording(
    WORDING.before.replace("answer the final question", "answer the final questions one by one"),
    WORDING.after,
    128,
)
BOXED = (
    "For example: if James Hill's father is Jasmine Lane, and no further information about familial relationships is "
    "provided in the text, then the oldest relative James Hill can trace back to in the provided text is "
    "\\boxed{Jasmine Lane}.\n\nNotes:\n1. You do not need to worry about the gender consistency of names in this test. Our "
    "primary focus is on who is older.\n2. Ignore surname inheritance issues. We only care about who is older.\n3. At the "
    "end of your response, remember to put your final answer within \\boxed{}.\n"
)
CHAIN = Wording(WORDING.before, WORDING.after + BOXED, 512)
ATC = Wording(
    "Here is a test for multi-step reasoning ability called the Ancestral Trace Challenge. In this test, we will simulate "
    "different people's familial relationships, and your task is to continuously reason through them until you identify "
    "the eldest ancestor.\n\n"
    + BOXED
    + "\nNow, the scrambled family relationships are provided below:\n{text}\n\n",
    "Given the scrambled family relationships described above, {question}",
    1024,
)
RELATIONS = (
    ("father", 1), ("mother", 1), ("paternal grandfather", 2), ("maternal grandmother", 2), ("paternal grandmother", 2),
    ("maternal grandfather", 2),
)  # fmt: skip
TOLD = (
    "{old} is {young}'s {relation}.",
    "{young} has {old} for a {relation}.",
    "{old} is not only {young}'s {relation} but also {young}'s role model.",
    "{old}, as {young}'s {relation}, has a significant impact on {young}'s upbringing.",
)

CARD = Card(
    name="needlebench",
    title="NeedleBench",
    paper="arXiv:2407.11963",
    source=None,
    licence="made here; wording Apache-2.0 (OpenCompass)",
    parts={
        "single": Part("needlebench:keyword", WORDING),
        "multi": Part("needlebench:boxed", CHAIN),
        "parallel": Part("needlebench:parallel", PARALLEL),
        "atc": Part("needlebench:boxed", ATC, "whole"),
    },
    upstream="opencompass 0.5.4, needlebench_v2",
    overall="effective-length",
    lengths="you say",
    bibtex="""@article{li2024needlebench,
  title={NeedleBench: Evaluating LLM Retrieval and Reasoning Across Varying Information Densities},
  author={Li, Mo and Zhang, Songyang and Zhang, Taolin and Duan, Haodong and Liu, Yunxin and Chen, Kai},
  journal={arXiv preprint arXiv:2407.11963},
  year={2024}
}""",
    note="atc is as long as its needles are: `length` names its lengths apart, and fills nothing.",
    made=True,
)


def make(
    part: str,
    length: int = 4096,
    questions: int = 10,
    needles: int = 5,
    seed: int = 0,
    haystack: str = "sample",
    tokenizer: str = "approximate",
) -> Dataset:
    """Make the questions of a task, each on its own text.

    Args:
        part: `single`, `multi` (a chain of relatives in a text), `parallel` (several needles, all asked for) or `atc` (the
            chain alone, shuffled).
        length: Of the whole prompt and the answer, in tokens.
        questions: How many; their depths are spread evenly.
        needles: How many, where there are several; at most 20 side by side, and one less than the names in a chain.
        seed: Of all draws.
        haystack: `sample`, or a folder of texts.
        tokenizer: What counts: `approximate`, or a model's name.

    Raises:
        UsageError: where there are too many or too few needles, or nothing fits into the length.
        DataError: where the hay cannot be read.
    """
    if not 1 <= needles <= 20:
        raise UsageError(f"needlebench: needles must be 1 to 20, got {needles}")
    hay = load_haystack(haystack, tokenizer)
    makers = {"single": _single, "multi": _multi, "parallel": _parallel, "atc": _atc}
    examples = []
    for i, (id_, draw) in enumerate(each(part, length, questions, seed)):
        depth = i / (questions - 1) if questions > 1 else 0.5
        examples.append(makers[part](id_, length, needles, depth, hay, draw))
    settings = {"length": length, "questions": questions, "needles": needles, "seed": seed}
    return made(CARD, part, examples, settings, hay, 0 if part == "atc" else length)


def _single(id_: str, length: int, needles: int, depth: float, hay: Haystack, draw: random.Random) -> Example:
    """One needle at a depth."""
    del needles  # this task has one
    sentence, question, keyword = secret(draw)
    room = room_in(length, WORDING, question, [sentence], hay.tokenizer)
    placed = plant(hay.lines(room, draw), [sentence], [depth])
    return hidden(id_, question, WORDING, placed, [0], [keyword], length, depth)


def _multi(id_: str, length: int, needles: int, depth: float, hay: Haystack, draw: random.Random) -> Example:
    """A chain of relatives, from a depth on at equal distances, in a shuffled order."""
    names, sentences = chain(needles, draw)
    question = _eldest(names[0]).replace("in the context", "in the document")
    order = draw.sample(range(needles), needles)
    room = room_in(length, CHAIN, question, sentences, hay.tokenizer)
    depths = [depth + (1 - depth) * place / needles for place in order]
    placed = plant(hay.lines(room, draw), sentences, depths)
    return hidden(id_, question, CHAIN, placed, range(needles), [names[-1]], length, depth)


def _parallel(
    id_: str, length: int, needles: int, depth: float, hay: Haystack, draw: random.Random
) -> Example:
    """Needles all over the text, each of which is asked for."""
    del depth  # they stand everywhere
    told = secrets(needles, draw)
    question = " ".join(asked for _, asked, _ in told)
    sentences = [sentence for sentence, _, _ in told]
    room = room_in(length, PARALLEL, question, sentences, hay.tokenizer)
    depths = [(i + 0.5) / needles for i in range(needles)]
    placed = plant(hay.lines(room, draw), sentences, depths)
    return hidden(id_, question, PARALLEL, placed, range(needles), [thing for _, _, thing in told], length)


def _atc(id_: str, length: int, needles: int, depth: float, hay: Haystack, draw: random.Random) -> Example:
    """The chain and nothing else; the questions take turns at upstream's four kinds."""
    del depth, hay  # there is no hay
    names, sentences, gaps = _chain(needles, draw)
    place, far = draw.randrange(1, needles + 1), sum(gaps)
    question, answer = [
        (_eldest(names[0]), names[-1]),
        (
            f"who is the ancestor of '{names[0]}' that stands {place} relations above in the chain?",
            names[place],
        ),
        (
            f"who is the descendant of '{names[-1]}' that stands {place} relations below in the chain?",
            names[-1 - place],
        ),
        (f"how many generations lie between '{names[0]}' and '{names[-1]}'? Answer with a number.", str(far)),
    ][draw.randrange(4)]
    order = draw.sample(range(needles), needles)
    placed = plant([], [sentences[i] for i in order], [0.0] * needles)
    return hidden(id_, question, ATC, placed, range(needles), [answer], length)


def _eldest(name: str) -> str:
    return f"who is the eldest relative that '{name}' can trace back to in the context?"


def chain(links: int, draw: random.Random) -> tuple[list[str], list[str]]:
    """Names from the youngest to the eldest, and the sentences that link each to the next."""
    names, sentences, _ = _chain(links, draw)
    return names, sentences


def _chain(links: int, draw: random.Random) -> tuple[list[str], list[str], Sequence[int]]:
    names = draw.sample(NAMES, links + 1)
    relations = [draw.choice(RELATIONS) for _ in range(links)]
    sentences = [
        draw.choice(TOLD).format(young=names[i], old=names[i + 1], relation=relation)
        for i, (relation, _) in enumerate(relations)
    ]
    return names, sentences, [gap for _, gap in relations]

"""RULER (Hsieh et al., COLM 2024, arXiv:2404.06654; NVIDIA/RULER@c3f5e3b): thirteen tasks at any length.

Tasks, wording, the lead of the answer and its length are upstream's. What differs: upstream reseeds one global generator and
downloads its essays, here the same settings give the same set everywhere; the hay is the bundled books or the user's own
folder, and keys are words of the hay. Before `vt` and `cwe` upstream shows one worked example, here there is none. The
questions of `qa_1` and `qa_2` are the user's: `qa=FILE` in SQuAD's or HotpotQA's own layout.
"""

import random
import string
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from rlc.data.errors import UsageError
from rlc.data.records import Dataset, Example, Wording
from rlc.data.sets.card import Card, Part
from rlc.data.sets.haystack import (
    Haystack,
    Planted,
    each,
    hidden,
    load_haystack,
    made,
    plant,
    room_in,
)
from rlc.data.sets.ruler_qa import read_questions

NOISE = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."
DRAWS = 50  # attempts at a text in which no two words tie for the last place that counts
NEEDLE = "One of the special magic {what} for {key} is: {value}."


class Needles(NamedTuple):
    """What is hidden in what: how many keys, values a key, and keys that are asked for."""

    hay: str
    keys: str
    values: str
    n_keys: int = 1
    n_values: int = 1
    n_asked: int = 1


NIAH: Mapping[str, Needles] = {
    "niah_single_1": Needles("noise", "words", "numbers"),
    "niah_single_2": Needles("text", "words", "numbers"),
    "niah_single_3": Needles("text", "words", "uuids"),
    "niah_multikey_1": Needles("text", "words", "numbers", n_keys=4),
    "niah_multikey_2": Needles("needles", "words", "numbers"),
    "niah_multikey_3": Needles("needles", "uuids", "uuids"),
    "niah_multivalue": Needles("text", "words", "numbers", n_values=4),
    "niah_multiquery": Needles("text", "words", "numbers", n_keys=4, n_asked=4),
}
VT = Wording(
    "Memorize and track the chain(s) of variable assignment hidden in the following text.\n\n{text}\n",
    "Question: {question} Answer: According to the chain(s) of variable assignment in the text above, 5 variables are "
    "assigned the value VALUE, they are: ",
    30,
)
CWE = Wording(
    "Below is a numbered list of words. In these words, some appear more often than others. Memorize the ones that "
    "appear most often.\n{text}\n",
    "Question: {question} Answer: The top 10 words that appear most often in the list are:",
    120,
)
FWE = Wording(
    "Read the following coded text and track the frequency of each coded word. Find the three most frequently appeared "
    "coded words. {text}\n",
    "Question: Do not provide any explanation. Please ignore the dots '....'. {question} Answer: According to the coded "
    "text above, the three most frequently appeared words are:",
    50,
)
_ONLY = "Only give me the answer and do not output any other words."
QA = Wording(
    f"Answer the question based on the given documents. {_ONLY}\n\nThe following are given documents.\n\n{{text}}\n\n",
    f"Answer the question based on the given documents. {_ONLY}\n\nQuestion: {{question}} Answer:",
    32,
)

CARD = Card(
    name="ruler",
    title="RULER",
    paper="arXiv:2404.06654",
    source=None,
    licence="made here; tasks and wording Apache-2.0 (NVIDIA)",
    parts={name: Part("ruler:match-all") for name in NIAH}
    | {
        name: Part("ruler:match-all", wording, "whole")
        for name, wording in (("vt", VT), ("cwe", CWE), ("fwe", FWE))
    }
    | {"qa_1": Part("ruler:match-part", QA), "qa_2": Part("ruler:match-part", QA)},
    upstream="NVIDIA/RULER@c3f5e3b",
    overall="effective-length",
    lengths="you say",
    bibtex="""@inproceedings{hsieh2024ruler,
  title={RULER: What's the Real Context Size of Your Long-Context Language Models?},
  author={Hsieh, Cheng-Ping and Sun, Simeng and Kriman, Samuel and Acharya, Shantanu and Rekesh, Dima and Jia, Fei and
    Zhang, Yang and Ginsburg, Boris},
  booktitle={COLM},
  year={2024}
}""",
    note="qa_1 and qa_2 need qa=FILE with SQuAD's or HotpotQA's questions.",
    made=True,
)

# Makes one question: (id, length, hay, its own generator) -> example.
Make = Callable[[str, int, Haystack, random.Random], Example]


def make(
    part: str,
    length: int = 4096,
    questions: int = 50,
    seed: int = 0,
    haystack: str = "sample",
    tokenizer: str = "approximate",
    qa: str = "",
) -> Dataset:
    """Make the questions of a task, each on its own text of at most `length` tokens, answer and wording included.

    Args:
        part: The task.
        length: Of the whole prompt and the answer, in tokens.
        questions: How many.
        seed: Of all draws.
        haystack: `sample`, or a folder of texts.
        tokenizer: What counts: `approximate`, or a model's name.
        qa: The file that `qa_1` and `qa_2` draw from.

    Raises:
        UsageError: where nothing fits into the length, or `qa` is missing.
        DataError: where the hay or the questions cannot be read.
    """
    hay = load_haystack(haystack, tokenizer)
    makers: Mapping[str, Make] = {"vt": _variables, "cwe": _common_words, "fwe": _coded_words}
    maker = _asker(part, qa) if part in ("qa_1", "qa_2") else makers.get(part) or _hider(NIAH[part])
    examples = [maker(id_, length, hay, draw) for id_, draw in each(part, length, questions, seed)]
    settings = {"length": length, "questions": questions, "seed": seed, "qa": qa}
    return made(CARD, part, examples, settings, hay, length)


def _hider(task: Needles) -> Make:
    def make_needles(id_: str, length: int, hay: Haystack, draw: random.Random) -> Example:
        keys = _drawn(task.keys, task.n_keys, hay, draw)
        planted = [(key, value) for key in keys for value in _drawn(task.values, task.n_values, hay, draw)]
        asked = draw.sample(keys, task.n_asked)
        needles = [NEEDLE.format(what=task.values, key=key, value=value) for key, value in planted]
        question, wording = needle_wording(asked, task.values, task.n_asked * task.n_values)
        room = room_in(length, wording, question, needles, hay.tokenizer)
        depths = [draw.random() for _ in needles]
        between = " " if task.hay == "text" else "\n"
        placed = plant(_hay_lines(task, room, hay, draw), needles, depths, between)
        answers = [value for key, value in planted if key in asked]
        wanted = [i for i, (key, _) in enumerate(planted) if key in asked]
        depth = depths[wanted[0]] if len(wanted) == 1 else None
        return hidden(id_, question, wording, placed, wanted, answers, length, depth)

    return make_needles


def needle_wording(asked: Sequence[str], what: str, values: int) -> tuple[str, Wording]:
    """The question and the authors' wording of it: singular where one value is asked for."""
    named = ", ".join(asked[:-1]) + f", and {asked[-1]}" if len(asked) > 1 else asked[0]
    lead = "Make sure to memorize it. I will quiz you about the"
    if values == 1:
        one = what[:-1]
        before = (
            f"A special magic {one} is hidden within the following text. {lead} {one} afterwards.\n{{text}}\n"
        )
        tail = f"The special magic {one} for {named} mentioned in the provided text is"
        return f"What is the special magic {one} for {named} mentioned in the provided text?", Wording(
            before, f"{{question}} {tail}", 128
        )
    before = f"Some special magic {what} are hidden within the following text. {lead} {what} afterwards.\n{{text}}\n"
    tail = f"The special magic {what} for {named} mentioned in the provided text are"
    return f"What are all the special magic {what} for {named} mentioned in the provided text?", Wording(
        before, f"{{question}} {tail}", 128
    )


def _hay_lines(task: Needles, room: int, hay: Haystack, draw: random.Random) -> list[str]:
    if task.hay == "text":
        return hay.lines(room, draw)
    if task.hay == "noise":
        return [NOISE] * (room // (hay.tokenizer.count(NOISE) + 1))
    lines: list[str] = []
    while room > 0:
        [key], [value] = _drawn(task.keys, 1, hay, draw), _drawn(task.values, 1, hay, draw)
        lines.append(NEEDLE.format(what=task.values, key=key, value=value))
        room -= hay.tokenizer.count(lines[-1]) + 1
    return lines[:-1]


def _drawn(kind: str, number: int, hay: Haystack, draw: random.Random) -> list[str]:
    if kind == "words":
        return draw.sample(hay.words, number)
    if kind == "numbers":
        return [str(draw.randint(10**6, 10**7 - 1)) for _ in range(number)]
    return [str(uuid.UUID(int=draw.getrandbits(128), version=4)) for _ in range(number)]


def _variables(id_: str, length: int, hay: Haystack, draw: random.Random) -> Example:
    """Variable tracking: one chain of five variables, told in order, all with one value."""
    names: list[str] = []
    while len(names) < 5:
        name = "".join(draw.choices(string.ascii_uppercase, k=5))
        names += [name] if name not in names else []
    value = str(draw.randint(10000, 99999))
    chain = [
        f"VAR {names[0]} = {value}",
        *(f"VAR {b} = VAR {a}" for a, b in pairwise(names)),
    ]
    question = f"Find all variables that are assigned the value {value} in the text above."
    wording = Wording(VT.before, VT.after.replace("VALUE", value), VT.max_tokens)
    room = room_in(length, wording, question, chain, hay.tokenizer)
    placed = plant(
        [NOISE] * (room // (hay.tokenizer.count(NOISE) + 1)),
        chain,
        sorted(draw.random() for _ in chain),
        "\n",
    )
    return hidden(id_, question, wording, placed, range(5), names, length)


def _common_words(id_: str, length: int, hay: Haystack, draw: random.Random) -> Example:
    """Common words: ten words stand thirty times each in a numbered list, all others three times."""
    question = "What are the 10 most common words in the above list?"
    pool = draw.sample(hay.words, len(hay.words))
    common, others = pool[:10], iter(pool[10:])
    room = room_in(length, CWE, question, [], hay.tokenizer)
    listed = common * 30
    cost = hay.tokenizer.count
    used = sum(cost(f"{i}. {word} ") for i, word in enumerate(listed, 1))
    if used > room:
        raise UsageError(f"length={length}: cwe lists ten words thirty times, which takes {used:,} tokens")
    for word in others:
        used += 3 * cost(f"{len(listed)}. {word} ")
        if used > room:
            break
        listed += [word] * 3
    draw.shuffle(listed)
    text = " ".join(f"{i}. {word}" for i, word in enumerate(listed, 1))
    return hidden(id_, question, CWE, Planted(text, ()), (), common, length)


def _coded_words(id_: str, length: int, hay: Haystack, draw: random.Random) -> Example:
    """Frequent words: made-up words of six letters by Zipf's law (exponent 2), the most frequent of all a row of dots."""
    question = "What are the three most frequently appeared words in the above coded text?"
    room = room_in(length, FWE, question, [], hay.tokenizer)
    coded = ["....", *("".join(draw.choices(string.ascii_lowercase, k=6)) for _ in range(200))]
    weights = [rank**-2.0 for rank in range(1, len(coded) + 1)]
    costs = {word: hay.tokenizer.count(f" {word}") for word in coded}
    for _ in range(DRAWS):
        taken = _filled(coded, weights, costs, room, draw)
        counts = Counter(taken)
        ranked = sorted(coded[1:], key=lambda word: (-counts[word], word))
        if counts[ranked[2]] > counts[ranked[3]]:
            return hidden(id_, question, FWE, Planted(" ".join(taken), ()), (), ranked[:3], length)
    raise UsageError(
        f"length={length}: too short for three words to be the most frequent ones; ask for a longer text"
    )


def _filled(
    coded: Sequence[str], weights: Sequence[float], costs: Mapping[str, int], room: int, draw: random.Random
) -> list[str]:
    """Words by their weights until the next would pass `room` tokens."""
    taken: list[str] = []
    for word in draw.choices(coded, weights, k=room):  # no word costs nothing
        room -= costs[word]
        if room < 0:
            break
        taken.append(word)
    return taken


def _asker(part: str, file: str) -> Make:
    """Questions on one passage or two, among passages of other questions."""
    if not file:
        raise UsageError(
            f"ruler:{part} asks SQuAD's or HotpotQA's questions, which are not shipped: give their file with qa=FILE"
        )
    asked, passages = read_questions(file)

    def make_question(id_: str, length: int, hay: Haystack, draw: random.Random) -> Example:
        one = draw.choice(asked)
        room = room_in(
            length, QA, one.question, [f"Document 99:\n{text}\n" for text in one.passages], hay.tokenizer
        )
        others = [text for text in draw.sample(passages, len(passages)) if text not in one.passages]
        taken = []
        for text in others:
            room -= hay.tokenizer.count(f"Document 99:\n{text}\n")
            if room < 0:
                break
            taken.append(text)
        order = [*one.passages, *taken]
        draw.shuffle(order)
        lines = [f"Document {i}:\n{text}" for i, text in enumerate(order, 1)]
        wanted = [i for i, text in enumerate(order) if text in one.passages]
        depths = [1.0] * len(lines)
        return hidden(id_, one.question, QA, plant([], lines, depths, "\n\n"), wanted, one.answers, length)

    return make_question

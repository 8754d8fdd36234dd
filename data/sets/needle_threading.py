"""Needle Threading (Roberts et al., ICLR 2025, arXiv:2411.05000): keys and values without meaning, to be found or followed.

A text is one JSON object of UUIDs. `single` and `multiple` look values up, `conditional` finds all keys with a character in
them, `threading` follows a value that is the next key, and `multi-threading` follows several such threads. The tasks are the
paper's; the draws are our own, since the published haystacks are of fixed lengths in characters.
"""

import json
import random
import uuid
from itertools import pairwise

from rlc.data.protocols import Tokenizer
from rlc.data.records import Dataset, Example, Wording
from rlc.data.sets.card import Card, Part
from rlc.data.sets.haystack import room_in
from rlc.data.sets.pairs import check_pairs, line, make_of_pairs, question_on

_BEFORE = "Extract the value corresponding to the specified key in the JSON object below.\n\n{text}\n\n"
ONE = Wording(_BEFORE, "{question}\nAnswer with the value alone.\nCorresponding value: ", 64)
MANY = Wording(
    _BEFORE.replace("value corresponding to the specified key", "values corresponding to the specified keys"),
    '{question}\nAnswer with a list alone, such as ["value", "value"].\nCorresponding values: ',
    512,
)
THREAD = Wording(
    "The JSON object below holds pairs of a key and a value. A value may be the key of another pair: following it from pair "
    "to pair, until a value is no key, is a thread. Find the last value of the thread.\n\n{text}\n\n",
    "{question}\nAnswer with the value alone.\nCorresponding final value: ",
    64,
)
THREADS = Wording(THREAD.before.replace("the thread.", "every thread."), MANY.after, 512)

CARD = Card(
    name="needle-threading",
    title="Needle Threading",
    paper="arXiv:2411.05000",
    source=None,
    licence="made here; the published haystacks are not used",
    parts={
        "single": Part("needle-threading:value", ONE),
        "multiple": Part("needle-threading:values", MANY),
        "conditional": Part("needle-threading:values", MANY, "whole"),
        "threading": Part("needle-threading:value", THREAD, "whole"),
        "multi-threading": Part("needle-threading:values", THREADS, "whole"),
    },
    upstream="jonathan-roberts1/needle-threading@006f8f5",
    overall="effective-length",
    lengths="you say",
    bibtex="""@inproceedings{roberts2025needle,
  title={Needle Threading: Can LLMs Follow Threads through Near-Million-Scale Haystacks?},
  author={Roberts, Jonathan and Han, Kai and Albanie, Samuel},
  booktitle={ICLR},
  year={2025}
}""",
    note="Keys have no meaning, so that dense retrieval finds nothing; a thread needs a search for every step.",
    made=True,
)


def make(
    part: str,
    length: int = 4096,
    questions: int = 10,
    needles: int = 3,
    seed: int = 0,
    tokenizer: str = "approximate",
) -> Dataset:
    """Make the questions of a task, each on its own object of keys and values.

    Args:
        part: The task.
        length: Of the whole prompt and the answer, in tokens.
        questions: How many.
        needles: Keys that are asked for at once, keys with the character, steps of a thread, or threads.
        seed: Of all draws.
        tokenizer: What counts: `approximate`, or a model's name.

    Raises:
        UsageError: where there is no needle, or nothing fits into the length.
    """
    return make_of_pairs(
        CARD,
        part,
        _question,
        length=length,
        questions=questions,
        needles=needles,
        seed=seed,
        tokenizer=tokenizer,
    )


def _question(
    id_: str, part: str, length: int, needles: int, tokenizer: Tokenizer, draw: random.Random
) -> Example:
    wording = CARD.parts[part].wording or ONE
    pairs = _pairs(length, wording, tokenizer, draw)
    hops = needles if part in ("threading", "multi-threading") else 1
    threads = needles if part == "multi-threading" else 1
    wanted = max(needles, hops * threads)
    check_pairs(len(pairs), wanted, part, length)
    places = draw.sample(range(len(pairs)), wanted)
    if part == "conditional":
        mark = "*"
        for place in places:
            key, value = pairs[place]
            pairs[place] = (key[:-1] + mark, value)
        question = f'Keys: all that hold the character "{mark}"'
        return question_on(
            pairs, id_, question, places, [pairs[i][1] for i in sorted(places)], length, wording
        )
    if part in ("single", "multiple"):
        places = places[: 1 if part == "single" else needles]
        keys = [pairs[i][0] for i in places]
        question = f'Key: "{keys[0]}"' if part == "single" else f"Keys: {json.dumps(keys)}"
        return question_on(pairs, id_, question, places, [pairs[i][1] for i in places], length, wording)
    runs = [places[i * hops : (i + 1) * hops] for i in range(threads)]
    for run in runs:
        for here, after in pairwise(run):
            pairs[here] = (pairs[here][0], pairs[after][0])
    keys = [pairs[run[0]][0] for run in runs]
    question = f'Key: "{keys[0]}"' if part == "threading" else f"Keys: {json.dumps(keys)}"
    return question_on(pairs, id_, question, places, [pairs[run[-1]][1] for run in runs], length, wording)


def _pairs(length: int, wording: Wording, tokenizer: Tokenizer, draw: random.Random) -> list[tuple[str, str]]:
    """As many pairs as the length holds, the question left its room."""
    asked = f"Keys: {json.dumps([str(uuid.UUID(int=0))] * 6)}"
    room = room_in(length, wording, asked, [], tokenizer)
    pairs: list[tuple[str, str]] = []
    for _ in range(room):  # no pair costs less than a token
        pair = (_drawn(draw), _drawn(draw))
        room -= tokenizer.count(line(*pair)) + 1
        if room < 0:
            break
        pairs.append(pair)
    return pairs


def _drawn(draw: random.Random) -> str:
    return str(uuid.UUID(int=draw.getrandbits(128), version=4))

"""Hyper-multi-step (Yu, 2024, arXiv:2410.04422; yuyijiong/hard_retrieval_for_llm@399bd64): conditions that nothing resembles.

A text is one object of ten-digit keys and ten-digit values. `simple` asks for the value of a key, `multi-step` follows keys,
`logic` asks for the key whose value lies in a range, `multi` for all keys of a value. No passage is like such a condition, so
retrieval by similarity has nothing to go by; long context has to look at every value. The draws are our own.
"""

import itertools
import random
from collections.abc import Sequence

from rlc.data.protocols import Tokenizer
from rlc.data.records import Dataset, Example, Wording
from rlc.data.sets.card import Card, Part
from rlc.data.sets.haystack import room_in
from rlc.data.sets.pairs import check_pairs, line, make_of_pairs, question_on

_BEFORE = "The JSON object below holds pairs of a key and a value.\n\n{text}\n\n"
VALUE = Wording(_BEFORE, '{question}\nAnswer in this form: value: "..."\n', 64)
KEY = Wording(_BEFORE, '{question}\nAnswer in this form: key: "..."\n', 64)
KEYS = Wording(_BEFORE, '{question}\nAnswer in this form: keys: "...", "..."\n', 128)

CARD = Card(
    name="hyper-multi-step",
    title="Hyper-multi-step",
    paper="arXiv:2410.04422",
    source=None,
    licence="made here; the published files state none",
    parts={
        "simple": Part("hyper-multi-step:value", VALUE),
        "multi-step": Part("hyper-multi-step:value", VALUE, "whole"),
        "logic": Part("hyper-multi-step:logic-kv", KEY, "whole"),
        "multi": Part("hyper-multi-step:multi-kv", KEYS, "whole"),
    },
    upstream="yuyijiong/hard_retrieval_for_llm@399bd64",
    overall="effective-length",
    lengths="you say",
    bibtex="""@article{yu2024hyper,
  title={Hyper-multi-step: The Truth Behind Difficult Long-context Tasks},
  author={Yu, Yijiong and Jiang, Ma Xiufa and Jian, Jianwei and Zeng, Yongfeng},
  journal={arXiv preprint arXiv:2410.04422},
  year={2024}
}""",
    note="The sharpest control: a range of numbers is like no passage.",
    made=True,
)


def make(
    part: str,
    length: int = 2048,
    questions: int = 10,
    needles: int = 3,
    seed: int = 0,
    tokenizer: str = "approximate",
) -> Dataset:
    """Make the questions of a task, each on its own object.

    Args:
        part: The task.
        length: Of the whole prompt and the answer, in tokens.
        questions: How many.
        needles: Steps of `multi-step`, keys of `multi`.
        seed: Of all draws.
        tokenizer: What counts: `approximate`, or a model's name.

    Raises:
        UsageError: where there is no needle, or the length holds too few pairs.
    """
    return make_of_pairs(
        CARD,
        part,
        _example,
        length=length,
        questions=questions,
        needles=needles,
        seed=seed,
        tokenizer=tokenizer,
    )


def _example(
    id_: str, part: str, length: int, needles: int, tokenizer: Tokenizer, draw: random.Random
) -> Example:
    wording = CARD.parts[part].wording or VALUE
    room = room_in(length, wording, "9" * 60, [], tokenizer)
    number = room // (tokenizer.count(line("9" * 10, "9" * 10)) + 1)
    check_pairs(number, 2 * needles, part, length)
    drawn = draw.sample(range(10**9, 10**10), 2 * number)
    pairs = [(str(key), str(value)) for key, value in zip(drawn[:number], drawn[number:], strict=True)]
    places = draw.sample(range(number), needles if part in ("multi-step", "multi") else 1)
    question, answers = _asked(part, pairs, places)
    return question_on(pairs, id_, question, places, answers, length, wording)


def _asked(part: str, pairs: list[tuple[str, str]], places: Sequence[int]) -> tuple[str, list[str]]:
    """The question and its answers; changes the pairs where a task needs equal values or a thread."""
    key, value = pairs[places[0]]
    if part == "simple":
        return f'What is the value of the key "{key}"?', [value]
    if part == "multi-step":
        for here, after in itertools.pairwise(places):
            pairs[here] = (pairs[here][0], pairs[after][0])
        return (
            f'Start at the key "{key}". Each value is the next key, until a value is no key. What is the last value?',
            [pairs[places[-1]][1]],
        )
    if part == "multi":
        for place in places:
            pairs[place] = (pairs[place][0], value)
        return f'What are all keys whose value is "{value}"?', [pairs[i][0] for i in places]
    ordered = sorted(int(one) for _, one in pairs)
    at = ordered.index(int(value))
    low = ordered[at - 1] + 1 if at else 10**9
    high = ordered[at + 1] - 1 if at + 1 < len(ordered) else 10**10 - 1
    return f"What is the key whose value is at least {low} and at most {high}?", [key]

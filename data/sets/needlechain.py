"""NeedleChain (Moon et al., 2025, arXiv:2507.22411; manncodes/NeedleChain@4b91c2f): a text in which every sentence is needed.

Salaries of people, each told by another's: in order (`forward`), from the last to the first (`backward`), shuffled (`chaotic`), or
each by itself and summed (`parallel`). Upstream's files have 5, 10 or 50 sentences; here `length` is their number. The names are
our own.
"""

import itertools
import random

from rlc.data.errors import UsageError
from rlc.data.records import Dataset, Example, Wording
from rlc.data.sets.card import Card, Part
from rlc.data.sets.haystack import BUNDLED, each, hidden, load_haystack, made, plant
from rlc.data.sets.needles import NAMES

WORDING = Wording(
    "Read the context and answer the question. Think step by step, and end with a line of the form "
    '"## Answer: NUMBER".\n\n[Context]\n{text}\n\n',
    "[Question]\n{question}\n",
    1024,
)
ORDERS = ("forward", "backward", "chaotic", "parallel")

CARD = Card(
    name="needlechain",
    title="NeedleChain",
    paper="arXiv:2507.22411",
    source=None,
    licence="made here; the published files state none",
    parts={order: Part("needlechain:amount", WORDING, "whole") for order in ORDERS},
    upstream="manncodes/NeedleChain@4b91c2f",
    overall="effective-length",
    unit="sentences",
    lengths="you say, 2 to 32",
    bibtex="""@article{moon2025needlechain,
  title={NeedleChain: Measuring Intact Long-Context Reasoning Capability of Large Language Models},
  author={Moon, Hyeonseok and Lim, Heuiseok},
  journal={arXiv preprint arXiv:2507.22411},
  year={2025}
}""",
    note="A control: retrieval that leaves out one sentence of a chain cannot answer.",
    made=True,
)


def make(part: str, length: int = 10, questions: int = 10, seed: int = 0) -> Dataset:
    """Make chains of `length` sentences.

    Args:
        part: The order in which the sentences stand.
        length: How many sentences.
        questions: How many.
        seed: Of all draws.

    Raises:
        UsageError: where there are too few or too many sentences.
    """
    if not 2 <= length <= len(NAMES):
        raise UsageError(f"needlechain: length is a number of sentences from 2 to {len(NAMES)}, got {length}")
    examples = [_example(id_, part, length, draw) for id_, draw in each(part, length, questions, seed)]
    settings = {"length": length, "questions": questions, "seed": seed}
    return made(CARD, part, examples, settings, load_haystack(BUNDLED, "approximate"), 0)


def _example(id_: str, part: str, length: int, draw: random.Random) -> Example:
    names = draw.sample(NAMES, length)
    amount = 100 * draw.randint(8, 40)
    told, total = [f"{names[0]} receives a weekly salary of ${amount:,}."], amount
    for before, after in itertools.pairwise(names):
        if part == "parallel":
            more = 100 * draw.randint(8, 40)
            told.append(f"{after} receives a weekly salary of ${more:,}.")
            total += more
            continue
        step, rise = 100 * draw.randint(1, 9), draw.random() < 0.5 or amount <= 1000
        amount += step if rise else -step
        told.append(f"{after}'s weekly salary is ${step:,} {'more' if rise else 'less'} than {before}'s.")
    order = {"backward": list(reversed(range(length))), "forward": list(range(length))}.get(part)
    order = order or draw.sample(range(length), length)
    placed = plant([], [told[i] for i in order], [0.0] * length)
    question = f"What is {names[-1]}'s weekly salary in dollars?"
    if part == "parallel":
        question, amount = f"What is the sum of the weekly salaries of all {length} people in dollars?", total
    return hidden(id_, question, WORDING, placed, range(length), [str(amount)], length)

"""Questions over all rows of a table that is told in sentences, as HoloBench asks them (Maekawa et al., ICLR 2025, arXiv:2410.11996).

The tables are made here: people with a town, a trade and a salary, one sentence each, in bundled or brought text. The authors' are theirs to give
(megagonlabs/holobench@5799335). A question selects, counts, compares or sums, so that every row of its kind is needed.
"""

import random
from dataclasses import replace

from rlc.data.errors import UsageError
from rlc.data.records import Dataset, Example, Wording
from rlc.data.sets.card import Card, Part
from rlc.data.sets.haystack import Haystack, each, hidden, load_haystack, made, plant, room_in
from rlc.data.sets.needles import NAMES

WORDING = Wording(
    "Below is a text in which facts about people are told, among other things.\n\n{text}\n\n",
    "{question} Reply with the answer alone; several names stand between commas.\nAnswer:",
    256,
)
TOWNS = ("Oslo", "Porto", "Kyoto", "Quito")
TRADES = ("baker", "pilot", "nurse", "clerk")

CARD = Card(
    name="holobench",
    title="Tables in sentences, as in HoloBench",
    paper="arXiv:2410.11996",
    source=None,
    licence="made here; idea of megagonlabs/holobench",
    parts={
        "select": Part("holobench:rows", WORDING, "whole"),
        "most": Part("holobench:rows", WORDING, "whole"),
        "count": Part("holobench:number", WORDING, "whole"),
        "sum": Part("holobench:number", WORDING, "whole"),
    },
    upstream="megagonlabs/holobench@5799335",
    overall="effective-length",
    lengths="you say",
    bibtex="""@inproceedings{maekawa2025holobench,
  title={Holistic Reasoning with Long-Context LMs: A Benchmark for Database Operations on Massive Textual Data},
  author={Maekawa, Seiji and Iso, Hayate and Bhutani, Nikita},
  booktitle={ICLR},
  year={2025}
}""",
    note="A control: a question over all rows needs all rows, and k passages do not hold them. rows=16 says how many there are. "
    "Scored by names and numbers, where the authors ask a model for each row.",
    made=True,
)


def make(
    part: str,
    length: int = 4096,
    rows: int = 16,
    questions: int = 10,
    seed: int = 0,
    haystack: str = "sample",
    tokenizer: str = "approximate",
) -> Dataset:
    """Make questions over tables of `rows` people in texts of at most `length` tokens.

    Raises:
        UsageError: where the rows do not fit into the length, or there are not so many names.
        DataError: where the hay cannot be read.
    """
    if not 4 <= rows <= len(NAMES):
        raise UsageError(f"holobench: rows is a number of people from 4 to {len(NAMES)}, got {rows}")
    hay = load_haystack(haystack, tokenizer)
    examples = [
        _example(id_, part, length, rows, hay, draw) for id_, draw in each(part, length, questions, seed)
    ]
    settings = {"length": length, "rows": rows, "questions": questions, "seed": seed}
    return made(CARD, part, examples, settings, hay, length)


def _example(id_: str, part: str, length: int, rows: int, hay: Haystack, draw: random.Random) -> Example:
    names = draw.sample(NAMES, rows)
    people = [(name, draw.choice(TOWNS), draw.choice(TRADES), 100 * draw.randint(10, 99)) for name in names]
    told = [
        f"{name} lives in {town}, works as a {trade} and earns {pay} euros a month."
        for name, town, trade, pay in people
    ]
    town = draw.choice(sorted({one[1] for one in people}))  # one that somebody lives in
    there = [i for i, one in enumerate(people) if one[1] == town]
    pays = [people[i][3] for i in there]
    question, answers = {
        "select": (f"Who lives in {town}?", [people[i][0] for i in there]),
        "most": (
            f"Who of those who live in {town} earns most?",
            [people[i][0] for i in there if people[i][3] == max(pays)],
        ),
        "count": (f"How many people live in {town}?", [str(len(there))]),
        "sum": (f"How many euros a month do all who live in {town} earn together?", [str(sum(pays))]),
    }[part]
    room = room_in(length, WORDING, question, told, hay.tokenizer)
    placed = plant(hay.lines(room, draw), told, [draw.random() for _ in told])
    asked = hidden(id_, question, WORDING, placed, there, answers, length)
    return replace(asked, metadata={**asked.metadata, "names": tuple(names)})

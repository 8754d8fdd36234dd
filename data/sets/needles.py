"""Sentences to hide, and the words in which NeedleBench asks about them (opencompass 0.5.4, Apache-2.0)."""

import random

from rlc.data.records import Wording

WORDING = Wording(
    "This is a test of long-text capability. You need to first read the long document below, and then answer the final "
    "question based on the information in the document.\nThe content of the long document is as follows\n\n<Document>\n"
    "{text}\n</Document>\n\n",
    "Based on the information in the document, now please answer: {question}\n",
    64,
)
PLACES = (
    "Ombry Head", "Salt Pillar Cove", "Third Tern Island", "Quillmoor", "Hollin Ford", "Candlewick Stair", "Ashlar Reach",
    "Nine Elder Hill", "Pewter Bay", "Wexley Sound", "Marrow Fen", "Dunlin Gate", "Low Sedge", "Corran Steps",
    "Winter Mole", "Tallow Bridge", "Greywether Down", "Osier Lock", "Cinder Quay", "Farrow Tarn",
)  # fmt: skip
MATERIALS = (
    "copper",
    "glass",
    "walnut",
    "silver",
    "slate",
    "amber",
    "linen",
    "porcelain",
    "ivory",
    "granite",
)
THINGS = (
    "astrolabe",
    "thimble",
    "lantern",
    "compass",
    "ledger",
    "whistle",
    "chessboard",
    "kettle",
    "violin",
    "sundial",
)
NAMES = (
    "Adela Marsh", "Bram Oakes", "Cora Lindqvist", "Dov Hallam", "Edda Fairlie", "Fenn Arkwright", "Greta Sorley",
    "Hugo Trevane", "Ines Caldwell", "Jory Blythe", "Kezia Norman", "Lorne Pasco", "Mabel Strand", "Nils Everard",
    "Orla Pentreath", "Piers Wadham", "Quenby Rudd", "Rosa Tremlett", "Silas Burgoyne", "Thea Larkin", "Ulric Penn",
    "Vera Holloway", "Wystan Crake", "Yara Merrow", "Zelda Fitch", "Alban Dray", "Brona Kell", "Caspar Vine",
    "Delia Thorne", "Emrys Vaughn", "Flora Gaunt", "Gideon Spry",
)  # fmt: skip


def secret(draw: random.Random) -> tuple[str, str, str]:
    """A sentence, the question about it and the words that answer it."""
    place, thing = draw.choice(PLACES), f"{draw.choice(MATERIALS)} {draw.choice(THINGS)}"
    return f"What is hidden at {place} is the {thing}.", f"What is hidden at {place}?", thing


def secrets(number: int, draw: random.Random) -> list[tuple[str, str, str]]:
    """Several of them, no two at one place or of one thing."""
    places = draw.sample(PLACES, number)
    things = draw.sample([f"{material} {thing}" for material in MATERIALS for thing in THINGS], number)
    return [
        (f"What is hidden at {place} is the {thing}.", f"What is hidden at {place}?", thing)
        for place, thing in zip(places, things, strict=True)
    ]

"""The scorers of passages, lists and procedures, by hand; golden cases hold the rest."""

import pytest

from rlc.experiments.scorers import (
    ada_leval,
    detectiveqa,
    haystackcraft,
    holobench,
    kitab,
    lciteeval,
    loft,
    longins,
    longmemeval,
    longproc,
    m4le,
    manyicl,
    rankings,
    scbench,
)

DOCS = ("Ann keeps a lamp.", "Bob keeps a boat.")
TABLE = "name\tprice\nred\t3\nblue\t4"


@pytest.mark.parametrize(
    ("scorer", "prediction", "answers", "metadata", "value", "parts"),
    [
        (ada_leval.best_answer, "Answer: A2, not A1", ("A2",), {}, 1.0, {}),
        (ada_leval.order, "So:\n2, 1", ("2, 1",), {}, 1.0, {"places": 1.0}),
        (ada_leval.order, "1 2 3", ("1 3 2",), {}, 0.0, {"places": 1 / 3}),
        (detectiveqa.option, "The answer is (B).", ("B",), {}, 1.0, {}),
        (haystackcraft.f1, "", ("the",), {}, 1.0, {}),
        (holobench.rows, "Ann, Annabel and Bob", ("Ann", "Cy"), {"names": ("Ann", "Bob", "Cy")}, 0.5, {"precision": 0.5, "recall": 0.5}),
        (holobench.number, "of 9, it is 1,200", ("1200",), {}, 1.0, {}),
        (kitab.books, "1. Lamps\n2. Boats\n3. Nothing", ("Lamps", "Cats"), {"books": ("Lamps", "Boats", "Cats")}, 0.0,
         {"satisfied": 1 / 3, "unsatisfied": 1 / 3, "irrelevant": 1 / 3, "complete": 0.5}),
        (lciteeval.qa_f1, "Ann [1][2].\nmore", ("Ann",), {"docs": DOCS}, 1.0, {"cites_gold": 0.5, "gold_cited": 1.0}),
        (lciteeval.stars, '{"little_penguin": [3, 9], "passage_id": [1]}', ("3", "5"),
         {"docs": ("The little penguin counted 3 ★", "The little penguin counted 5 ★")}, 0.5, {"recall": 0.5, "precision": 1.0}),
        (loft.rag, "I think.\nFinal Answer: ['The Ann']", ("Ann",), {}, 1.0, {"em": 1.0, "f1": 1.0}),
        (loft.multi_value, "[\"x\", \"y\"]", ("x", "x y"), {}, 1.0, {"em": 0.0, "coverage": 0.5}),
        (longins.f1, "[02] and 3", ("2", "3"), {}, 2 / 3, {}),
        (longproc.table, f"```tsv\n{TABLE}\n```", (TABLE,), {}, 1.0, {"precision": 1.0, "recall": 1.0}),
        (longproc.table, "name\tprice\nRed\t3", (TABLE,), {}, 2 / 3, {"precision": 1.0, "recall": 0.5}),
        (longproc.countdown, "<Solution>\n1 + 2 = 3\n3 + 3 = 6\n6 + 4 = 10\n</Solution>", ("10",),
         {"numbers": (1, 2, 3, 4), "target": 10}, 1.0, {}),
        (longproc.countdown, "<Solution>\n1 + 2 = 3\n1 + 3 = 4\n4 + 4 = 8\n</Solution>", ("8",),
         {"numbers": (1, 2, 3, 4), "target": 8}, 0.0, {}),
        (m4le.holds, "Bob. Ann", ("Ann",), {"ends": (".",)}, 0.0, {}),
        (m4le.labels, "3, 1. All others are bad", ("1,3",), {}, 1.0, {}),
        (manyicl.label, "Card_lost\nbecause", ("card_lost",), {}, 1.0, {}),
        (rankings.ndcg10, "d2\nd1", (), {"qrels": {"d1": 1}}, 0.63093, {"recall@10": 1.0}),
        (scbench.holds_any, "stamp paid", ("Stamp",), {}, 1.0, {}),
        (longmemeval.sessions, "s9\ns1", (), {"correct": ("s1",)}, 1.0, {"recall_any": 1.0, "recall_all": 1.0}),
    ],
)  # fmt: skip
def test_by_hand(make_example, scorer, prediction, answers, metadata, value, parts):
    measured = scorer(prediction, make_example("q", answers=answers, metadata=metadata))
    assert measured.value == pytest.approx(value, abs=1e-5)
    assert measured.parts == pytest.approx(parts)


@pytest.mark.parametrize(
    "reply", ["<Solution>\n__import__('os').getpid() = 1\n2\n3\n</Solution>", "", "<Solution>"]
)
def test_sums_are_read_and_never_run(make_example, reply):
    measured = longproc.countdown(reply, make_example("q", metadata={"numbers": (1,), "target": 1}))
    assert (measured.value, measured.note) == (0.0, "unparsed")

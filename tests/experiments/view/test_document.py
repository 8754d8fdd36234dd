"""A stretch of a document."""

from rlc.experiments.view.document import AROUND, WINDOW, stretch

TEXT = "".join(f"[{i:06}]" for i in range(5_000))  # 8 characters each


def test_a_short_document_is_shown_whole_with_marks():
    found = stretch("Ada keeps the lamp.", [(0, 3)], [(0, 9)])
    assert [tuple(piece) for piece in found.pieces] == [
        ("Ada", "kept", True),
        (" keeps", "kept", False),
        (" the lamp.", "", False),
    ]
    assert (found.start, found.end, found.total, found.at, found.places) == (0, 19, 19, 0, 1)


def test_places_of_gold_evidence_one_after_the_other():
    gold = [(20_000, 20_008), (20_100, 20_108), (39_992, 40_000)]
    found = [stretch(TEXT, gold, [(0, 40_000)], at) for at in range(3)]
    assert [(one.start, one.end, one.at, one.places) for one in found] == [
        (20_000 - AROUND, 20_000 - AROUND + WINDOW, 0, 2),
        (40_000 - WINDOW, 40_000, 1, 2),
        (40_000 - WINDOW, 40_000, 1, 2),  # behind the last is the last
    ]
    assert (
        "".join(piece.text for piece in found[0].pieces if piece.gold)
        == TEXT[20_000:20_008] + TEXT[20_100:20_108]
    )
    for one in found:
        assert "".join(piece.text for piece in one.pieces) == TEXT[one.start : one.end]


def test_passages_that_were_read_are_places_beside_gold_evidence():
    found = [stretch(TEXT, [(20_000, 20_008)], [(30_000, 30_100), (0, 8)], at) for at in range(3)]
    assert [(one.start, one.places) for one in found] == [(0, 3), (20_000 - AROUND, 3), (30_000 - AROUND, 3)]


def test_without_gold_it_goes_to_what_was_read_and_without_both_through_the_whole():
    assert stretch(TEXT, [], [(30_000, 30_100)]).start == 30_000 - AROUND
    whole = [stretch(TEXT, [], [], at) for at in range(10)]
    assert "".join(piece.text for one in whole for piece in one.pieces) == TEXT
    assert [one.places for one in whole] == [10] * 10


def test_a_passage_longer_than_a_window_is_one_place():
    assert stretch(TEXT, [], [(0, 40_000)]).places == 1


def test_an_empty_document():
    assert stretch("", [], []).pieces == []

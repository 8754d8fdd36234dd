"""Human verdicts."""

import csv

import pytest

from rlc.data.errors import DataError, UsageError
from rlc.experiments.runs.human import (
    COLUMNS,
    FILE,
    LONGEST_NOTE,
    WORDS,
    HumanVerdict,
    give_verdict,
    keep_verdicts,
    read_sheet,
    read_verdicts,
)


def test_they_come_back_and_are_replaced_and_taken_back(tmp_path):
    assert read_verdicts(tmp_path) == {}
    note = 'He said "no",\nthen\r\nyes; =1+1 ü'
    give_verdict(tmp_path, "q2", "m/rag", HumanVerdict("no", note))
    give_verdict(tmp_path, "q1", "m/rag", HumanVerdict("unsure"))
    give_verdict(tmp_path, "q1", "m/rag", HumanVerdict("yes"))
    assert read_verdicts(tmp_path) == {
        ("q1", "m/rag"): HumanVerdict("yes"),
        ("q2", "m/rag"): HumanVerdict("no", note),
    }
    with (tmp_path / FILE).open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file))[:2] == [list(COLUMNS), ["q1", "m/rag", "yes", ""]]
    give_verdict(tmp_path, "q1", "m/rag", HumanVerdict(""))
    assert list(read_verdicts(tmp_path)) == [("q2", "m/rag")]
    assert [file.name for file in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("given", [HumanVerdict("maybe"), HumanVerdict("yes", "x" * (LONGEST_NOTE + 1))])
def test_no_other_words_and_no_novels(tmp_path, given):
    with pytest.raises(UsageError, match=r"expected yes, no, unsure or nothing|at most 2,000 characters"):
        give_verdict(tmp_path, "q", "rag", given)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "question,verdict\nq,1\n",
        b"\xff\xfe\x00",
        f"example_id,reader,right,answer\nq,rag,yes,{'x' * 140_000}\n",
    ],
)
def test_another_file_is_named_and_left_as_it_is(tmp_path, text):
    (tmp_path / FILE).write_bytes(text if isinstance(text, bytes) else text.encode())
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(DataError, match=rf"{FILE}"):
        give_verdict(tmp_path, "q", "rag", HumanVerdict("yes"))
    assert (tmp_path / FILE).read_bytes() == before


def test_other_spellings_are_words_and_what_is_none_is_named(tmp_path):
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("example_id,reader,right,answer\na,rag,TRUE,x\nb,rag,0,y\nc,rag,,z\n")
    assert read_sheet(sheet) == {("a", "rag"): HumanVerdict("yes"), ("b", "rag"): HumanVerdict("no")}
    keep_verdicts(tmp_path, read_sheet(sheet))
    assert read_verdicts(tmp_path) == read_sheet(sheet)
    sheet.write_text("example_id,reader,right\na,rag,perhaps\n")
    with pytest.raises(
        DataError, match="expected yes, no, unsure or nothing under right, got 'perhaps' for 'a'"
    ):
        read_sheet(sheet)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_sheet_that_a_spreadsheet_wrote_is_read_whatever_stands_between_its_columns(tmp_path, delimiter):
    lines = ["right|example_id|reader|gold answer", 'yes|q|rag|"a, b; c"', "|p", "no|r"]
    (tmp_path / FILE).write_text("\n".join(lines).replace("|", delimiter), encoding="utf-8")
    assert read_verdicts(tmp_path) == {("q", "rag"): HumanVerdict("yes"), ("r", ""): HumanVerdict("no")}


def test_a_sheet_that_a_spreadsheet_wrote_is_read(tmp_path):
    (tmp_path / FILE).write_text("﻿reader,example_id,right\r\nrag,q,no\r\n", encoding="utf-8")
    assert read_verdicts(tmp_path) == {("q", "rag"): HumanVerdict("no")}
    assert set(WORDS) == {"yes", "no", "unsure"}

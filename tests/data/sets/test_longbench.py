"""Loaders of LongBench and InfiniteBench: options, marks, and broken rows."""

from pathlib import Path

import pytest

from rlc.data.datasets import load_dataset
from rlc.data.errors import DataError
from rlc.data.sets.loading import joined, marked, texts

FIXTURES = Path(__file__).parent / "fixtures"


def test_passages_are_marked_and_the_input_is_the_question():
    example = load_dataset("longbench:hotpotqa", FIXTURES / "longbench").examples[0]
    spans = example.document.metadata["passages"]
    text = example.document.page_content
    assert [text[a:b].split("\n")[0] for a, b in spans] == ["Passage 1:", "Passage 2:"]
    assert (example.question, example.wording.max_tokens) == ("Who lit the lamp?", 32)
    summary = load_dataset("longbench:gov_report", FIXTURES / "longbench").examples[0]
    assert summary.question == "Write a one-page summary of the report."


def test_choices_stand_in_the_wording_alone():
    example = load_dataset("longbench2", FIXTURES / "longbench2").examples[1]
    assert "(B) Bob {really}" in example.wording.asked(example.question)
    assert "Bob" not in example.question
    choice = load_dataset("infinitebench:longbook_choice_eng", FIXTURES / "infinitebench").examples[0]
    assert choice.answers == ("Ann", "B")
    assert choice.wording.asked("Who?").endswith("A. Bob\nB. Ann\nC. Cid\nD. Dee")


def test_a_list_of_numbers_is_one_answer():
    [answer] = load_dataset("infinitebench:math_calc", FIXTURES / "infinitebench").examples[0].answers
    assert answer == "[1, 3, 6]"


def test_broken_files_are_named_with_their_line(tmp_path):
    with pytest.raises(DataError, match=r"expected hotpotqa\.jsonl; it holds nothing"):
        load_dataset("longbench:hotpotqa", tmp_path)
    (tmp_path / "hotpotqa.jsonl").write_text('{"input": "Who?", "context": "Ann.", "answers": []}\n')
    with pytest.raises(DataError, match="line 1: expected a question under 'input' and answers"):
        load_dataset("longbench:hotpotqa", tmp_path)
    (tmp_path / "hotpotqa.jsonl").write_text('{"input": "Who?", "context": "Ann.", "answ')
    with pytest.raises(DataError, match="line 1: not JSON"):
        load_dataset("longbench:hotpotqa", tmp_path)
    (tmp_path / "data.json").write_text("[{]")
    with pytest.raises(DataError, match="not JSON"):
        load_dataset("longbench2", tmp_path)


def test_small_helpers():
    assert marked("Passage 1:\na\nPassage 2:\nb\n", r"Passage \d+:") == [(0, 12), (13, 25)]
    assert joined(["ab", "c"]) == ("ab\n\nc", [(0, 2), (4, 5)])
    assert texts([1, "", None, "x"]) == ("1", "x")

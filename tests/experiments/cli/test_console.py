"""The table of a comparison at the widths that terminals have."""

import io

import pytest
from rich.console import Console

from rlc.data.errors import UsageError
from rlc.experiments.cli import console
from rlc.experiments.cli.console import as_table, chosen, columns, say, verdict
from rlc.experiments.runs.loop import answer_all
from rlc.experiments.runs.stored import StoredRun
from rlc.experiments.study.study import make_study

LLM = {"use": "endpoint", "model": "m"}
SPECS = {"rag": {"use": "rag", "llm": LLM}, "long": {"use": "long", "llm": LLM}}


@pytest.fixture
def compared(dataset, right, wrong, tmp_path):
    frame = answer_all({"rag": right, "long": wrong}, dataset)
    return make_study(StoredRun(tmp_path, frame, SPECS))


def printed(shown, width):
    there = Console(width=width, file=io.StringIO())
    there.print(as_table(shown))
    return there.file.getvalue()


@pytest.mark.parametrize("width", [80, 120, 200])
def test_every_cell_can_be_read(compared, width):
    shown = chosen(columns(compared), [], width)
    text = printed(shown, width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    for column in shown:
        assert all(cell in text for cell in column.cells)
    assert [column.name for column in shown][:2] == ["reader", "right"]
    assert {"tokens", "seconds", "verdict"} <= {column.name for column in shown}


def test_wider_terminals_hold_more(compared):
    found = columns(compared)
    counts = [len(chosen(found, [], width)) for width in (80, 120, 200)]
    assert counts == sorted(counts)
    assert len(chosen(found, [], None)) == len(found) >= counts[-1]


def test_columns_are_chosen_by_name(compared):
    found = columns(compared)
    assert [column.name for column in chosen(found, ["tokens", "reader"], 80)] == ["tokens", "reader"]
    with pytest.raises(UsageError, match="no column 'tokns'; did you mean 'tokens'"):
        chosen(found, ["tokns"], 80)


def test_columns_that_say_nothing_are_left_out(dataset, right, tmp_path):
    right.seconds = 0.0
    frame = answer_all({"rag": right}, dataset)
    names = {column.name for column in columns(make_study(StoredRun(tmp_path, frame, SPECS)))}
    assert {"reader", "right", "tokens"} <= names
    assert not names & {"seconds", "dollars", "failed", "cached", "judged", "route", "verdict"}


def test_the_verdict_is_what_the_tests_say(compared):
    assert [verdict(compared, reader) for reader in compared.readers] == ["not told apart"] * 2


def test_markup_in_names_is_text(dataset, right, tmp_path):
    frame = answer_all({"[red]x": right}, dataset)
    table = as_table(columns(make_study(StoredRun(tmp_path, frame))), "[bold]title")
    assert (table.columns[0]._cells, table.title) == (["\\[red]x"], "\\[bold]title")


def test_sentences_are_wrapped_at_words(monkeypatch, capsys):
    words = "Of eleven models on 1,414 questions long-context is ahead for five of them"
    monkeypatch.setattr(console, "width_of_terminal", lambda: 30)
    say([words, "runs/a-name-that-is-longer-than-the-terminal-is-wide"])
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(line.strip() for line in lines[:-1]) == words
    assert all(len(line) <= 30 for line in lines[:-1])
    assert lines[-1] == "runs/a-name-that-is-longer-than-the-terminal-is-wide"

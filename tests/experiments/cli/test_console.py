"""The table of a comparison at the widths that terminals have."""

import io

import pytest
from rich.console import Console
from rich.table import Table

from rlc.data.errors import UsageError
from rlc.experiments.cli import console
from rlc.experiments.cli import words as on_terminal
from rlc.experiments.cli.console import Column, as_table, chosen, columns, tell_standing, verdict
from rlc.experiments.cli.words import say
from rlc.experiments.runs.loop import answer_all
from rlc.experiments.runs.results_table import ResultsTable
from rlc.experiments.runs.rounds import Standing
from rlc.experiments.runs.stored import StoredRun
from rlc.experiments.study.study import make_study

LLM = {"use": "endpoint", "model": "m"}
SPECS = {"rag": {"use": "rag", "llm": LLM}, "long": {"use": "long", "llm": LLM}}


@pytest.fixture
def compared(dataset, right, wrong, tmp_path):
    frame = answer_all({"rag": right, "long": wrong}, dataset)
    return make_study(StoredRun(tmp_path, ResultsTable(frame), SPECS))


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


def test_a_long_name_goes_on_in_the_next_line():
    names = [f"qwen2.5-72b-instruct-of-a-long-name/{arm}" for arm in ("rag", "long")]
    columns = [Column("reader", "reader", names), Column("tokens", "tokens", ["1,000", "9,000"])]
    lines = printed(columns, 30).splitlines()
    assert max(map(len, lines)) <= 30
    told = "".join("".join(line.split()[:1]) for line in lines)
    assert all(name in told for name in names)


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
    names = {column.name for column in columns(make_study(StoredRun(tmp_path, ResultsTable(frame), SPECS)))}
    assert {"reader", "right", "tokens"} <= names
    assert not names & {"seconds", "dollars", "failed", "cached", "judged", "route", "verdict"}


def test_the_verdict_is_what_the_tests_say(compared):
    assert [verdict(compared, reader) for reader in compared.readers] == ["not told apart"] * 2


def test_markup_in_names_is_text(dataset, right, tmp_path):
    frame = answer_all({"[red]x": right}, dataset)
    table = as_table(columns(make_study(StoredRun(tmp_path, ResultsTable(frame)))), "[bold]title")
    assert (table.columns[0]._cells, table.title) == (["\\[red]x"], "\\[bold]title")


@pytest.mark.parametrize("width", [40, 60, 200])
def test_columns_without_room_are_left_out_and_named(width, monkeypatch, capsys):
    table = Table()
    for head in ("reader", "first", "change, in points", "of what it had before"):
        table.add_column(head)
    table.add_row("a-long-name", "66.4% (58.1 to 70.2)", "+1.2", "unchanged")
    monkeypatch.setattr(
        console, "Console", lambda width=width, **to: Console(width=width, force_terminal=not to, **to)
    )
    monkeypatch.setattr(on_terminal, "width_of_terminal", lambda: width)
    console.print_table(table)
    told = capsys.readouterr().out
    assert "a-long-name" in told
    assert "…" not in told
    assert ("in a wider terminal" in told) == (width == 40)
    assert max(map(len, told.splitlines())) <= 4 * width  # colours are letters too


def test_sentences_are_wrapped_at_words(monkeypatch, capsys):
    words = "Of eleven models on 1,414 questions long-context is ahead for five of them"
    monkeypatch.setattr(on_terminal, "width_of_terminal", lambda: 30)
    say([words, "runs/a-name-that-is-longer-than-the-terminal-is-wide"])
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(line.strip() for line in lines[:-1]) == words
    assert all(len(line) <= 30 for line in lines[:-1])
    assert lines[-1] == "runs/a-name-that-is-longer-than-the-terminal-is-wide"


def test_errors_are_wrapped_as_well_and_steer_no_terminal(monkeypatch, capsys):
    monkeypatch.setattr(on_terminal, "width_of_terminal", lambda err: 30 if err else None)
    on_terminal.tell("error: no such thing as a \x1b[31mred chunker; known: recursive\nand more")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: no such thing as a"
    assert lines[-1] == "and more"
    assert "\x1b" not in "".join(lines)


def test_a_title_is_not_folded_to_the_width_of_its_table(capsys):
    title = "mine (own), 20 questions, 4 documents; scored by the rule judge"
    console.print_table(as_table([Column("reader", "reader", ["rag"])], title))
    assert capsys.readouterr().out.splitlines()[0] == title


def test_how_a_comparison_stands_in_80_columns(capsys):
    one = {
        "reader": "a-model-with-a-long-name/rag",
        "accuracy": {"value": 0.5, "n": 4, "low": 0.25, "high": 0.75},
        "n": 5, "failures": 1, "prompt_tokens": 1234.5, "seconds": None,
    }  # fmt: skip
    tell_standing(Standing([one, {**one, "reader": "length"}], 2, 10), {"length": "auto [length]"})
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].strip() == "provisional: 2 of 10 documents"
    [rag] = [line for line in lines if "50.0 (25 to 75)" in line and "auto [length]" not in line]
    assert rag.split()[-4:] == ["5", "1", "1,234", "-"]
    assert any("auto [length]" in line for line in lines)
    assert max(map(len, lines)) <= 80

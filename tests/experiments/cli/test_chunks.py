"""`rlc chunks`, as a user meets it, on the bundled sample and without weights."""

import json
import re

import pytest
from click.testing import CliRunner

from rlc.chunkers import CHUNKERS
from rlc.data.errors import DataError
from rlc.data.records import Dataset
from rlc.experiments.chunk_lab.methods import build_chunker, chunker_spec, default_chunkers
from rlc.experiments.chunk_lab.quality import questions
from rlc.experiments.cli.main import main

LIGHT = ("--tokenizer", "approximate", "--retriever", "bm25", "--dataset", "sample")
SHARED = {"encoder": "minilm", "tokenizer": "approximate"}


@pytest.fixture
def chunks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("RLC_DATA", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def run(*words, code=0):
        result = CliRunner().invoke(main, ["chunks", *LIGHT, *map(str, words)])
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result

    return run


TWO = ("--chunker", "recursive:size=60", "--chunker", "hierarchy:sizes=[120,60]", "--budget", "120,240")


def test_table_files_and_banner(chunks, tmp_path):
    result = chunks(*TWO, "--documents", 4, "--out", "found")
    assert "bundled sample, not LaRA" in result.stderr
    assert "hierarchy:sizes=[120,60]" in result.stdout
    assert "|---" not in result.stdout, "a table of the terminal, not Markdown"
    folder = tmp_path / "found"
    names = {file.name for file in folder.iterdir()}
    assert names == {"report.html", "report.md", "chunkers.json", "chunkers.png", "chunkers.svg"}
    figures = re.findall(r"\d+\.\d%", (folder / "report.md").read_text().split("### Recall by budget")[1])
    assert figures
    assert all(figure in result.stdout for figure in figures)
    assert (folder / "chunkers.svg").stat().st_size < 200_000
    assert "Warning" in (folder / "report.md").read_text()  # the sample is not the benchmark


def test_json_is_all_of_stdout_and_that_of_workers(chunks):
    found = json.loads(chunks(*TWO, "--json", "--where", "length=4k").stdout)
    assert found == json.loads(chunks(*TWO, "--json", "--where", "length=4k", "--workers", 2).stdout)
    assert (found["dataset"], found["variant"], found["where"]) == ("lara", "sample", ["length=4k"])
    assert [(row["chunker"], row["ranking"]) for row in found["rows"]] == [
        (chunker, ranking) for chunker in TWO[1:4:2] for ranking in ("bm25", "random", "oracle")
    ]
    assert found["chunkers"]["recursive:size=60"]["tokenizer"]["model"] == "approximate"


def test_questions_of_other_tasks_are_told_which_task_is_meant(make_example):
    dataset = Dataset("mine", (make_example("a", "Who?", "Ada.", answers=("Ada",)),), {}, "r")
    with pytest.raises(DataError, match=r"have the task 'location', and these have '.*questions.jsonl"):
        questions(dataset)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--chunker", "recusive"], "no chunker 'recusive'; did you mean 'recursive'"),
        (["--chunker", "recursive:siez=5"], "siez: no setting 'siez'; did you mean 'size'"),
        (["--chunker", "recursive:size"], "expected NAME:key=value,..., got the setting 'size'"),
        (["--chunker", "recursive:size=0"], "size must be at least 1 token"),
        (["--chunker", "late:inner=recusive"], "did you mean 'recursive'"),
        (["--chunker", "recursive", "--retriever", "bm52"], "no retriever 'bm52'; did you mean 'bm25'"),
        (["--chunker", "recursive", "--budget", "0"], "whole numbers of tokens above 0"),
        (["--chunker", "recursive", "--budget", "100,many"], "whole numbers of tokens above 0"),
        (["--chunker", "recursive", "--where", "length=1k"], "no question is left"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else None,
)
def test_mistakes_are_one_message(chunks, words, message):
    result = chunks(*words, code=2)
    assert message in result.stderr
    assert result.stderr.lower().count("error: ") == 1


def test_no_question_left_by_the_rule(chunks):
    told = chunks("--chunker", "recursive", "--where", "task=comp", code=1).stderr
    assert "have the task 'location', and these have 'comp" in told


def test_default_names_every_chunker_but_those_left_out():
    texts, left_out = default_chunkers()
    specs = [chunker_spec(text, SHARED) for text in texts]
    assert {spec["use"] for spec in specs} | set(left_out) == set(CHUNKERS)
    assert left_out == ["gist", "proposition", "tree"], "a model writes for every passage"
    sized = [spec for spec in specs if {"size", "sizes", "inner"} & spec.keys()]
    assert all(spec.get("tokenizer") or spec["inner"]["tokenizer"] for spec in sized)
    assert {"recursive:size=500", "hierarchy:sizes=[500,125]", "late:inner=recursive,inner.size=500"} <= set(
        texts
    )


def test_what_is_left_out_is_said(chunks, monkeypatch):
    few = (["recursive:size=60"], ["proposition"])
    monkeypatch.setattr("rlc.experiments.chunk_lab.methods.default_chunkers", lambda: few)
    assert "proposition is left out" in chunks("--documents", 1).stderr


def test_inner_settings_and_lists():
    spec = chunker_spec('contextual:inner=recursive,inner.size=50,fields=["title", "section"]', SHARED)
    assert spec["fields"] == ["title", "section"]
    assert build_chunker(spec).inner.size == 50


def test_passages_that_fell_to_their_sentences_are_counted(chunks):
    writer = 'proposition:llm=scripted,llm.answers={"" = "no list"}'
    found = chunks("--documents", 1, "--chunker", writer, "--budget", 120)
    assert "passages fell to their sentences" in found.stderr

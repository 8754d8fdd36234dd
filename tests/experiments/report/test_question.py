from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from rlc.data.datasets import load_dataset
from rlc.data.errors import DataError, UsageError
from rlc.data.records import Answer, Document, Evidence, Example, Usage
from rlc.data.text.escape import escape_controls, shorten
from rlc.experiments.cli.main import main
from rlc.experiments.report.marks import passages, pieces, shortened
from rlc.experiments.report.pages.question import show_question
from rlc.experiments.report.records import Piece
from rlc.experiments.report.terminal import lines
from rlc.experiments.runs.results import row, to_frame
from rlc.experiments.runs.results_file import write_results
from rlc.experiments.runs.run import write_json
from rlc.experiments.scorers.base import Score

DOCUMENT = Document(id="d", page_content="The oil was 114 gallons.")
ASKED = Example(
    id="32k_book:ab",
    question="How much\x1b[31m <b>oil</b>?",
    document=DOCUMENT,
    answers=("114 gallons",),
    task="location",
)
USAGE = Usage(prompt_tokens=1234, output_tokens=5, retrieve_seconds=0.25, seconds=1.5)
SAID = Answer(
    "114\x07 gallons", "rag", (Evidence("d", 12, 23, 0.5),), USAGE, "stop", "hash0", details={"p": "\x1b[2J"}
)


def save(folder: Path, examples, answers, data) -> Path:
    folder.mkdir()
    score = Score(correct=True, reason="numbers", f1=0.5)
    rows = [row(reader, e, answer, score) for e in examples for reader, answer in answers.items()]
    write_results(to_frame(rows), folder / "results.parquet")
    write_json(folder / "recipe.json", {"readers": {}, "labels": {"auto": "auto (length)"}})
    write_json(folder / "provenance.json", {"dataset": data})
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    failed = Answer("", "", error="EngineError: no answer \x1b]0;x\x07")
    other = Example(id="32k_book:cd", question="Who?", document=DOCUMENT)
    data = {"name": "elsewhere", "variant": "own", "revision": "r"}
    return save(tmp_path / "run", [ASKED, other], {"rag": SAID, "auto": SAID, "long": failed}, data)


def printed(*arguments, **settings) -> str:
    return "\n".join(line.plain for line in lines(show_question(*arguments, **settings)))


def test_all_about_one_question(run):
    text = printed("run", "32k_book:ab", run.parent)
    for part in (
        "gold answer: 114 gallons",
        "== rag: right (numbers, F1 0.50)",
        "== auto (length): right",
        "answered by: rag",
        "evidence 1, characters 12 to 23, score 0.5 of d",
        "tokens: prompt 1,234, output 5",
        "seconds: retrieve 0.250, in all 1.500",
        "finished by: stop; prompt hash: hash0",
        "error: EngineError: no answer",
        "the documents of 'elsewhere' are not at hand; give its folder with --data-root",
    ):
        assert part in text


@pytest.mark.parametrize(("pages", "shown"), [(None, ""), ((3, 3), ", p. 3"), ((3, 4), ", pp. 3-4")])
def test_evidence_of_a_pdf_is_shown_by_its_pages(pages, shown):
    [excerpt] = passages([Evidence("d", 0, 3, pages=pages)], "d", DOCUMENT.page_content, (), 99)
    assert excerpt.name == f"evidence 1{shown}, characters 0 to 3"


def test_nothing_steers_the_terminal(run):
    done = CliRunner().invoke(main, ["show", str(run), "32k_book:ab"])
    assert done.exit_code == 0, done.output
    assert not {"\x1b", "\x07"} & set(done.output)
    assert r"How much\x1b[31m <b>oil</b>?" in done.output
    assert r"114\x07 gallons" in done.output


def test_a_part_of_the_id_is_enough_where_it_is_unique(run):
    assert show_question("run", ":ab", run.parent).title == "32k_book:ab"
    assert show_question("run", "<b>oil</b>", run.parent).title == "32k_book:ab", "of its text, too"
    with pytest.raises(UsageError, match="2 questions have '32k'"):
        show_question("run", "32k", run.parent)
    with pytest.raises(UsageError, match="nearest: 32k_book:ab"):
        show_question("run", "32k_boook:ab", run.parent)


def test_one_reader_only(run):
    text = printed("run", ":ab", run.parent, ["long"])
    assert "== long" in text
    assert "== rag" not in text
    with pytest.raises(UsageError, match="did you mean 'long'"):
        show_question("run", ":ab", run.parent, ["lnog"])


def test_evidence_is_shown_as_text_where_the_documents_are_at_hand(tmp_path):
    sample = load_dataset("sample")
    one = sample.examples[0]
    said = Answer("x", "rag", (Evidence(one.document_id, 0, 40),), USAGE)
    data = {"name": sample.name, "variant": "sample", "revision": sample.revision}
    save(tmp_path / "run", [one], {"rag": said}, data)
    text = printed("run", one.id, tmp_path)
    assert one.document.page_content[:40].splitlines()[0] in text
    save(tmp_path / "old", [one], {"rag": said}, data | {"revision": "older"})
    assert "made on revision older" in printed("old", one.id, tmp_path)
    with pytest.raises(DataError, match="made on revision older"):
        show_question("old", one.id, tmp_path, data_root=sample.root)


def test_prompts_are_made_again_only_where_they_are_wanted(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "rlc.experiments.report.pages.question.rebuild_prompts",
        lambda spec, example, script=(): asked.append(spec) or {},
    )
    sample = load_dataset("sample")
    one = sample.examples[0]
    data = {"name": sample.name, "variant": "sample", "revision": sample.revision}
    folder = save(tmp_path / "run", [one], {"rag": Answer("x", "rag", (), USAGE, prompt_hash="h")}, data)
    write_json(folder / "recipe.json", {"readers": {"rag": {"use": "rag"}}, "labels": {}})
    assert "another hash" in printed("run", one.id, tmp_path)
    assert asked == [{"use": "rag"}]
    show_question("run", one.id, tmp_path, prompts=False)
    assert len(asked) == 1


PRUNED = Answer(
    "x", "rag", (Evidence("d", 0, 8, 0.5, (0, 24)), Evidence("d", 12, 24, 0.5, (0, 24))), USAGE, details={}
)


@pytest.fixture
def pruned_run(tmp_path):
    """A run on a folder of one's own, so that the documents are at hand: the run's folder and the data's."""
    root = tmp_path / "data"
    root.mkdir()
    (root / "d.txt").write_text(DOCUMENT.page_content, encoding="utf-8")
    asked = '{"question": "How much <b>oil</b>?", "document": "d.txt", "answer": "114 gallons"}'
    (root / "questions.jsonl").write_text(asked + "\n", encoding="utf-8")
    dataset = load_dataset(str(root))
    [one] = dataset.examples
    read = tuple(replace(piece, document_id=one.document_id) for piece in PRUNED.evidence)
    data = {"name": dataset.name, "variant": "own", "revision": dataset.revision}
    folder = save(tmp_path / "run", [one], {"rag": replace(PRUNED, evidence=read)}, data)
    return folder, root


def test_kept_and_dropped_text_and_gold_evidence_are_marked(pruned_run):
    folder, root = pruned_run
    text = printed(str(folder), "d.txt", folder.parent, data_root=root)
    assert "marks: [-dropped by a pruner-] **gold evidence**" in text
    assert "evidence 1, characters 0 to 24, score 0.5, 17% of it dropped" in text
    assert "The oil [-was -]**114** gallons." in text


def test_a_page_has_the_look_of_a_report_and_runs_nothing(pruned_run):
    folder, root = pruned_run
    file = folder.parent / "page.html"
    words = ["show", str(folder), "d.txt", "--data-root", str(root), "--html", str(file)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert done.output.strip() == str(file)
    page = file.read_text(encoding="utf-8")
    assert "<ins>The oil </ins><del>was </del><mark><ins>114</ins></mark><ins> gallons.</ins>" in page
    assert "&lt;b&gt;oil&lt;/b&gt;" in page
    assert "<script" not in page
    nowhere = CliRunner().invoke(main, [*words[:-1], str(folder / "no" / "page.html")])
    assert nowhere.exit_code != 0
    assert "give another place with --html" in nowhere.output


def test_long_texts_lose_their_middles_dropped_ones_first():
    given = [Piece("a" * 100, "kept"), Piece("b" * 1000, "dropped"), Piece("c" * 100, "kept")]
    shorter = shortened(given, 600)
    assert [len(piece.text) for piece in (shorter[0], shorter[2])] == [100, 100]
    assert "[... 760 characters ...]" in shorter[1].text
    assert shortened(given, 1200) == given
    tiny = "".join(piece.text for piece in shortened(given, 20))
    assert tiny.startswith("a" * 10 + " [...")
    assert tiny.endswith("] " + "c" * 10)


@given(st.text(max_size=40), *[st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)))] * 2)
def test_marked_pieces_are_the_text(text, kept, gold):
    spans = [[(a, b) for a, b in found if a < b] for found in (kept, gold)]
    assert "".join(piece.text for piece in pieces(text, (0, len(text)), *spans)) == text


def test_shorten_says_how_much_is_left_out():
    assert shorten("abcdef", 6) == "abcdef"
    assert shorten("abcdefghij", 3) == "ab [... 7 characters ...] j"


def test_visible_keeps_text_and_spells_out_what_steers():
    assert escape_controls("naïve\n\t‘x’ 日本") == "naïve\n\t‘x’ 日本"
    assert escape_controls("\x00\x9b\u202e\r") == r"\x00\x9b\u202e\r"

"""Made questions: draws, gaps by rule, what a model writes, the second pass, the file and the page."""

import json
import re
from collections import Counter
from itertools import islice

import pytest
from langchain_core.documents import Document

from rlc.data.datasets import load_dataset
from rlc.data.protocols import Generation
from rlc.experiments.asking import KINDS
from rlc.experiments.asking.ask import bill, by_rule, write_with
from rlc.experiments.asking.check import FOUND, check_questions, find
from rlc.experiments.asking.cloze import GAP, cloze_questions
from rlc.experiments.asking.draw import cut, draws
from rlc.experiments.asking.made import MadeQuestion, Passage, drop, without_duplicates
from rlc.experiments.asking.writer import read_question
from rlc.pipeline.llms.scripted import ScriptedLLM

LAMP = "The lamp of the harbour was lit in 1871 by the keeper, whose name was Ada Marsh. It burns oil. "
MILL = "When the mill at the river was closed in 1902, nobody of the village came to see it. The wheel stood still."
TEXTS = {"lamp.txt": LAMP, "mill.txt": MILL}


@pytest.fixture
def documents():
    return {
        name: Document(id=name, page_content=text, metadata={"kind": "letter"})
        for name, text in TEXTS.items()
    }


def test_a_gap_has_one_answer_that_stands_in_its_document(documents):
    made = cloze_questions(documents, 10, seed=1)
    assert {one.answer for one in made if one.answer} <= {"1871", "1902", "Ada Marsh"}
    for one in made:
        assert one.question.count(GAP) == 1
        text = one.document.page_content
        if one.answer:
            [quote] = one.quotes
            assert quote in text
            assert text.count(one.answer) == 1
            assert one.passages[0].text == quote
        else:
            assert one.kind == "unanswerable"
    assert [one.question for one in made] == [one.question for one in cloze_questions(documents, 10, seed=1)]


def test_a_gap_takes_a_whole_figure_out_of_a_sentence():
    text = (
        "It stood lower than its neighbours by half an inch on the 15th, as was told to us all. "
        "Sales of north and south and west   1,200   1,300   1,400   of them all in the year.\n\n"
        "The town paid the keeper of the lamp 3.5% of what it had taken. It was $4,200, they said, in the end for all."
    )
    document = Document(id="a", page_content=text)
    assert {one.answer for one in cloze_questions({"a": document}, 9, 0)} == {"3.5%", "$4,200"}


def test_draws_give_every_document_every_kind_and_end_where_there_is_nothing(documents):
    long = Document(
        id="long.txt", page_content="\n\n".join(f"Paragraph {i}. " + "word " * 200 for i in range(6))
    )
    drawn = list(islice(draws({**documents, "long.txt": long}, KINDS, seed=0), 40))
    seen = Counter((passages[0].document.id, kind) for kind, passages in drawn)
    assert all(seen["long.txt", kind] for kind in KINDS)
    assert not seen["lamp.txt", "comparison"], "it has one passage"
    for kind, passages in drawn:
        assert len(passages) == (2 if kind == "comparison" else 1)
        assert [one.start for one in passages] == sorted({one.start for one in passages})
    assert list(draws(documents, ["comparison"], seed=0)) == []
    assert list(draws({}, KINDS, seed=0)) == []


def test_a_reply_is_read_and_its_quotes_are_held_against_the_text(documents):
    passage = Passage(documents["lamp.txt"], 0, len(LAMP))
    said = '**QUESTION:** When was the lamp lit?\nANSWER: 1871\nQUOTE: "The lamp of the harbour was lit  in 1871"'
    made = read_question(said, "location", (passage,), "m")
    assert (made.question, made.answer) == ("When was the lamp lit?", "1871")
    assert made.quotes == ("The lamp of the harbour was lit in 1871",), "as it stands in the text"
    assert not made.dropped
    for changed, why in (
        ("lit  in 1871", "word for word"),
        ("ANSWER: 1871", "no answer"),
        ("QUESTION", "no question"),
    ):
        assert why in read_question(said.replace(changed, "x y z w"), "location", (passage,), "m").dropped
    assert not read_question("QUESTION: Who built it?", "unanswerable", (passage,), "m").dropped


def test_near_duplicates_of_one_document_go(documents):
    passage = (Passage(documents["lamp.txt"], 0, 5),)
    other = (Passage(documents["mill.txt"], 0, 5),)
    made = [
        MadeQuestion("location", text, "x", (), where, "m")
        for text, where in (
            ("When was the lamp lit?", passage),
            ("The lamp was lit when?", passage),
            ("When was the lamp lit?", other),
            ("Who kept the harbour?", passage),
        )
    ]
    assert [bool(one.dropped) for one in without_duplicates(made)] == [False, True, False, False]
    spared = without_duplicates([drop(made[0], "why"), made[1]])
    assert not spared[1].dropped, "what was dropped takes nobody's place"


class Author(ScriptedLLM):
    """Writes the same question about a document's year, knows the lamp's year by heart, and reads the others."""

    def generate(self, prompts, **wishes):
        return [Generation(self._say(prompt.prefix + prompt.question)) for prompt in prompts]

    def _say(self, text):
        year = next(iter(re.findall(r"1\d{3}", text)), None)
        if "QUESTION: ..." in text:
            thing = "lamp lit" if "lamp" in text else "mill closed"
            quote = next(one for one in TEXTS.values() if str(year) in one).split(".")[0]
            return f"QUESTION: When was the {thing}?\nANSWER: {year}\nQUOTE: {quote}"
        return year or ("1871" if "lamp" in text else "I do not know.")


def test_kept_is_what_needs_the_document_and_is_answered_by_what_was_quoted(documents):
    heard = []
    made = write_with(Author({"": ""}), documents, ["location"], 2, 0, lambda *counts: heard.append(counts))
    by_reason = Counter(one.dropped for one in made)
    assert [one.document.id for one in made if not one.dropped] == ["mill.txt"]
    assert by_reason["is answered without the document"] >= 1
    assert by_reason["nearly repeats another question"] >= 1
    assert len(made) == 8 == heard[-1][1], "four draws for each that is wanted"
    costs = bill(Author({"": ""}), documents, ["location"], 2, 0)
    assert costs.prompts == 24
    assert costs.prompt_tokens > 0 < costs.output_tokens


def test_what_another_passage_of_the_document_answers_is_not_called_unanswerable():
    """Both questions are made from the first passage; the fortieth names the miller, and nothing names the baker."""
    filler = [f"Paragraph {i} of the letter. " + "word " * 200 for i in range(40)]
    text = "\n\n".join(
        [*filler[:38], "The miller of the valley was Tom Reed. " + "corn " * 200, *filler[38:]]
    )
    document = Document(id="long", page_content=text, metadata={"kind": "letter"})
    first, *_ = cut(document)

    class Careful(ScriptedLLM):
        def generate(self, prompts, **wishes):
            texts = [prompt.prefix + prompt.question for prompt in prompts]
            told = [
                "miller" in text.split("?")[0].rsplit("\n", 1)[-1] and "Tom Reed" in text for text in texts
            ]
            return [Generation("Tom Reed" if one else "The text does not say.") for one in told]

    asked = ["Who was the miller of the valley?", "Who was the baker of the valley?"]
    made = [MadeQuestion("unanswerable", one, "", (), (first,), "m") for one in asked]
    checked = check_questions(made, Careful({}))
    assert [one.dropped for one in checked] == ["is answered by what its document tells", ""]
    [near, _] = find(made)
    assert first in near
    assert [one.start for one in near] == sorted({one.start for one in near})
    assert len(near) <= FOUND + 1


def test_the_file_is_compared_and_the_page_holds_the_rows(shell, tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text + " <b>")
    told = shell("compare", "--recipe", "recipe.toml", "--dataset", "texts", "--no-track", code=1).output
    assert "rlc ask" in told
    said = shell("ask", "texts", "--count", 3).output
    assert "kept 2" in said
    dataset = load_dataset(str(folder))
    assert len(dataset.examples) == 2
    assert set(dataset.documents) == set(TEXTS), "the page with the answers is none"
    for example in dataset.examples:
        for span in example.gold:
            assert example.answers[0] in example.document.page_content[span.start : span.end]
    page = (folder / "questions.html").read_text()
    rows = json.loads(re.search(r'id="rows">(.*?)</script>', page, re.DOTALL)[1])
    assert [row["question"] for row in rows] == [example.question for example in dataset.examples]
    shell("compare", "--recipe", "recipe.toml", "--dataset", "texts", "--no-track")
    assert "--force" in shell("ask", "texts", code=2).output
    assert "ends in .jsonl" in shell("ask", "texts", "--out", "page.html", code=2).output
    assert "name one with --model" in shell("ask", "texts", "--force", "--kind", "location", code=2).output


def test_a_quote_that_does_not_stand_there_is_told(shell, tmp_path):
    row = {"question": "Who?", "document": "lamp.txt", "answer": "Ada", "quotes": ["Bob keeps it."]}
    (tmp_path / "mine" / "questions.jsonl").write_text(json.dumps(row) + "\n")
    told = shell("compare", "--recipe", "recipe.toml", "--dataset", "mine", "--no-track", code=1).output
    assert "word for word: 'Bob keeps it.'" in " ".join(told.split())


def test_no_question_at_all_is_told(shell, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.txt").write_text(
        "nothing here has a figure of its own, and no names at all either."
    )
    assert "no question was kept" in shell("ask", "empty", code=1).output


def test_by_rule_drops_repeats(documents):
    assert all(not one.dropped for one in by_rule(documents, 3, 0))


def test_the_command_says_what_it_costs_and_what_comes_next(shell, tmp_path):
    (tmp_path / "prices.toml").write_text("[m]\nprompt = 10.0\noutput = 1000.0\n")
    words = (
        "ask",
        "mine",
        "--model",
        "endpoint:m",
        "--set",
        "window=4000",
        "--out",
        "made.jsonl",
        "--dry-run",
    )
    said = " ".join(shell(*words, "--prices", "prices.toml").stdout.split())
    told = re.search(
        r"prompts of ([\d,]+) tokens together, and ([\d,]+) new tokens, by m; at most \$([\d,.]+)", said
    )
    read, new, dollars = (float(one.replace(",", "")) for one in told.groups())
    assert dollars == pytest.approx((10 * read + 1000 * new) / 1e6, abs=0.01)
    assert "$" not in shell(*words).stdout, "a price that is not known is none"
    (tmp_path / "prices.toml").write_text("[other]\nprompt = 1\noutput = 1\n")
    assert "no price for model 'm'" in shell(*words, "--prices", "prices.toml", code=2).stderr
    assert (
        "let a model write them, with --model" in shell("ask", "mine", "--out", "made.jsonl", code=1).stderr
    )
    for name, text in TEXTS.items():
        (tmp_path / "mine" / name).write_text(text)
    by_rule = " ".join(shell("ask", "mine", "--out", "made.jsonl").stdout.split())
    assert re.match(r"kept \d+ of 40 wanted", by_rule)
    assert "put the file there as mine/questions.jsonl, then: rlc compare --dataset mine" in by_rule
    assert "put the file" not in shell("ask", "mine", "--force").stdout


@pytest.mark.parametrize(
    "line",
    [
        "# How the lamp of the harbour was lit by Ada Marsh?",
        "<paper 1> # The lamp of the harbour, and what Ada Marsh made of it.",
        "Table 2: Ablations of the best method, as Ada Marsh found them in 1871.",
        "Hana Voss, Ignatius Orme and Petronel Quist<br>School of Palaeography, Lower Calder.",
        "The keepers of the lamp at the harbour, among them Ada Marsh",
        "It is said of the lamp at the harbour: Nobody has ever seen it burn.",
    ],
)
def test_titles_captions_and_lists_of_authors_are_no_sentences(line):
    assert by_rule({"a": Document(page_content=f"{line}\n\n", id="a")}, 9, 0) == []


def test_a_sentence_beside_them_is_one():
    text = f"# The lamp of the harbour and its keeper\n\n{LAMP}"
    assert {one.answer for one in by_rule({"a": Document(page_content=text, id="a")}, 9, 0)} == {"1871"}

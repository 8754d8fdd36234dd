import json

import pytest

from rlc.data.errors import DataError
from rlc.data.formats.jsonl import load

DOCUMENTS = [
    {"id": "handbook", "text": "The clerk signs.", "title": "The handbook", "kind": "manual"},
    {"id": "letters", "text": "Dear clerk."},
]


def write(folder, questions, documents=DOCUMENTS):
    for name, rows in {"documents": documents, "questions": questions}.items():
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    return folder


def test_what_a_question_says_reaches_the_example(tmp_path):
    question = {
        "id": "q1",
        "question": "Who signs?",
        "document": "handbook",
        "answers": ["The clerk", "A clerk"],
    }
    question |= {"task": "location", "answerable": True, "meta": {"length": "1k"}}
    dataset = load(write(tmp_path, [question]))
    (example,) = dataset.examples
    assert example.id == "q1"
    assert example.document is dataset.documents["handbook"]
    assert example.answers == ("The clerk", "A clerk")
    assert (example.task, example.answerable, example.metadata) == ("location", True, {"length": "1k"})
    assert example.document.metadata == {"kind": "manual", "title": "The handbook"}
    assert dataset.documents["letters"].metadata == {"kind": "document", "title": "letters"}
    assert (dataset.name, dataset.variant) == (tmp_path.name, "own")


def test_defaults_and_nulls(tmp_path):
    row = {"question": "Who signs?", "answer": None, "answers": None, "answerable": None, "id": None}
    (example,) = load(write(tmp_path, [row], DOCUMENTS[:1])).examples
    assert (example.answers, example.task, example.answerable, example.metadata) == ((), "qa", None, {})
    assert example.id.startswith("handbook:")


def test_made_ids_are_unique_and_do_not_depend_on_the_other_lines(tmp_path):
    row = {"question": "Who signs?", "document": "letters"}
    other = {"question": "Why?", "document": "letters"}
    ids = [example.id for example in load(write(tmp_path, [row, row, other])).examples]
    assert ids[1] == f"{ids[0]}-2"
    assert [example.id for example in load(write(tmp_path, [other, row])).examples] == [ids[2], ids[0]]


def test_the_revision_follows_both_files(tmp_path):
    row = {"question": "Who signs?", "document": "letters"}
    revisions = {
        load(write(tmp_path, [row])).revision,
        load(write(tmp_path, [row, row])).revision,
        load(write(tmp_path, [row], [*DOCUMENTS, {"id": "c", "text": "x"}])).revision,
    }
    assert len(revisions) == 3


def test_numbers_are_read_as_their_digits(tmp_path):
    rows = [
        {"id": 1, "question": "When?", "document": 7, "answer": 1871},
        {"question": "How much?", "document": "7", "answers": [3.5, "3,5"]},
    ]
    first, second = load(write(tmp_path, rows, [{"id": 7, "text": "In 1871 it cost 3.5."}])).examples
    assert (first.id, first.document_id, first.answers) == ("1", "7", ("1871",))
    assert second.answers == ("3.5", "3,5")


def test_answers_as_squad_writes_them(tmp_path):
    said = {"text": ["The clerk", "clerk", "clerk"], "answer_start": [0, 4, 4]}
    rows = [
        {"question": "Who signs?", "document": "handbook", "answers": said},
        {"question": "Who reads?", "document": "handbook", "answers": {"text": [], "answer_start": []}},
    ]
    signs, reads = load(write(tmp_path, rows)).examples
    assert (signs.answers, signs.answerable) == (("The clerk", "clerk"), None)
    assert [(span.start, span.end) for span in signs.gold] == [(0, 9), (4, 9)]
    assert (reads.answers, reads.answerable, reads.gold) == ((), False, ())


ASKED = {"question": "Who signs?", "document": "handbook"}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (
            {"question": "Who?"},
            "names no document, and there are 2: add 'document', such as 'handbook', 'letters'",
        ),
        (ASKED | {"document": "handbok"}, "no document 'handbok' among the 2 read; nearest: 'handbook'"),
        (ASKED | {"document": True}, "expected text under 'document', got True"),
        (ASKED | {"answer": float("nan")}, "expected text under 'answer', got nan"),
        (ASKED | {"question": " "}, "expected text under 'question', got ' '"),
        (
            ASKED | {"answers": "The clerk"},
            "expected a list of texts under 'answers', got 'The clerk'; one alone goes",
        ),
        (ASKED | {"answers": ["a", False]}, "expected a list of texts under 'answers', got False in it"),
        (ASKED | {"answers": {"texts": ["a"]}}, "no key 'texts'; did you mean 'text'?"),
        (ASKED | {"answers": {"answer_start": [1]}}, "expected a list of texts under 'answers', got None"),
        (
            ASKED | {"answers": {"text": ["clerk"], "answer_start": [4, 9]}},
            "expected 1 numbers under 'answer_start', one a text, got [4, 9]",
        ),
        (
            ASKED | {"answers": {"text": ["clerk"], "answer_start": [5]}},
            "'clerk' does not stand at an 'answer_start' of [5] in 'handbook'; count characters",
        ),
        (
            ASKED | {"answer": ["a"]},
            "has a list under 'answer'; several answers, each of them right, go under 'answers'",
        ),
        (ASKED | {"answer": "a", "answers": ["b"]}, "has 'answer' and 'answers'"),
        (ASKED | {"answerable": "yes"}, "expected true or false under 'answerable', got 'yes'"),
        (ASKED | {"meta": []}, "expected an object under 'meta', got []"),
        (ASKED | {"anwser": "a"}, "no key 'anwser'; did you mean 'answer'?"),
        (ASKED | {"id": "first"}, "the id 'first' stands on line 1 already"),
        ('{"question": "\\ud800"}', "half of a surrogate pair"),
        ("Who signs?", "not JSON"),
        ('[{"question": "Who?"}]', "got list; write one object a line (`jq -c '.[]' FILE`"),
    ],
)
def test_a_broken_question_is_named(tmp_path, row, reason):
    with pytest.raises(DataError) as caught:
        load(write(tmp_path, [ASKED | {"id": "first"}, row]))
    assert str(caught.value).startswith(f"{tmp_path / 'questions.jsonl'}: line 2: ")
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"id": "a", "text": "  "}, "expected text under 'text'"),
        ({"id": "a", "text": "x\0y"}, "NUL"),
        ({"id": "handbook", "text": "x"}, "the id 'handbook' stands on line 1 already"),
        ({"text": "x"}, "expected text under 'id', the row has text"),
        ({"id": "a", "text": "x", "titel": "t"}, "did you mean 'title'?"),
    ],
)
def test_a_broken_document_is_named(tmp_path, row, reason):
    with pytest.raises(DataError) as caught:
        load(write(tmp_path, [ASKED], [DOCUMENTS[0], row]))
    assert str(caught.value).startswith(f"{tmp_path / 'documents.jsonl'}: line 2: ")
    assert reason in str(caught.value)


def test_a_name_with_its_marks_apart_is_the_same_name(tmp_path):
    (tmp_path / "documents.jsonl").write_text(
        '{"id": "cafe\u0301", "text": "It is open."}\n', encoding="utf-8"
    )
    question = {"question": "Open?", "document": "caf\u00e9"}
    (tmp_path / "questions.jsonl").write_text(json.dumps(question), encoding="utf-8")
    [example] = load(tmp_path).examples
    assert example.document_id == "cafe\u0301"


def test_no_questions_teaches_how_to_write_one(tmp_path):
    with pytest.raises(
        DataError, match=r'holds no questions.*\{"question": "\.\.\.", "document": "handbook"'
    ):
        load(write(tmp_path, []))
    (tmp_path / "questions.jsonl").unlink()
    with pytest.raises(DataError, match="no such file; there is nothing to answer"):
        load(tmp_path)


def test_no_documents(tmp_path):
    with pytest.raises(DataError, match="holds no documents"):
        load(write(tmp_path, [ASKED], []))


@pytest.mark.parametrize("key", ['"answer": "Ada", "answer": "Ben"', '"meta": {"answer": 1, "answer": 2}'])
def test_a_key_that_stands_twice_is_no_choice_of_the_last(tmp_path, key):
    folder = write(tmp_path, [ASKED], DOCUMENTS)
    (folder / "questions.jsonl").write_text(f'{{"question": "Who?", "document": "handbook", {key}}}\n')
    with pytest.raises(DataError, match=r"questions\.jsonl: line 1: has 'answer' twice; keep one of them"):
        load(folder)

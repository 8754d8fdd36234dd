from langchain_core.documents import Document

from rlc.data.records import Dataset, Example
from rlc.experiments.runs.languages import language_notes

SPECS = {
    "auto": {"use": "learned", "rag": {"use": "rag", "steps": [{"use": "lexical", "stemmer": "english"}]}},
    "long": {"use": "long"},
}


def dataset(**texts):
    documents = {name: Document(id=name, page_content=text) for name, text in texts.items()}
    examples = tuple(Example(name, "?", document, ("x",)) for name, document in documents.items())
    return Dataset("own", examples, documents, "r")


def test_what_was_made_for_english_is_told_once_beside_other_languages():
    english = (
        "The light was built by Ada Lowe, and it was moved to the harbour when the pier had been taken down."
    )
    [note] = language_notes(SPECS, dataset(a=english, b="灯塔由艾达·洛于一八七一年建造。"))
    assert note.startswith("NOT ENGLISH: 1 of 2 documents (Han letters; first: b)")
    assert "learned, stemmer 'english', the rule judge" in note
    assert language_notes(SPECS, dataset(a=english)) == []

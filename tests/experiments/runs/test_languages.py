import pytest
from langchain_core.documents import Document

from rlc.data.records import Dataset, Example
from rlc.experiments.runs.languages import language_notes, made_for, made_for_english
from rlc.pipeline.families import BUILDER, READER, STEP
from rlc.pipeline.recipe import Recipe

RECIPE = {
    "rag": {
        "use": "rag",
        "chunker": {"use": "recursive", "size": 64, "tokenizer": "minilm"},
        "retriever": {"use": "bm25", "stemmer": "english"},
        "llm": {"use": "scripted", "answers": {}},
    },
    "long": {"use": "long", "llm": {"use": "scripted", "answers": {}}},
}
AUTO = Recipe(RECIPE).with_router("auto").completed()


def dataset(**texts):
    documents = {name: Document(id=name, page_content=text) for name, text in texts.items()}
    examples = tuple(Example(name, "?", document, ("x",)) for name, document in documents.items())
    return Dataset("own", examples, documents, "r")


def test_what_was_made_for_english_is_told_once_beside_other_languages():
    english = (
        "The light was built by Ada Lowe, and it was moved to the harbour when the pier had been taken down."
    )
    [note] = language_notes(AUTO, dataset(a=english, b="灯塔由艾达·洛于一八七一年建造。"))
    assert note.startswith("NOT ENGLISH: 1 of 2 documents (Han letters; first: b)")
    for made in ("buy-then-choose", "minilm", "stemmer 'english'", "the rule judge"):
        assert made in note
    assert "the prompts of long (prompt = 'de' or 'zh' asks in another language)" in note
    assert language_notes(AUTO, dataset(a=english)) == []


def test_a_fit_of_ones_own_was_made_for_ones_own_texts():
    own = {**AUTO["auto"], "fit": "routers/mine.json"}
    assert "buy-then-choose" in set(made_for_english(AUTO["auto"]))
    assert "buy-then-choose" not in set(made_for_english(own))


@pytest.mark.parametrize("family", BUILDER.families, ids=lambda family: family.kind)
def test_every_method_that_decides_by_a_shipped_fit_says_for_which_language(family):
    for name in family.table:
        # Only routers ship a fit; the heads of duo-attention are its user's, or found anew.
        shipped = family is READER and "fit" in family.parameters(name, name)
        known = ["English"] if shipped else ["", "English"]
        assert made_for(family, name) in known, name


def test_methods_of_english_words_or_weights_say_so():
    assert {name for name in STEP.table if made_for(STEP, name)} == {"llmlingua2", "provence", "static"}
    assert not any(made_for(READER, name) for name in ("rag", "long", "length", "self-route"))

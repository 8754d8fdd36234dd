"""One index for all documents: what `rag` finds in others, what it is charged, and what it refuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.chunkers import RecursiveChunker
from rlc.data.errors import DataError, SpecError, UsageError
from rlc.data.records import Document, Evidence
from rlc.data.store import Store
from rlc.pipeline.identity import identity
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.rag import RagReader
from rlc.pipeline.recipe import build_readers
from rlc.pipeline.recipe_files import load_recipe
from rlc.pipeline.recipe_settings import with_settings
from rlc.retrievers import BM25Retriever

TEXTS = {
    "zoo": "The lion sleeps all day. A tiger swims in the river. The zebra has stripes.",
    "farm": "The goat eats shirts. A horse pulls the cart. Bees make honey here.",
}
LIBRARY = [
    Document(id=name, page_content=text, metadata={"kind": "book", "place": name})
    for name, text in TEXTS.items()
]
RECIPE = """
[readers.rag]
use = "rag"
chunker = {{ use = "recursive", size = 8 }}
retriever = {{ use = "bm25", k = 1 }}
llm = {{ use = "scripted", answers = {{ "" = "bees" }} }}
collection = "{}"
"""


class Watch:
    """An index that counts how often it is made."""

    def __init__(self):
        self.sizes = []

    def __call__(self, documents):
        self.sizes.append(len(documents))
        return BM25Retriever.from_documents(documents, k=3)


def make(collection=LIBRARY, retriever=None, **settings):
    llm = ScriptedLLM(lambda prompt: prompt.prefix)
    return RagReader(RecursiveChunker(size=8), retriever or Watch(), llm, collection=collection, **settings)


def ask(make_example, question, name="zoo"):
    return make_example(f"{name}-{question}", question, TEXTS[name], name)


def test_the_answer_lies_in_the_other_document(make_example):
    question = ask(make_example, "Who makes honey?")
    [alone], [together] = make(None)([question]), make()([question])
    assert "honey" not in alone.text
    assert "Bees make honey" in together.text
    assert [(e.document_id, e.start, e.end) for e in together.evidence] == [("farm", 46, 67)]
    assert TEXTS["farm"][46:67] == "Bees make honey here."
    assert "retrieved from some documents" in together.text


@given(
    st.lists(st.sampled_from(["Who swims?", "What has stripes?", "the lion all day", "honey"]), max_size=4)
)
def test_a_collection_of_one_document_is_the_document(make_example, questions):
    examples = [ask(make_example, question) for question in questions]
    alone, together = make(None)(examples), make(LIBRARY[:1])(examples)
    assert [(a.text, a.evidence, a.prompt_hash, a.error) for a in alone] == [
        (a.text, a.evidence, a.prompt_hash, a.error) for a in together
    ]


def test_it_is_indexed_once_and_the_first_question_pays(make_example):
    watch = Watch()
    reader = make(retriever=watch)
    questions = [ask(make_example, q, name) for name in TEXTS for q in ("Who swims?", "Who eats?")]
    batches = [reader(questions[:2]), reader(questions[2:])]
    assert len(watch.sizes) == 1
    assert [a.usage.index_seconds > 0 for batch in batches for a in batch] == [True, False, False, False]


def test_what_was_retrieved_is_not_searched_for_again(make_example):
    reader, questions = make(), [ask(make_example, "Who makes honey?", name) for name in TEXTS]
    found = reader.retrieve(questions)
    assert [one.evidence for one in found] == [answer.evidence for answer in reader(questions)]
    assert [one.usage.index_seconds > 0 for one in found] == [True, False]


def test_a_filter_keeps_passages_by_their_metadata(make_example):
    question = ask(make_example, "The goat or the lion?", "farm")
    [answer] = make(where={"place": "zoo"})([question])
    assert {e.document_id for e in answer.evidence} == {"zoo"}
    [nowhere] = make(where={"shelf": "3"})([question])
    assert nowhere.error.startswith("DataError: no document has a plain value in the metadata field 'shelf'")


def test_the_questions_document_may_be_missing_from_it(make_example):
    [answer] = make(LIBRARY[1:])([ask(make_example, "Who makes honey?")])
    assert answer.evidence[0].document_id == "farm"


def test_another_text_of_the_same_name_is_no_evidence(make_example):
    changed, fine = make()(
        [make_example("q", "Who swims?", "It rained.", "zoo"), ask(make_example, "Who swims?")]
    )
    assert changed.error == "DataError: the collection holds another text called 'zoo'; rename one of the two"
    assert fine.error is None


def test_bad_collections(make_example):
    with pytest.raises(ValueError, match="at least one document, got none"):
        make([])
    with pytest.raises(ValueError, match="two documents of the collection are called 'zoo'"):
        make([LIBRARY[0], LIBRARY[0]])
    with pytest.raises(UsageError, match="the collection cannot be indexed, so no question could be"):
        make([Document(id="blank", page_content=" ")])([ask(make_example, "Who?")])


@pytest.fixture
def library(tmp_path):
    for name, text in TEXTS.items():
        (tmp_path / f"{name}.txt").write_text(text)
    return tmp_path


def test_a_recipe_names_a_folder_and_its_revision_is_written_out(library, make_example, tmp_path_factory):
    recipe = load_recipe(RECIPE.format(library))
    spec = recipe.completed()["rag"]
    collection = spec["collection"]
    assert {**collection, "revision": ""} == {
        "use": "documents", "of": str(library), "revision": "", "documents": 2,
    }  # fmt: skip
    question = make_example("q", "Who makes honey?", TEXTS["zoo"], "zoo.txt")
    store = Store(tmp_path_factory.mktemp("store"))
    [answer] = build_readers({"rag": spec}, store)["rag"]([question])
    assert (answer.text, answer.evidence) == (
        "bees",
        (Evidence("farm.txt", 46, 67, answer.evidence[0].score),),
    )
    (library / "farm.txt").write_text("The goat eats shirts.")
    changed = recipe.completed()["rag"]
    assert identity(changed) != identity(spec), "answers on the collection as it was are not served"
    [answer] = build_readers({"rag": changed}, store)["rag"]([question])
    assert answer.evidence == ()
    with pytest.raises(DataError, match="has changed since the recipe was completed"):
        build_readers({"rag": spec}, store)["rag"]([make_example("new", "Who?", "Ann.", "d")])
    store.close()


def test_a_router_knows_the_collection_of_its_arm(library):
    recipe = with_settings(load_recipe(RECIPE.format("nowhere")), [f"readers.rag.collection={library}"])
    text = '[readers.r]\nuse = "length"\nrag = "@rag"\nlong = { use = "closed", llm = { use = "scripted", answers = {} } }'
    readers = {**recipe.readers, **load_recipe(text).readers}
    specs = type(recipe)(readers).completed()
    assert specs["r"]["rag"] == specs["rag"]


def test_a_collection_that_is_nowhere_is_found_before_any_question():
    with pytest.raises(UsageError, match="no data set 'samples'; did you mean 'sample'"):
        load_recipe(RECIPE.format("samples")).completed()
    with pytest.raises(SpecError, match=r"readers.rag.collection: expected one collection, got \['sample'\]"):
        load_recipe(RECIPE.format("x").replace('"x"', '["sample"]')).completed()

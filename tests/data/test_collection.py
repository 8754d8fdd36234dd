"""The documents of a data set alone."""

import json

import pytest

from rlc.data.collection import collection_revision, load_collection
from rlc.data.datasets import load_dataset, load_documents
from rlc.data.errors import DataError, UsageError
from rlc.data.records import Document


def test_a_data_set_by_name_gives_its_documents():
    documents = load_dataset("sample").documents
    assert load_documents("sample") == documents
    assert list(load_collection("sample")) == [documents[name] for name in sorted(documents)]


@pytest.mark.parametrize(
    ("file", "text"), [("a.txt", "Ann."), ("documents.jsonl", json.dumps({"id": "a.txt", "text": "Ann."}))]
)
def test_a_folder_needs_no_questions(tmp_path, file, text):
    (tmp_path / file).write_text(text)
    [document] = load_collection(str(tmp_path))
    assert (document.id, document.page_content) == ("a.txt", "Ann.")


@pytest.mark.parametrize(
    "other",
    [
        Document(id="b", page_content="Ann."),
        Document(id="a", page_content="Bob."),
        Document(id="a", page_content="Ann.", metadata={"kind": "book"}),
    ],
)
def test_the_revision_changes_with_name_text_and_metadata(other):
    one = Document(id="a", page_content="Ann.")
    assert collection_revision([one]) == collection_revision([one.model_copy()])
    assert collection_revision([other]) != collection_revision([one]) != collection_revision([one, other])


def test_bad_names(tmp_path):
    with pytest.raises(UsageError, match="no data set 'sampel'; did you mean 'sample'"):
        load_collection("sampel")
    with pytest.raises(DataError, match="holds no documents"):
        load_collection(str(tmp_path))
    with pytest.raises(DataError, match="'sample' has changed since the recipe was completed"):
        load_collection("sample", revision="of another day")

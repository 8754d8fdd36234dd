import json
import threading

import numpy as np
import pytest
from langchain_core.documents import Document

from rlc.data.errors import DataError, StoreError
from rlc.retrievers.bm25 import BM25Retriever
from rlc.retrievers.dense import DenseRetriever
from rlc.retrievers.index.storage import digest

QUERIES = ["the cat", "net income", "bird"]


def file_of(folder, name):
    return folder / json.loads((folder / "index.json").read_text())["files"][name]["name"]


@pytest.fixture
def bm25(documents):
    return BM25Retriever.from_documents(documents, stemmer="english", stopwords=["on"])


@pytest.mark.parametrize("index", ["flat", "hnsw"])
def test_dense_opens_as_it_was_saved(documents, words, tmp_path, index):
    saved = DenseRetriever.from_documents(documents, encoder=words, index=index, k=3)
    saved.save(tmp_path)
    opened = DenseRetriever.open(tmp_path, encoder=words, k=3)
    assert isinstance(opened.vectors.base, np.memmap)
    assert not opened.vectors.flags.writeable
    assert opened.search(QUERIES) == saved.search(QUERIES)
    assert opened.search(QUERIES, where={"source": "pets"}) == saved.search(QUERIES, where={"source": "pets"})


def test_bm25_opens_as_it_was_saved(bm25, tmp_path):
    bm25.save(tmp_path)
    opened = BM25Retriever.open(tmp_path)
    assert opened.search(QUERIES) == bm25.search(QUERIES)
    assert list(opened.collection.documents) == list(bm25.collection.documents)


def test_saving_again_replaces_and_leaves_nothing_behind(bm25, documents, tmp_path):
    bm25.save(tmp_path)
    before = BM25Retriever.open(tmp_path)
    BM25Retriever.from_documents(documents[:1]).save(tmp_path)
    assert len(BM25Retriever.open(tmp_path).collection) == 1
    assert len(list(tmp_path.iterdir())) == 8
    assert len(before.search(QUERIES)[0]) == 3, "an index that is open goes on"


@pytest.mark.parametrize("name", ["vectors.npy", "documents.jsonl", "ties.npy"])
def test_truncated_and_changed_files_are_refused(documents, words, tmp_path, name):
    DenseRetriever.from_documents(documents, encoder=words).save(tmp_path)
    file = file_of(tmp_path, name)
    whole = file.read_bytes()
    file.write_bytes(whole[:-7])
    with pytest.raises(StoreError, match="is damaged"):
        DenseRetriever.open(tmp_path, encoder=words)
    file.write_bytes(whole[:-1] + b"?")
    with pytest.raises(StoreError, match="is damaged"):
        DenseRetriever.open(tmp_path, encoder=words)
    file.unlink()
    with pytest.raises(StoreError, match="is missing"):
        DenseRetriever.open(tmp_path, encoder=words)


def test_another_encoder_is_refused(documents, words, tmp_path):
    DenseRetriever.from_documents(documents, encoder=words).save(tmp_path)
    words.name = "other"
    with pytest.raises(StoreError, match="open it with that encoder"):
        DenseRetriever.open(tmp_path, encoder=words)


def test_another_kind_and_no_index_are_refused(bm25, words, tmp_path):
    bm25.save(tmp_path / "sparse")
    with pytest.raises(StoreError, match="holds a 'bm25' index"):
        DenseRetriever.open(tmp_path / "sparse", encoder=words)
    with pytest.raises(StoreError, match="no readable index"):
        BM25Retriever.open(tmp_path)
    (tmp_path / "index.json").write_text('{"kind": "bm25"')
    with pytest.raises(StoreError, match="no readable index"):
        BM25Retriever.open(tmp_path)


def test_metadata_that_is_not_plain_data(tmp_path):
    retriever = BM25Retriever.from_documents([Document(id="d", page_content="a", metadata={"x": object()})])
    with pytest.raises(DataError, match="the metadata of 'd' cannot be stored"):
        retriever.save(tmp_path)


def test_two_writers_at_once_leave_one_whole_index(documents, tmp_path):
    sizes = [1, 2, 3, 4]
    writers = [
        threading.Thread(target=BM25Retriever.from_documents(documents[:size]).save, args=(tmp_path,))
        for size in sizes * 3
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(BM25Retriever.open(tmp_path).collection) in sizes


def test_digest_of_a_large_file_sees_both_ends(tmp_path):
    file = tmp_path / "large"
    data = bytearray(9 << 20)
    file.write_bytes(data)
    whole = digest(file)
    for place in (0, len(data) - 1):
        changed = data.copy()
        changed[place] = 1
        file.write_bytes(changed)
        assert digest(file) != whole


def test_a_file_in_the_folders_place(bm25, tmp_path):
    (tmp_path / "index").write_text("")
    with pytest.raises(StoreError, match="cannot make the folder"):
        bm25.save(tmp_path / "index")

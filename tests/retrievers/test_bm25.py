import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document
from rank_bm25 import BM25Okapi

from rlc.data.errors import DataError, StoreError
from rlc.retrievers.bm25 import BM25Retriever, frequencies, lucene
from rlc.retrievers.index.storage import manifest_digest

ENGINES = ["bm25s", "rank-bm25"]


def docs(*texts):
    return [Document(id=f"d{i}", page_content=text) for i, text in enumerate(texts)]


def ids(found):
    return [document.id for document in found]


def test_score_by_hand():
    """Two documents of two words each: N = 2, n = 1, f = 1, |d| is the mean, so the length factor is 1."""
    retriever = BM25Retriever.from_documents(docs("cat sat", "dog ran"), k1=1.5, b=0.75)
    (found,) = retriever.invoke("cat")
    assert found.id == "d0"
    assert found.metadata["relevance_score"] == pytest.approx(math.log(1 + 1.5 / 1.5) * 1 / (1 + 1.5))
    assert found.metadata["rank"] == 1


@given(
    st.lists(st.text("abc ", min_size=1, max_size=20), min_size=1, max_size=8), st.text("abc ", max_size=8)
)
def test_okapi_is_rank_bm25(texts, query):
    split = [text.split() for text in texts]
    if not any(split):
        return
    expected = BM25Okapi(split).get_scores(query.split())
    retriever = BM25Retriever.from_documents(docs(*texts), engine="rank-bm25", k=len(texts))
    found = {document.id: document.metadata["relevance_score"] for document in retriever.invoke(query)}
    sharing = {f"d{i}" for i, words in enumerate(split) if set(words) & set(query.split())}
    assert set(found) == sharing
    for id_, score in found.items():
        assert score == pytest.approx(expected[int(id_[1:])], rel=1e-5, abs=1e-6)


@given(
    st.lists(st.text("abcd ", min_size=1, max_size=20), min_size=1, max_size=40), st.text("abcd ", max_size=8)
)
def test_best_first_ties_by_id_and_k_is_a_prefix(texts, query):
    retriever = BM25Retriever.from_documents(docs(*texts))
    everything = retriever.invoke(query, k=len(texts))
    keys = [(-document.metadata["relevance_score"], document.id) for document in everything]
    assert keys == sorted(keys)
    assert ids(retriever.invoke(query, k=3)) == ids(everything)[:3]


@pytest.mark.parametrize("engine", ENGINES)
def test_engines_agree_on_ranking_where_no_term_is_common(engine):
    texts = [
        "cat sat mat",
        "dog ran far away",
        "cat cat dog",
        "bird sang",
        "fish swam",
        "cow grazed",
        "hen laid",
    ]
    found = BM25Retriever.from_documents(docs(*texts), engine=engine).invoke("cat dog")
    assert ids(found) == ["d2", "d0", "d1"]


@pytest.mark.parametrize("engine", ENGINES)
def test_tiny_collections(engine):
    one = BM25Retriever.from_documents(docs("only one chunk"), engine=engine)
    assert ids(one.invoke("one")) == ["d0"]
    assert one.invoke("nothing shared") == []
    half = BM25Retriever.from_documents(docs("cat", "dog"), engine=engine)
    assert ids(half.invoke("cat")) == ["d0"], "a word of half the documents still finds its own"
    assert BM25Retriever.from_documents(docs("...", "!"), engine=engine).invoke("cat") == []


def test_stop_words_only_finds_nothing():
    retriever = BM25Retriever.from_documents(docs("the cat", "it is the dog"), stopwords="english")
    assert retriever.invoke("it is the") == []
    assert ids(retriever.invoke("the dog")) == ["d1"]


def test_many_documents_use_dense_and_sparse_rows_alike():
    """A common word (a dense row) and a rare one (postings) must add up as bm25s adds them."""
    import bm25s

    generator = np.random.default_rng(0)
    texts = [" ".join(f"w{int(i)}" for i in generator.zipf(1.3, 30).clip(max=500)) for _ in range(200)]
    retriever = BM25Retriever.from_documents(docs(*texts), k=10)
    peer = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    peer.index([text.split() for text in texts], show_progress=False)
    for query in ("w1 w2 w40", "w300 w1", "w7 w7"):
        expected = peer.get_scores(query.split())
        found = retriever.invoke(query)
        scores = [document.metadata["relevance_score"] for document in found]
        np.testing.assert_allclose(scores, np.sort(expected)[::-1][: len(found)], rtol=1e-5)


@given(
    st.lists(st.lists(st.integers(0, 30), max_size=30), min_size=1, max_size=40).filter(any),
    st.sampled_from([(1.5, 0.75), (0.9, 0.4), (0.0, 1.0)]),
    st.integers(1, 40),
)
def test_impacts_are_those_of_bm25s_to_the_bit(texts, settings, batch):
    import bm25s

    numbers = {}
    texts = [[numbers.setdefault(term, len(numbers)) for term in text] for text in texts]
    k1, b = settings
    peer = bm25s.BM25(method="lucene", k1=k1, b=b)
    expected = peer.build_index_from_ids(range(len(numbers)), texts, show_progress=False)
    batches = [texts[start : start + batch] for start in range(0, len(texts), batch)]
    postings = lucene(frequencies(batches), k1, b)
    np.testing.assert_array_equal(postings.impacts, expected["data"])
    np.testing.assert_array_equal(postings.documents, expected["indices"])
    np.testing.assert_array_equal(postings.starts, expected["indptr"])


@pytest.mark.parametrize("engine", ENGINES)
def test_what_shares_no_term_is_not_found_however_many_are_wanted(engine):
    texts = ["common word"] * 70 + ["rare"] + ["common other"] * 70
    retriever = BM25Retriever.from_documents(docs(*texts), engine=engine)
    for k in (1, 5, 141, 1000):
        assert ids(retriever.invoke("rare", k=k)) == ["d70"]
    assert len(retriever.invoke("common", k=1000)) == 140


def test_filter(documents):
    retriever = BM25Retriever.from_documents(documents)
    assert ids(retriever.invoke("the cat income", where={"source": "report"})) == ["d2"]
    assert retriever.invoke("cat", where={"source": "elsewhere"}) == []
    with pytest.raises(DataError, match="no document has a plain value in the metadata field 'sorce'"):
        retriever.invoke("cat", where={"sorce": "pets"})


def test_text_to_embed_is_what_is_indexed():
    rewritten = Document(
        id="p", page_content="He did.", metadata={"text_to_embed": "Caesar crossed the Rubicon."}
    )
    (found,) = BM25Retriever.from_documents([rewritten]).invoke("rubicon")
    assert found.page_content == "He did."


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"engine": "lucene"}, "no engine 'lucene'"),
        ({"b": 2.0}, r"b in \[0, 1\]"),
        ({"stopwords": "german"}, "stopwords must be"),
        ({"stemmer": "klingon"}, "no stemmer 'klingon'"),
        ({"k": 0}, "greater than or equal to 1"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        BM25Retriever.from_documents(docs("a cat"), **settings)


@pytest.mark.parametrize(
    ("texts", "query"),
    [
        (("灯塔由艾达·洛于一八七一年建造。", "渔船每周二到达港口。"), "谁建造了灯塔？"),
        (("ประภาคารสร้างโดยเอดาในปี พ.ศ. ๒๔๑๔", "เรือมาถึงท่าทุกวันอังคาร"), "ใครสร้างประภาคาร"),
        (("등대는 에이다 로가 지었다", "배는 화요일에 온다"), "누가 등대를 지었나"),
        (("The ﬁnancial re\u0301sume\u0301", "Other words"), "financial résumé"),
    ],
)
def test_words_of_all_scripts_are_found(texts, query):
    documents = [Document(id=str(i), page_content=text) for i, text in enumerate(texts)]
    assert BM25Retriever.from_documents(documents, k=1).invoke(query)[0].id == "0"


def test_an_index_of_an_earlier_analyser_is_refused(tmp_path):
    BM25Retriever.from_documents([Document(id="a", page_content="a lamp")]).save(tmp_path)
    manifest = json.loads((tmp_path / "index.json").read_text())
    del manifest["settings"]["version"], manifest["digest"]  # as the first version wrote it
    manifest["digest"] = manifest_digest(manifest)
    (tmp_path / "index.json").write_text(json.dumps(manifest))
    with pytest.raises(StoreError, match=r"version 1 of BM25's analyser .* build it again"):
        BM25Retriever.open(tmp_path)

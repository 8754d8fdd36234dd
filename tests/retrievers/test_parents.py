from rlc.retrievers.bm25 import BM25Retriever
from rlc.retrievers.parents import ParentRetriever

TEXT = "alpha beta gamma delta epsilon zeta eta theta iota kappa"
index = BM25Retriever.from_documents


def test_parents_by_hand(cut):
    children = [
        *cut(TEXT, [(0, 11), (11, 23)], parents=[[0, 23], [0, len(TEXT)]]),
        *cut(TEXT, [(23, 36), (36, len(TEXT))], parents=[[23, len(TEXT)], [0, len(TEXT)]]),
    ]
    near = ParentRetriever.from_documents(children, retriever=index)
    assert [d.page_content for d in near.invoke("alpha delta")] == [TEXT[:23]]
    assert [d.page_content for d in near.invoke("kappa")] == [TEXT[23:]]
    far = ParentRetriever.from_documents(children, retriever=index, level=5)
    assert [d.page_content for d in far.invoke("kappa")] == [TEXT]

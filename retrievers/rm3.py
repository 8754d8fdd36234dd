"""Relevance feedback: what the first search finds says which further terms to search for."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from langchain_core.documents import Document
from pydantic import Field, field_validator

from rlc.retrievers.base import Where, search, text_of
from rlc.retrievers.bm25 import BM25Retriever
from rlc.retrievers.support.inverted import QueryTerms
from rlc.retrievers.support.nested import NestedRetriever

COMMON = 0.5  # terms of a larger share of the documents tell none from another; stop words are among them


class RM3Retriever(NestedRetriever):
    """Searches with the query, then with the query and the terms of what was found, nobody having judged it.

    score(q, d) = sum over terms t of w(t) * impact(t, d), with BM25's impacts and the weights of `rm3`.

    Attributes:
        retriever: a `BM25Retriever`, searched twice.
        feedback: how many documents of the first search give terms.
        terms: how many terms they give, but for those that stand in more than half of all documents.
        original: the share of the weights that the query's own terms keep, 0 to 1.

    Source: Lavrenko and Croft, SIGIR 2001, doi:10.1145/383952.383972; Abdul-Jaleel et al., UMass at TREC 2004. There
    documents weigh by the likelihood of the query, here by their score; the defaults are those of Anserini.
    """

    retriever: BM25Retriever
    feedback: int = Field(default=10, ge=1)
    terms: int = Field(default=10, ge=1)
    original: float = Field(default=0.5, ge=0, le=1)

    @field_validator("retriever", mode="before")
    @classmethod
    def _has_terms(cls, retriever: object) -> object:
        if not isinstance(retriever, BM25Retriever):
            raise ValueError(  # noqa: TRY004 - what pydantic reports as a bad field
                f"feedback adds terms to a search by BM25, got {type(retriever).__name__}: name bm25, with its settings, "
                "and mix the two in a hybrid"
            )
        return retriever

    def search(
        self, queries: Sequence[str], k: int | None = None, where: Where | None = None
    ) -> list[list[Document]]:
        """The best documents of the second search; `where` keeps only some documents, in the first one too."""
        found = search(self.retriever, queries, self.feedback, where)
        asked = [self._widened(query, documents) for query, documents in zip(queries, found, strict=True)]
        return self.retriever.rank(asked, self._wanted(k), where)

    def _widened(self, query: str, documents: Sequence[Document]) -> QueryTerms:
        """The weighted terms of the second search that the index knows."""
        own, *texts = self.retriever.analyser.many([query, *map(text_of, documents)])
        scores = [document.metadata["relevance_score"] for document in documents]
        telling = {term: p for term, p in relevance_model(texts, scores).items() if self._tells(term)}
        known = self.retriever.vocabulary
        weights = {t: w for t, w in rm3(own, telling, self.terms, self.original).items() if t in known}
        return QueryTerms([known[term] for term in weights], list(weights.values()))

    def _tells(self, term: str) -> bool:
        postings, number = self.retriever.postings, self.retriever.vocabulary[term]
        return int(postings.starts[number + 1] - postings.starts[number]) <= COMMON * postings.count


def relevance_model(texts: Sequence[Sequence[str]], scores: Sequence[float]) -> dict[str, float]:
    """Estimate how likely a relevant document is to use each term (RM1).

    p(t) = sum over documents d of s(d) / sum of all s * count of t in d / |d|.

    Args:
        texts: the terms of each document.
        scores: one a document; a negative one counts as 0.
    """
    found: defaultdict[str, float] = defaultdict(float)
    total = sum(score for score in scores if score > 0)
    for text, score in zip(texts, scores, strict=True):
        for term, count in Counter(text).items() if score > 0 else ():
            found[term] += score / total * count / len(text)
    return found


def rm3(query: Sequence[str], model: Mapping[str, float], terms: int, original: float) -> dict[str, float]:
    """Mix the query's terms with the likeliest ones of a relevance model: positive weights, which sum up to 1.

    w(t) = original * count of t in q / |q| + (1 - original) * p(t) / sum of p over the likeliest `terms`. Equally likely
    terms go by the alphabet; a model without any leaves the query as it is.
    """
    likeliest = sorted(model, key=lambda term: (-model[term], term))[:terms]
    total = sum(model[term] for term in likeliest)
    share = original if likeliest else 1.0
    weights = {term: share * count / len(query) for term, count in Counter(query).items()}
    for term in likeliest:
        weights[term] = weights.get(term, 0.0) + (1 - share) * model[term] / total
    return {term: weight for term, weight in weights.items() if weight > 0}

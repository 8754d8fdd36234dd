from collections import Counter

import pytest
from langchain_core.documents import Document

from rlc.retrievers.prune.lexical import LexicalPruner, unigram_f1
from rlc.retrievers.prune.sentence import SimilarityPruner

TEXT = "The cat sat on the mat. Net income rose in May. A bird sings."


def test_f1_by_hand():
    assert unigram_f1(Counter(["who", "wrote", "it"]), Counter(["ann", "wrote", "it"])) == pytest.approx(
        2 / 3
    )
    assert unigram_f1(Counter(), Counter()) == 0


def test_lexical_keeps_what_shares_words():
    [found] = LexicalPruner().refine([Document(page_content=TEXT)], "How did income rise?")
    assert found.page_content == "Net income rose in May. "
    assert found.metadata["kept_spans"] == [[24, 48]]
    assert LexicalPruner().refine([Document(page_content=TEXT)], "quarks") == []


def test_similarity_keeps_what_is_near(words):
    [found] = SimilarityPruner(encoder=words, threshold=0.4).refine(
        [Document(page_content=TEXT)], "a bird sings."
    )
    assert found.page_content == "A bird sings."


def test_similarity_embeds_all_sentences_at_once(words):
    pruner = SimilarityPruner(encoder=words, ratio=0.5)
    given = [Document(page_content=TEXT), Document(page_content="One dog. Two dogs.")]
    found = pruner.prune(["the cat", "two dogs."], [given, given[1:]])
    assert [[document.page_content for document in documents] for documents in found] == [
        ["The cat sat on the mat. ", "Two dogs."],
        ["Two dogs."],
    ]
    assert len(words.seen) == 2 + 5 + 2
    assert pruner.prune(["q"], [[]]) == [[]]

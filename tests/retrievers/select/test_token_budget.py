from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document

from rlc.data.tokens import ApproximateTokenizer
from rlc.retrievers.select.token_budget import TokenBudget


@given(st.integers(1, 30))
def test_budget_is_never_exceeded_and_takes_all_that_fits(tokens):
    kept = TokenBudget(tokens=tokens).refine([Document("one two")] * 5, "q")
    used = sum(ApproximateTokenizer().count(document.page_content) for document in kept)
    assert used <= tokens
    assert len(kept) == min(5, tokens // 2)

import pytest
from langchain_core.documents import Document


@pytest.fixture
def ranking():
    """Makes documents with these scores, in this order."""

    def documents(*scores):
        return [
            Document(id=f"d{i}", page_content="one two", metadata={"relevance_score": score})
            for i, score in enumerate(scores)
        ]

    return documents

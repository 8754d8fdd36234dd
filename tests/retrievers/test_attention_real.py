"""A needle that a real model looks at, and the same model with random weights does not."""

import os

import pytest
from langchain_core.documents import Document

from rlc.data.datasets import load_dataset
from rlc.data.text.sentences import split_sentences
from rlc.pipeline.llms.hf import HfLLM
from rlc.pipeline.llms.support.names import local_or_hub
from rlc.retrievers import InfiniRetri
from rlc.retrievers.rerank import AttentionReranker

pytestmark = [
    pytest.mark.weights,
    pytest.mark.slow,
    pytest.mark.skipif(
        not isinstance(local_or_hub("smollm2"), os.PathLike), reason="no SmolLM2 here: make weights"
    ),
]

NEEDLE = "The secret number of the lighthouse keeper is 7421."
QUESTION = "What is the secret number of the lighthouse keeper?"
PLACE = 15


@pytest.fixture(scope="module")
def haystack():
    """Sentences of a book, and the needle among them."""
    book = next(
        one for name, one in load_dataset("sample").documents.items() if "Lantern" in name
    ).page_content
    sentences = [book[start:end].strip() for start, end in split_sentences(book)]
    sentences = [NEEDLE if i == PLACE else sentence for i, sentence in enumerate(sentences[:40])]
    return [
        Document(id=f"d{i:02}", page_content=text, metadata={"source": "d", "start_index": 1000 * i})
        for i, text in enumerate(sentences)
    ]


@pytest.fixture(scope="module", params=["smollm2", "random"])
def model(request):
    import torch

    llm = HfLLM("smollm2", dtype="float32", device="cpu")
    if request.param == "random":
        torch.manual_seed(0)
        for weights in llm._model.parameters():
            if weights.dim() > 1:
                torch.nn.init.normal_(weights, std=0.02)
    return request.param, llm


def test_infini_retri_carries_a_needle_to_the_end(model, haystack):
    """With SmolLM2's 135 million parameters it is carried, though not as the best; the authors use 500 and more."""
    name, llm = model
    [found] = InfiniRetri.from_documents(haystack, llm=llm, k=10, top=40, stretch=400).search([QUESTION])
    assert (NEEDLE in [one.page_content for one in found]) == (name == "smollm2")


def test_the_attention_reranker_puts_a_needle_first(model, haystack):
    name, llm = model
    found = AttentionReranker(llm=llm).refine(haystack[10:18], QUESTION)
    assert (found[0].page_content == NEEDLE) == (name == "smollm2")

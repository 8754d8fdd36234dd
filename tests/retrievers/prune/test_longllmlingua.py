import pytest
import torch
from langchain_core.documents import Document

from rlc.data.errors import DataError
from rlc.retrievers.prune.longllmlingua import LongLLMLinguaPruner, allowances, coarse, highest
from rlc.retrievers.prune.perplexity import CausalLosses

TEXTS = ["The cat sat on the mat.", "Net income rose in May.", "A bird sings."]
QUERY = "Who sat?"


@pytest.fixture(scope="module")
def losses(tiny_llm_folder):
    return CausalLosses(str(tiny_llm_folder), device="cpu")


def documents():
    return [Document(id=text, page_content=text) for text in TEXTS]


def test_losses_are_those_of_the_models_own_forward_pass(losses):
    model, tokenizer = losses._loaded
    context, text = (tokenizer(t, add_special_tokens=False)["input_ids"] for t in ("Who? ", TEXTS[0]))
    with torch.inference_mode():
        log_probabilities = model(torch.tensor([context + text])).logits[0].log_softmax(-1)
    wanted = [-float(log_probabilities[len(context) + i - 1, token]) for i, token in enumerate(text)]
    found = losses(TEXTS[0], "Who? ")
    assert found.values.tolist() == pytest.approx(wanted, abs=1e-4)
    assert "".join(TEXTS[0][start:end] for start, end in found.spans) == TEXTS[0]
    assert losses("").spans == []


def test_shares_by_hand():
    assert coarse([10, 10, 10], 15) == 2
    assert coarse([10, 10, 10], 100) == 3
    assert allowances([10, 10, 10], 15, 0.3) == [8, 5, 2]
    assert allowances([100, 10], 20, 0.3) == [20, 0]
    assert allowances([], 5, 0.3) == []
    assert highest(torch.tensor([0.1, 0.9, 0.9, 0.5]).numpy(), 2) == [1, 2]


@pytest.mark.parametrize("ratio", [0.2, 0.5, 0.9])
def test_the_budget_is_never_exceeded(tiny_llm_folder, losses, ratio):
    pruner = LongLLMLinguaPruner(model=str(tiny_llm_folder), ratio=ratio, spare=5, device="cpu")
    found = pruner.refine(documents(), QUERY)
    kept = 0
    for document in found:
        spans = document.metadata["kept_spans"]
        assert "".join(document.id[start:end] for start, end in spans) == document.page_content
        kept += sum(any(s <= start < e for s, e in spans) for start, _ in losses(document.id).spans)
    assert 0 < kept <= (1 - ratio) * sum(len(losses(text).values) for text in TEXTS)


def test_ratio_0_changes_nothing_but_the_order(tiny_llm_folder):
    found = LongLLMLinguaPruner(model=str(tiny_llm_folder), ratio=0, device="cpu").refine(documents(), QUERY)
    assert [document.page_content for document in found] == TEXTS
    ranked = LongLLMLinguaPruner(model=str(tiny_llm_folder), ratio=0, order="perplexity", device="cpu")
    scores = [document.metadata["prune_score"] for document in ranked.refine(documents(), QUERY)]
    assert scores == sorted(scores, reverse=True)


def test_too_long_a_passage(tiny_llm_folder):
    with pytest.raises(DataError, match="cut smaller passages"):
        LongLLMLinguaPruner(model=str(tiny_llm_folder), device="cpu").refine(
            [Document(page_content="x" * 600)], QUERY
        )

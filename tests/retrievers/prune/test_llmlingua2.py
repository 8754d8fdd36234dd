import pytest
import torch
from langchain_core.documents import Document
from tokenizers import Tokenizer

from rlc.data.errors import WeightsError
from rlc.data.tokens import ApproximateTokenizer
from rlc.retrievers.prune.base import Asked
from rlc.retrievers.prune.llmlingua2 import LLMLingua2Pruner

TEXT = "The cat sat on the mat.\nNet income rose, one two three."


def pruner(classifier, **settings):
    return LLMLingua2Pruner(model=str(classifier[0]), window=32, device="cpu", **settings)


def test_words_have_the_mean_of_their_tokens(classifier):
    encoding = Tokenizer.from_file(str(classifier[0] / "tokenizer.json")).encode("cat sat.")
    with torch.inference_mode():
        keep = classifier[1](torch.tensor([encoding.ids])).logits[0].softmax(-1)[:, 1].tolist()
    one = pruner(classifier)
    [[judged]] = one.judge([Asked("q", [Document(page_content="cat sat.")])], [[one.cut("cat sat.")]])
    assert judged.worth.tolist() == pytest.approx([keep[1], (keep[2] + keep[3]) / 2], abs=1e-5)


def test_words_tile_the_text_and_the_budget_holds(classifier):
    one = pruner(classifier, ratio=0.5)
    assert "".join(TEXT[unit.start : unit.end] for unit in one.cut(TEXT)) == TEXT
    count = ApproximateTokenizer().count
    [found] = one.refine([Document(page_content=TEXT)], "any")
    assert 0 < count(found.page_content) <= count(TEXT) / 2
    assert one.refine([Document(page_content=TEXT)], "another") == [found]


def test_ratio_0_changes_nothing_and_blank_goes(classifier):
    [found] = pruner(classifier, ratio=0).refine([Document(page_content=TEXT)], "q")
    assert found.page_content == TEXT
    assert pruner(classifier).refine([Document(page_content="  \n")], "q") == []


def test_forced_words_stay(classifier):
    [found] = pruner(classifier, ratio=0.8, force=["income"]).refine([Document(page_content=TEXT)], "q")
    assert "income" in found.page_content
    [digits] = pruner(classifier, ratio=0.8, force_digits=True).refine(
        [Document(page_content=TEXT + " 77")], "q"
    )
    assert "77" in digits.page_content


def test_another_architecture_is_refused(tiny_folder, tmp_path):
    with pytest.raises(WeightsError, match="cannot load the token classifier"):
        LLMLingua2Pruner(model=str(tmp_path)).refine([Document(page_content=TEXT)], "q")
    with pytest.raises(WeightsError, match="lack 2 of the weights that BertForTokenClassification needs"):
        LLMLingua2Pruner(model=str(tiny_folder)).refine([Document(page_content=TEXT)], "q")

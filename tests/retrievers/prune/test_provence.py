import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document
from tokenizers import Tokenizer

from rlc.data.errors import DataError, WeightsError
from rlc.retrievers.prune.base import Asked
from rlc.retrievers.prune.provence import ProvencePruner, evenly_packed, packed
from rlc.retrievers.prune.support.checkpoints import Calibration
from rlc.retrievers.prune.support.units import units

QUERY = "net income"
TEXT = "the cat sat on the mat. The dog sat. Net income rose."
IDS = {
    "query": slice(1, 3),
    "units": (7, 4, 4),
}  # tokens of the query and of the sentences, full stops counted


def worths(pruner, *texts, query=QUERY, **metadata):
    documents = [Document(page_content=text, metadata=metadata) for text in texts]
    return pruner.judge([Asked(query, documents)], [[units(text) for text in texts]])[0]


def encoded(folder, title=""):
    """[CLS] query [SEP] passage [SEP], as the papers have it."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    query, passage = (tokenizer.encode(text, add_special_tokens=False).ids for text in (QUERY, title + TEXT))
    return torch.tensor([[2, *query, 3, *passage, 3]])


def by_hand(probabilities, lengths=(7, 4, 4), start=4):
    places = [sum(lengths[:i]) + start for i in range(len(lengths) + 1)]
    return [float(probabilities[low:high].mean()) for low, high in itertools.pairwise(places)]


def test_open_provence_scores_as_its_own_forward_pass(open_provence):
    folder, model, head = open_provence
    ids, states = encoded(folder), []
    model.model.final_norm.register_forward_pre_hook(lambda _, inputs: states.append(inputs[0]))
    with torch.inference_mode():
        logit = model(ids, attention_mask=torch.ones_like(ids)).logits[0, 0]
        probabilities = head(states[-1])[0].softmax(-1)[:, 1]
    [judged] = worths(ProvencePruner(model=str(folder), device="cpu"), TEXT)
    assert judged.worth.tolist() == pytest.approx(by_hand(probabilities), abs=1e-5)
    assert judged.score == pytest.approx(float(logit.sigmoid()), abs=1e-5)


def test_naver_scores_as_its_own_forward_pass(naver):
    folder, model, head = naver
    ids = encoded(folder)
    with torch.inference_mode():
        states = model.deberta(ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        logit = model(ids, attention_mask=torch.ones_like(ids)).logits[0, 0]
        probabilities = head(states)[0].softmax(-1)[:, 1]
    [judged] = worths(ProvencePruner(model=str(folder), device="cpu"), TEXT)
    assert judged.worth.tolist() == pytest.approx(by_hand(probabilities), abs=1e-5)
    assert judged.score == pytest.approx(float(logit.sigmoid()), abs=1e-5)


def test_decisions_instead_of_probabilities(naver):
    folder, model, head = naver
    with torch.inference_mode():
        probabilities = head(model.deberta(encoded(folder)).last_hidden_state)[0].softmax(-1)[:, 1]
    threshold = float(probabilities.median()) + 1e-4
    pruner = ProvencePruner(model=str(folder), device="cpu", rounding="decision", threshold=threshold)
    [judged] = worths(pruner, TEXT)
    assert judged.worth.tolist() == pytest.approx(by_hand((probabilities > threshold).float()))


def test_a_calibration_by_hand():
    probabilities = np.array([0.2, 0.5], np.float32)
    assert Calibration()(probabilities, 3.0) is probabilities
    odds = np.array([0.25, 1.0]) * np.exp(1 - 0.5 * 3)
    assert Calibration(shift=1, rank=0.5)(probabilities, 3.0).tolist() == pytest.approx(odds / (1 + odds))
    assert Calibration(shift=1)(np.array([0.0, 1.0]), 9.0).tolist() == pytest.approx([0, 1], abs=1e-5)


def test_passages_that_rank_behind_must_be_surer(naver):
    raw, calibrated = (
        ProvencePruner(model=str(naver[0]), device="cpu", calibrated=given) for given in (False, True)
    )
    texts = (TEXT, "A bird sings.", "")
    plain = worths(raw, *texts)
    assert [one.worth.tolist() for one in worths(calibrated, *texts)] == [one.worth.tolist() for one in plain]

    calibration = Calibration(shift=0.3, rank=2.0)
    calibrated.__dict__["_loaded"] = dataclasses.replace(calibrated._loaded, calibration=calibration)
    logits = [math.log(one.score / (1 - one.score)) for one in plain[:2]]
    found = worths(calibrated, *texts)
    for one, raw_one, logit in zip(found[:2], plain, logits, strict=False):
        assert one.worth == pytest.approx(calibration(raw_one.worth, max(logits) - logit), abs=1e-5)
        assert one.score == raw_one.score
    alone = [worths(calibrated, text)[0].worth.tolist() for text in texts[:2]]
    assert alone == [pytest.approx(calibration(one.worth, 0.0)) for one in plain[:2]]


def test_titles_are_read_and_never_part_of_the_passage(naver):
    folder, model, head = naver
    with torch.inference_mode():
        probabilities = head(model.deberta(encoded(folder, "the bird ")).last_hidden_state)[0].softmax(-1)[
            :, 1
        ]
    pruner = ProvencePruner(model=str(folder), device="cpu")
    [judged] = worths(pruner, TEXT, title="the bird")
    assert judged.worth.tolist() == pytest.approx(by_hand(probabilities, start=6), abs=1e-5)
    [without] = worths(ProvencePruner(model=str(folder), device="cpu", title="none"), TEXT, title="the bird")
    assert without.worth.tolist() == worths(pruner, TEXT)[0].worth.tolist()


def test_a_long_passage_is_read_in_blocks_of_whole_sentences(naver):
    pruner = ProvencePruner(model=str(naver[0]), device="cpu", window=16)
    [long] = worths(pruner, TEXT)
    apart = worths(pruner, "the cat sat on the mat. ", "The dog sat. Net income rose.")
    assert long.worth.tolist() == pytest.approx([*apart[0].worth, *apart[1].worth], abs=1e-5)
    assert long.score == max(one.score for one in apart)


def test_many_questions_share_batches(naver):
    pruner = ProvencePruner(model=str(naver[0]), device="cpu", threshold=0.5)
    one, other = [Document(page_content=TEXT)], [Document(page_content="A bird sings. " * 4)]
    found = pruner.prune([QUERY, "the bird"], [one, other])
    alone = [pruner.refine(one, QUERY), pruner.refine(other, "the bird")]
    assert [[d.page_content for d in some] for some in found] == [
        [d.page_content for d in some] for some in alone
    ]
    small = ProvencePruner(model=str(naver[0]), device="cpu", threshold=0.5, batch_tokens=1)
    assert [[d.page_content for d in some] for some in small.prune([QUERY, "the bird"], [one, other])] == [
        [d.page_content for d in some] for some in found
    ]


def test_reorders_by_its_own_score(naver):
    given = [
        Document(id=text, page_content=text, metadata={"rank": 1})
        for text in ("a dog.", "A bird sings.", "net.")
    ]
    pruner = ProvencePruner(model=str(naver[0]), device="cpu", threshold=0, reorder=True, top=2)
    found = pruner.refine(given, QUERY)
    scores = {
        d.id: one.score
        for d, one in zip(given, worths(pruner, *(d.page_content for d in given)), strict=True)
    }
    assert [d.id for d in found] == sorted(scores, key=scores.get, reverse=True)[:2]
    assert [d.metadata["rank"] for d in found] == [1, 2]
    assert found[0].metadata["relevance_score"] == pytest.approx(max(scores.values()))


def test_first_sentence_as_title_stays_only_with_another(naver):
    settings = {"model": str(naver[0]), "device": "cpu"}
    [judged] = worths(ProvencePruner(**settings), TEXT)
    high = float(judged.worth.max())
    title = ProvencePruner(**settings, title="first-sentence", threshold=min(high, 0.999))
    assert title.refine([Document(page_content=TEXT)], QUERY) == []
    middle = float(judged.worth[1:].max()) - 1e-4
    [found] = ProvencePruner(**settings, title="first-sentence", threshold=middle).refine(
        [Document(page_content=TEXT)], QUERY
    )
    assert found.page_content.startswith("the cat sat on the mat. ")


def test_packing_by_hand():
    assert packed([0, 0, 0, 1, 1, 2], 5) == [(0, 5), (5, 6)]
    assert packed([0, 0, 0, 0, 0, 1], 2) == [(0, 2), (2, 4), (4, 6)]
    assert packed([], 3) == []
    assert evenly_packed([0, 0, 1, 1, 2, 2], 5) == [(0, 4), (4, 6)], "no two blocks of three: units are whole"
    assert evenly_packed([0] * 9 + [1] * 9 + [2] * 9 + [3] * 9, 30) == [(0, 18), (18, 36)]
    assert evenly_packed([0, 0], 5) == [(0, 2)]
    assert evenly_packed([], 5) == []


@given(st.lists(st.integers(1, 12), max_size=12), st.integers(1, 60))
def test_even_blocks_are_as_few_and_hold_everything(lengths, room):
    owners = [place for place, n in enumerate(lengths) for _ in range(n)]
    found, greedy = evenly_packed(owners, room), packed(owners, room)
    assert len(found) == len(greedy)
    assert [i for low, high in found for i in range(low, high)] == list(range(len(owners)))
    assert all(high - low <= room for low, high in found)
    longest = [max((high - low for low, high in some), default=0) for some in (found, greedy)]
    assert longest[0] <= longest[1]


def test_a_question_that_fills_the_window(naver):
    with pytest.raises(DataError, match="shorten it"):
        worths(ProvencePruner(model=str(naver[0]), device="cpu"), TEXT, query="cat " * 40)


def test_no_words_no_worth(naver):
    pruner = ProvencePruner(model=str(naver[0]), device="cpu")
    assert pruner.refine([Document(page_content=" \n")], QUERY) == []
    assert pruner.prune([QUERY], [[]]) == [[]]


def test_pickled_weights_are_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"pickled weights.*refused"):
        worths(ProvencePruner(model=str(tmp_path), device="cpu"), TEXT)


def test_another_architecture_is_refused(tiny_folder, tmp_path):
    with pytest.raises(WeightsError, match="no Provence checkpoint"):
        worths(ProvencePruner(model=str(tiny_folder), device="cpu"), TEXT)


def test_window_beyond_the_models(naver):
    with pytest.raises(ValueError, match="at most the model's 32"):
        worths(ProvencePruner(model=str(naver[0]), device="cpu", window=64), TEXT)

"""RAPID over tiny random models: without a say of the drafter it is greedy decoding, whoever drafts."""

import math
from dataclasses import replace

import pytest
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from rlc.chunkers import RecursiveChunker
from rlc.data.errors import UnsupportedError
from rlc.data.protocols import Prompt, Sampling
from rlc.pipeline.llms.hf import HfLLM
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.llms.support.drafting import DraftedPrompt, SpeculatingLLM
from rlc.pipeline.llms.support.reading import Reading
from rlc.pipeline.llms.support.speculation import Speculation, enriched, speculate
from rlc.pipeline.llms.support.writing import Writing
from rlc.pipeline.readers.rapid import Rapid
from rlc.pipeline.readers.support.searching import Searcher
from rlc.retrievers import BM25Retriever

LONG, SHORT = (
    torch.randint(0, 256, (n,), generator=torch.Generator().manual_seed(n)).tolist() for n in (60, 20)
)
PLAIN = Speculation(eta=0.0, least=0.0)


def tiny(layers=2, seed=0):
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=256, hidden_size=32, intermediate_size=64, num_hidden_layers=layers, num_attention_heads=4,
        num_key_value_heads=2, initializer_range=0.3,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


@pytest.fixture(scope="module")
def models():
    with torch.inference_mode():
        yield tiny(), tiny(layers=1, seed=1)


def greedy(model, ids, many):
    reading, tokens = Reading(model), []
    logits = reading.read(ids)[-1]
    while len(tokens) < many:
        tokens.append(int(logits.argmax()))
        logits = reading.read(tokens[-1:])[-1]
    return tokens


class Spelling:
    """Spells tokens out."""

    def decode(self, tokens):
        return " ".join(map(str, tokens))


def rapid(models, prompts, how, many=24, ends=()):
    """What was written, and how it went."""
    target, drafter = map(Reading, models)
    last, belief = target.read(prompts[0])[-1], drafter.read(prompts[1])[-1]
    writing = Writing(Prompt("", ""), [], many, Sampling(many), 0.0, Spelling(), frozenset(ends))
    return writing.tokens, speculate(target, drafter, last, belief, how, writing)


def test_logits_of_several_tokens_come_from_as_many_steps(models):
    ids = list(range(20, 30))
    at_once, in_steps = (Reading(models[0], step=step).read(ids, logits=5) for step in (16, 3))
    assert in_steps.shape == at_once.shape == (5, 256)
    assert torch.allclose(in_steps, at_once, atol=1e-4)


@pytest.mark.parametrize("gamma", [1, 4, 10])
@pytest.mark.parametrize("drafts", ["itself", "another", "knowing all"])
def test_without_a_say_it_is_greedy_decoding(models, gamma, drafts):
    target, other = models
    pair, draft = {"itself": (target, SHORT), "another": (other, SHORT), "knowing all": (target, LONG)}[
        drafts
    ]
    tokens, done = rapid((target, pair), (LONG, draft), replace(PLAIN, gamma=gamma))
    assert tokens == greedy(target, LONG, 24)
    assert done.taken <= done.drafted


def test_a_drafter_that_knows_all_is_always_right(models):
    """Ten drafts and one of its own a call: 24 tokens in three."""
    assert rapid((models[0], models[0]), (LONG, LONG), PLAIN)[1] == (22, 22, 3)


def test_a_say_changes_the_answer(models):
    tokens, _ = rapid((models[0], models[0]), (LONG, SHORT), Speculation(eta=50.0))
    assert tokens != greedy(models[0], LONG, 24)


def test_an_unsure_drafter_is_asked_less(models):
    drafted = [
        rapid((models[0], models[1]), (LONG, SHORT), replace(PLAIN, least=least))[1].drafted
        for least in (0.0, 1.0)
    ]
    assert drafted[1] < drafted[0]


def test_it_ends_where_the_answer_does(models):
    want = greedy(models[0], LONG, 24)
    tokens, _ = rapid((models[0], models[0]), (LONG, LONG), PLAIN, ends=[want[6]])
    assert tokens == want[: want.index(want[6]) + 1]


def test_the_say_by_hand():
    """Logits 0, 1 and 2, 0; with floor 0.5 the drafter's unlikely token stays as it is."""
    p, q = math.e / (1 + math.e), math.exp(2) / (1 + math.exp(2))  # of the second and of the first token
    target, draft = torch.tensor([0.0, 1.0]), torch.tensor([2.0, 0.0])
    assert enriched(target, draft, 10.0, 0.1).tolist() == pytest.approx(
        [-10 * ((1 - p) - q), 1 - 10 * (p - (1 - q))]
    )
    assert enriched(target, draft, 10.0, 0.5).tolist() == pytest.approx([-10 * ((1 - p) - q), 1])


@pytest.mark.parametrize(("setting", "value"), [("gamma", 0), ("eta", -1.0), ("floor", 2.0), ("least", -0.1)])
def test_settings_that_cannot_be(setting, value):
    with pytest.raises(ValueError, match=setting):
        Speculation(**{setting: value})


# -- engine and reader ---------------------------------------------------------------------------------------------

DOCUMENT = "The cat saw the other theme. Nobody knows the weather there. " * 4
SHORT_TEXT = DOCUMENT[:122]
DRAFT = Prompt("The cat saw the theme. ", "Who saw it?")
PROMPTS = [DraftedPrompt(DOCUMENT, asked, draft=DRAFT) for asked in ("Who saw it?", "Why is that?")]


@pytest.fixture(scope="module")
def hf(tiny_llm_folder):
    return HfLLM(str(tiny_llm_folder), dtype="float32", device="cpu")


def test_the_engine_writes_what_hf_writes_and_keeps_the_document(hf):
    engine = SpeculatingLLM(hf, hf, replace(PLAIN, gamma=3))
    got = engine.generate(PROMPTS, max_tokens=8)
    want = hf.generate([Prompt(one.prefix, one.question) for one in PROMPTS], max_tokens=8)
    assert [one.text for one in got] == [one.text for one in want]
    assert [one.finish_reason for one in got] == [one.finish_reason for one in want]
    assert [one.note for one in got] == ["", ""]
    for mine, its in zip(got, want, strict=True):
        draft = hf.count(DRAFT)
        assert mine.usage.prompt_tokens == its.usage.prompt_tokens + draft
        assert mine.usage.kv_bytes == its.usage.kv_bytes * mine.usage.prompt_tokens // its.usage.prompt_tokens
    assert got[1].usage.cached_tokens > hf.count(Prompt(DOCUMENT, ""))


def test_a_say_is_noted(hf):
    [said] = SpeculatingLLM(hf, hf, Speculation(eta=10.0)).generate(PROMPTS[:1], max_tokens=4)
    assert (
        said.note
        == "are moved towards the passages by eta = 10, and are not what the model alone would write"
    )


def test_what_cannot_draft_is_refused(hf, tiny_llm_folder, tmp_path):
    for wish in ({"logprobs": True}, {"temperature": 0.5}):
        with pytest.raises(UnsupportedError, match="set temperature = 0"):
            SpeculatingLLM(hf, hf, PLAIN).generate(PROMPTS, max_tokens=2, **wish)
    with pytest.raises(UnsupportedError, match="got one without"):
        SpeculatingLLM(hf, hf, PLAIN).generate([Prompt("a", "b")], max_tokens=2)
    tokens = AutoTokenizer.from_pretrained(tiny_llm_folder)
    tokens.add_tokens(["another"])
    tokens.save_pretrained(tmp_path)
    hf._model.save_pretrained(tmp_path)
    with pytest.raises(UnsupportedError, match="their tokens are others"):
        Rapid(hf, Searcher(RecursiveChunker(size=16), BM25Retriever.from_documents), HfLLM(str(tmp_path)))
    search = Searcher(RecursiveChunker(size=16), BM25Retriever.from_documents)
    with pytest.raises(UnsupportedError, match="take the engine hf for it"):
        Rapid(hf, search, ScriptedLLM({"": "x"}))
    with pytest.raises(UnsupportedError, match="take the engine hf"):
        Rapid(ScriptedLLM({"": "x"}), search)


def test_the_reader(hf, make_example):
    reader = Rapid(
        hf, Searcher(RecursiveChunker(size=8), BM25Retriever.from_documents), eta=0.0, max_tokens=6
    )
    examples = [
        make_example(str(i), asked, SHORT_TEXT) for i, asked in enumerate(("Who saw it?", "What weather?"))
    ]
    answers = reader(examples)
    for example, answer in zip(examples, answers, strict=True):
        plain = reader._last_prompt("answer", example, SHORT_TEXT)
        assert (answer.error, answer.text) == (None, hf.generate([plain], max_tokens=6)[0].text)
        assert answer.evidence
        assert [step.kind for step in answer.steps] == ["search", "ask"]
    failed, _ = reader([make_example("f", "xyzzy", SHORT_TEXT), examples[0]])
    assert failed.error.startswith("NothingRetrieved")

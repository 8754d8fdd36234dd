"""Every way of looking on a tiny random Llama: neutral settings are plain, and steps are one pass; maps by hand."""

import math

import pytest
import torch
from stand_ins import build
from transformers import DynamicCache, GPTNeoXConfig, LlamaConfig, LlamaForCausalLM

from rlc.data.errors import SpecError, UnsupportedError
from rlc.data.protocols import Prompt
from rlc.pipeline import families
from rlc.pipeline.llms.hf import HfLLM
from rlc.pipeline.looks import (
    LOOKS,
    DoubleSparsity,
    Dpe,
    DualChunk,
    LongHeads,
    Quest,
    RecycledAttention,
    RopeContraction,
    SelfExtend,
    Squeezed,
)
from rlc.pipeline.looks.base import Layer
from rlc.pipeline.looks.squeezed import k_means
from rlc.pipeline.looks.support.bound import Bound
from rlc.pipeline.looks.support.choosing import Choosing
from rlc.pipeline.looks.support.placing import Placing

LENGTH, PROMPT = 60, 44
IDS = torch.randint(0, 256, (1, LENGTH), generator=torch.Generator().manual_seed(2))
POSITIONS = 32  # of the model, half of the text's
SMALL = [
    SelfExtend(group=4, near=12), Dpe([1, 2, 8, 4], near=12), DualChunk(), RopeContraction(0.5),
    Quest(tokens=16, dense=0, page=4), DoubleSparsity(tokens=12, channels=0.25), LongHeads(tokens=24, chunk=8),
    Squeezed(tokens=12, clusters=0.2), RecycledAttention(tokens=12, stride=3),
]  # fmt: skip
NEUTRAL = [
    SelfExtend(group=4, near=1000), SelfExtend(group=1, near=12), Dpe([1] * 8, near=12), Dpe(near=1000),
    DualChunk(1000, 8), RopeContraction(1.0), *(build(families.LOOK, name, tokens=1000) for name in list(LOOKS)[4:]),
]  # fmt: skip
named = {"ids": lambda looks: type(looks).__name__}


@pytest.fixture(scope="module", autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


def make(positions=POSITIONS):
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=256, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=positions, initializer_range=0.3,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


@pytest.fixture(scope="module")
def plain():
    return make()(IDS).logits


def run(looks, steps=(LENGTH,)):
    """The logits of the text, read in so many steps."""
    model = make()
    bound = Bound(model, looks, POSITIONS)
    bound.begin(PROMPT)
    cache, at, done = DynamicCache(), 0, []
    for step in steps:
        done.append(model(IDS[:, at : at + step], past_key_values=cache).logits)
        at += step
    return torch.cat(done, 1)


def near(one, other, tolerance=2e-5):
    return (one - other).abs().max() < tolerance


def test_every_row_is_here():
    assert {type(looks).__name__ for looks in SMALL} == {
        target.rpartition(":")[2] for target in LOOKS.values()
    }


@pytest.mark.parametrize("looks", NEUTRAL, **named)
def test_neutral_settings_are_the_models_own_attention(looks, plain):
    assert near(run(looks), plain)


@pytest.mark.parametrize("looks", SMALL, **named)
def test_reading_in_steps_is_reading_at_once(looks, plain):
    at_once = run(looks)
    steps = run(looks, (30, PROMPT - 30, *([1] * (LENGTH - PROMPT))))
    assert near(at_once, steps)
    assert not near(at_once, plain, 1e-3), "it changes something"
    if isinstance(looks, Choosing):
        assert near(at_once[:, :PROMPT], plain[:, :PROMPT]), "the prompt is read as ever"


@pytest.mark.parametrize("looks", [one for one in SMALL if isinstance(one, Choosing)], **named)
def test_no_more_is_looked_at_than_allowed(looks):
    query, key = (torch.randn(1, 2, LENGTH, 8, generator=torch.Generator().manual_seed(i)) for i in (0, 1))
    logits = looks.logits(query, key, Layer(0, 0, PROMPT, torch.ones(4)))
    seen = (logits > float("-inf")).sum(-1)[0]
    assert (seen[:, :PROMPT] == LENGTH).all()
    later = seen[:, PROMPT:]
    if isinstance(looks, RecycledAttention):
        later = later[:, [i for i in range(LENGTH - PROMPT) if i % looks.stride]]
    assert later.min() > 0
    # Those that are always seen may be more: what was written, or a chunk.
    always = LENGTH - PROMPT if isinstance(looks, Squeezed) else 0
    assert later.max() <= max(looks.tokens, always)


def distances(looks, length, frequencies=1):
    """From every row to every key, [rows, tokens], as the looks place them in the first dimension."""
    places = torch.arange(float(length))
    [first, *others] = looks.views(places, places, Layer(0, 0, 0, torch.ones(frequencies), 1.0, POSITIONS))
    apart = _apart(first)
    for view in others:
        apart = torch.where(view.where, _apart(view), apart)
    return apart


def _apart(view):
    query, key = (one if one.dim() == 1 else one[:, 0] for one in (view.query, view.key))
    return query[:, None] - key[None]


def test_self_extend_by_hand():
    """Group 4, near 16: keys 25, 24, 23, 20 and 0 seen from 40."""
    seen = distances(SelfExtend(group=4, near=16), 41)[40]
    assert [seen[key].item() for key in (25, 24, 23, 20, 0)] == [15, 16, 17, 17, 22]


def test_dpe_scales_each_group_by_its_own_factor():
    """From 40 to key 0 beyond 16: dimensions of factor 1 as it is, of factor 4 as Self-Extend."""
    places = torch.arange(41.0)
    far, _ = Dpe([1, 4], near=16).views(places, places, Layer(0, 0, 0, torch.ones(4)))
    assert (far.query[40] - far.key[0]).tolist() == [40, 40, 22, 22]


def test_dual_chunk_by_hand():
    """The figure of the paper: twelve tokens, chunks of six, ten positions."""
    seen = distances(DualChunk(chunk=6, near=4), 13)
    assert seen[5].tolist()[:6] == [5, 4, 3, 2, 1, 0]
    assert seen[6].tolist()[:7] == [6, 5, 4, 3, 2, 1, 0]
    assert seen[8].tolist()[:9] == [8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert seen[11].tolist()[:12] == [9, 8, 7, 6, 5, 4, 5, 4, 3, 2, 1, 0]
    assert seen[12].tolist()[:6] == [9, 8, 7, 6, 5, 4]
    assert distances(DualChunk(), 500).max() < POSITIONS


def test_contraction_by_hand():
    """Base 10,000 halved, four dimensions: frequencies 1 and 5000^(-1/2)."""
    seen = Layer(0, 0, 0, torch.tensor([1.0, 0.01]))
    assert RopeContraction(0.5).frequencies(seen).tolist() == pytest.approx([1.0, 5000**-0.5])


def scored(looks, query, key, prompt=8):
    """The scores of one written token, [tokens]."""
    query, key = torch.tensor(query)[None, None, None], torch.tensor(key)[None, None]
    return looks.scores(query, key, Layer(0, key.shape[2] - 1, prompt, torch.ones(1)))[0, 0, 0].tolist()


KEYS = [[1.0, 0.0], [0.0, -2.0], [3.0, 0.0], [0.0, 1.0], [9.0, 9.0]]


def test_quest_by_hand():
    """Pages (1, 0), (0, -2) and (3, 0), (0, 1) from (2, -1): 2 * 1 + 1 * 2 and 2 * 3 + 0."""
    assert scored(Quest(page=2), [2.0, -1.0], KEYS) == [4, 4, 6, 6, math.inf]


def test_double_sparsity_by_hand():
    """The first channel has squares 1 + 9, the second 4 + 1."""
    assert scored(DoubleSparsity(channels=0.5), [2.0, -1.0], KEYS, prompt=4) == [2, 0, 6, 0, 18]


def test_long_heads_by_hand():
    """A chunk of equal keys is that key; the first one and the own one are always seen."""
    keys = [[1.0, 0.0]] * 2 + [[0.0, 3.0]] * 2 + [[5.0, 0.0]]
    assert scored(LongHeads(chunk=2), [2.0, 1.0], keys) == [math.inf, math.inf, 3, 3, math.inf]


def test_squeezed_by_hand():
    """Two directions, two clusters, whose centres are the means of their keys."""
    keys = torch.tensor([[[1.0, 0.0], [3.0, 0.0], [0.0, 2.0], [0.0, 4.0]]])
    for seed in range(4):
        of, centres = k_means(keys, 2, 5, seed)
        assert of[0, 0] == of[0, 1]
        if of[0, 0] != of[0, 2]:
            assert centres[0, of[0, 0]].tolist() == [2, 0]
            assert centres[0, of[0, 2]].tolist() == [0, 3]
            break
    else:
        pytest.fail("no seed parted two directions")
    got = scored(Squeezed(clusters=0.5, seed=seed), [1.0, 2.0], [*keys[0].tolist(), [7.0, 7.0]], prompt=4)
    assert got == [2, 2, 6, 6, math.inf]


def test_recycled_by_hand():
    """Of three written tokens the first looks at everything, the others at what it looked at."""
    query, key = (
        torch.tensor([[1.0], [5.0], [5.0]])[None, None],
        torch.tensor([1.0, 3, 2, 4, 4])[None, None, :, None],
    )
    score = RecycledAttention(stride=3).scores(query, key, Layer(0, 2, 2, torch.ones(1)))[0, 0].tolist()
    assert score == [[math.inf] * 5, [1, 3, 2, math.inf, math.inf], [1, 3, 2, math.inf, math.inf]]


@pytest.mark.parametrize(
    ("looks", "wrong"),
    [
        (SelfExtend, {"group": 0}), (Dpe, {"factors": []}), (Dpe, {"factors": [0.5]}), (DualChunk, {"chunk": 0}),
        (RopeContraction, {"share": 0}), (Quest, {"page": 0}), (Quest, {"tokens": 0}), (LongHeads, {"chunk": 0}),
        (DoubleSparsity, {"channels": 1.5}), (Squeezed, {"clusters": 0}), (RecycledAttention, {"stride": 0}),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(looks, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        looks(**wrong)


# -- the engine ---------------------------------------------------------------------------------------------------


PROMPTS = [Prompt("The cat saw the other theme. " * 4, question) for question in ("Who saw it?", "Why?")]


def engine(folder, looks, **settings):
    return HfLLM(str(folder), dtype="float32", device="cpu", looks=looks, **settings)


def said(llm, prompts=PROMPTS):
    answers = llm.generate(prompts, max_tokens=6)
    assert [answer.error for answer in answers] == [None] * len(prompts)
    return [answer.text for answer in answers]


@pytest.mark.parametrize(
    "looks",
    [
        SelfExtend(group=4, near=12),
        Quest(tokens=16, page=4, dense=0),
        Squeezed(tokens=12, clusters=0.2),
        RecycledAttention(tokens=12, stride=3),
    ],
    **named,
)
def test_the_engine_looks_so_on_a_kept_prefix_too(tiny_llm_folder, looks):
    llm = engine(tiny_llm_folder, looks)
    both, own = said(llm), said(engine(tiny_llm_folder, None))
    assert both != own
    assert both == [said(engine(tiny_llm_folder, looks, prefill_step=16), [prompt])[0] for prompt in PROMPTS]
    assert said(llm) == both


def test_neutral_in_the_engine(tiny_llm_folder):
    own = engine(tiny_llm_folder, None)
    neutral = engine(tiny_llm_folder, DualChunk(1000, 8))
    assert said(neutral) == said(own)
    [mine], [its] = (llm.logprobs(["The cat "], ["saw it"]) for llm in (neutral, own))
    assert mine.values == pytest.approx(its.values, abs=1e-4)


def test_the_window_reaches_as_far_as_the_looks(tiny_llm_folder):
    """512 positions: (512 - 112) * 4 + 112."""
    looks = SelfExtend(group=4, near=112)
    assert engine(tiny_llm_folder, looks).window == 512
    assert engine(tiny_llm_folder, looks, window=1712).window == 1712
    with pytest.raises(ValueError, match=r"window must be in \[1, 1712\]"):
        engine(tiny_llm_folder, looks, window=1713)
    long = Prompt("The cat saw. " * 80, "Who?")
    [answer] = engine(tiny_llm_folder, looks, window=1200).generate([long], max_tokens=4)
    assert answer.error is None
    assert answer.usage.prompt_tokens > 512


def test_models_that_cannot_look_so(tmp_path, tiny_llm_folder):
    GPTNeoXConfig().save_pretrained(tmp_path)
    with pytest.raises(
        UnsupportedError, match=r"looks = Quest works inside layers like Llama's .* 'gpt_neox'"
    ):
        engine(tmp_path, Quest())


WORDS = {"chunker": "recursive", "retriever": "bm25"}
INSIDE = {
    "attention": {"use": "rag", **WORDS, "steps": [{"use": "attention", "llm": None}], "llm": None},
    "infini-retri": {"use": "rag", **WORDS, "retriever": {"use": "infini-retri", "llm": None}, "llm": None},
    "attrieval": {"use": "attrieval", "llm": None},
    "attention-sorting": {"use": "attention-sorting", "search": {"use": "search", **WORDS}, "llm": None},
    "fused": {"use": "fused", **WORDS, "fusion": "ape", "llm": None},
    "rapid": {"use": "rapid", "search": {"use": "search", **WORDS}, "llm": None},
}


@pytest.mark.parametrize("spec", INSIDE.values(), ids=INSIDE)
def test_what_needs_the_models_own_attention_refuses_before_it_reads(tiny_llm_folder, spec):
    def over(value, llm):
        if isinstance(value, dict):
            return {key: llm if key == "llm" else over(one, llm) for key, one in value.items()}
        return [over(one, llm) for one in value] if isinstance(value, list) else value

    def made(llm):
        completed = families.BUILDER.complete(over(spec, llm), families.READER, "reader")
        return families.BUILDER.build(completed, families.READER, "reader")

    llm = {"use": "hf", "model": str(tiny_llm_folder), "device": "cpu", "dtype": "float32"}
    made(llm)
    with pytest.raises(UnsupportedError, match=r"(without `looks`|its setting looks)"):
        made({**llm, "looks": "quest"})


def test_in_a_recipe(tiny_llm_folder):
    spec = {"use": "hf", "model": str(tiny_llm_folder), "looks": {"use": "dpe", "factors": [1, 2], "near": 8}}
    completed = families.BUILDER.complete(spec, families.LLM, "llm")
    assert families.BUILDER.build(completed, families.LLM, "llm")._looks == Dpe([1, 2], 8)
    with pytest.raises(SpecError, match="no looks 'quests'; did you mean 'quest'"):
        families.BUILDER.complete({**spec, "looks": "quests"}, families.LLM, "llm")


def test_an_answer_without_looks_is_what_it_was_before_there_were_any():
    from rlc.pipeline.former_names import first_names

    assert first_names({"use": "hf", "looks": None}) == {"use": "hf"}


def test_both_kinds_are_here():
    assert sum(isinstance(looks, Placing) for looks in SMALL) == 4


def test_a_given_text_is_scored_as_if_it_were_written(tiny_llm_folder):
    looks = Quest(tokens=4, page=2, dense=0)
    context, text = "The cat saw the other theme. ", "Nobody knows the weather"
    [own] = engine(tiny_llm_folder, None).logprobs([context], [text])
    [chosen] = engine(tiny_llm_folder, looks).logprobs([context], [text])
    assert chosen.values[0] == pytest.approx(own.values[0], abs=1e-4), "the context is read as ever"
    assert abs(chosen.values[1:] - own.values[1:]).max() > 1e-2

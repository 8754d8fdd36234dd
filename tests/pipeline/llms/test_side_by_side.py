import json
import shutil
from itertools import accumulate, count
from random import Random
from types import SimpleNamespace

import pytest
import torch

from rlc.data.protocols import Prompt, Sampling, together
from rlc.data.records import Usage
from rlc.pipeline.llms.hf import HfLLM
from rlc.pipeline.llms.support import growing_layer, side_by_side, strip
from rlc.pipeline.llms.support.folded_attention import NAME, folded, folded_attention
from rlc.pipeline.llms.support.strip import Strip
from rlc.pipeline.llms.support.writing import Writing

DOCUMENT = "The cat saw the other theme. " * 5
OTHER = "Nobody knows the weather there. " * 3
ON_ONE = [Prompt(DOCUMENT, question, "sys") for question in ("Who?", "Where is the theme?", "Why?", "Who?")]
APART = [Prompt("", f"{word} " * length, "sys") for word, length in (("the", 9), ("weather", 30), ("cat", 3))]
MIXED = [ON_ONE[0], Prompt(OTHER, "Who?", "sys"), APART[1], ON_ONE[1], Prompt(OTHER, "Why?", "sys"), *APART]


@pytest.fixture(scope="module")
def engine(tiny_llm_folder):
    """A factory of engines on the tiny model, in float32, all with one set of weights."""
    first = HfLLM(str(tiny_llm_folder), dtype="float32", device="cpu")

    def make(side_by_side=8, **settings):
        llm = HfLLM(
            str(tiny_llm_folder), side_by_side=side_by_side, dtype="float32", device="cpu", **settings
        )
        llm.__dict__["_model"] = first._model
        return llm

    return make


def same(ours, theirs):
    assert [one.error for one in ours] == [None] * len(theirs)
    for mine, wanted in zip(ours, theirs, strict=True):
        assert (mine.text, mine.finish_reason, mine.usage.output_tokens) == (
            wanted.text,
            wanted.finish_reason,
            wanted.usage.output_tokens,
        )
        assert mine.logprobs.spans == wanted.logprobs.spans
        assert mine.logprobs.values == pytest.approx(wanted.logprobs.values, abs=1e-4)


@pytest.mark.parametrize("prompts", [ON_ONE, APART, MIXED], ids=["one document", "apart", "mixed"])
@pytest.mark.parametrize("wishes", [{}, {"temperature": 1.5, "seed": 3}, {"stop": ["e"]}], ids=str)
def test_an_answer_does_not_depend_on_its_company(engine, prompts, wishes):
    wanted = engine(1).generate(prompts, max_tokens=12, logprobs=True, **wishes)
    for most in (2, 8):
        same(engine(most, prefill_step=50).generate(prompts, max_tokens=12, logprobs=True, **wishes), wanted)


def test_the_clock_changes_no_answer(tiny_llm_folder, monkeypatch):
    """Who joins whom is the order of the prompts: in bfloat16 other company would show in the last digits."""
    advance, steps, told = Strip.advance, [], []
    monkeypatch.setattr(Strip, "advance", lambda *step: steps.append(step[2]) or advance(*step))
    for seed in (1, 2):
        clock = accumulate(Random(seed).expovariate(1) for _ in count())
        monkeypatch.setattr(side_by_side.time, "perf_counter", clock.__next__)
        llm = HfLLM(str(tiny_llm_folder), side_by_side=3, dtype="bfloat16", device="cpu")
        told.append(llm.generate(MIXED, max_tokens=12, logprobs=True))
    half = len(steps) // 2
    assert steps[:half] == steps[half:]
    for one, other in zip(*told, strict=True):
        assert one.text == other.text
        assert one.logprobs.values.tolist() == other.logprobs.values.tolist()
        assert one.usage.seconds != other.usage.seconds


def test_answers_that_end_at_different_times_make_room_for_others(engine):
    llm = engine(2)
    wanted = engine(1).generate(MIXED, max_tokens=12)
    ends = frozenset(
        llm._chat.codec(one.text[3:4], add_special_tokens=False)["input_ids"][0] for one in wanted
    )
    short = []
    for most in (1, 2, 3):
        llm = engine(most)
        llm.__dict__["_end_tokens"] = ends
        short.append(llm.generate(MIXED, max_tokens=12, logprobs=True))
    assert len({one.usage.output_tokens for one in short[0]}) > 2
    same(short[1], short[0])
    same(short[2], short[0])


def test_one_pass_a_step(engine, monkeypatch):
    """Four answers of ten tokens, of which reading gives the first: nine passes, not thirty-six."""
    passes = []
    advance = Strip.advance
    monkeypatch.setattr(Strip, "advance", lambda own, *step: passes.append(step) or advance(own, *step))
    answers = engine().generate(ON_ONE, max_tokens=10)
    assert sum(one.usage.output_tokens for one in answers) == 40
    assert [len(paths) for paths, _ in passes] == [4] * 9


def test_a_document_stands_in_the_strip_once(engine):
    llm = engine()
    answers = llm.generate(ON_ONE, max_tokens=5)
    ids = [llm._chat.encode(prompt) for prompt in ON_ONE]
    new = [len(one) - answer.usage.cached_tokens for one, answer in zip(ids, answers, strict=True)]
    assert new[0] == len(ids[0])
    assert new[3] == 1  # the first prompt again: its last token gives the logits
    # The last token of an answer is not put behind the others.
    assert llm._strip.columns == sum(new) + sum(answer.usage.output_tokens - 1 for answer in answers)
    assert (
        answers[1].usage.kv_bytes == len(ids[1]) * 2 * 2 * 2 * 8 * 4
    )  # layers, keys and values, heads, dimension


def test_logs_that_grow_are_read_on_from_where_they_ended(engine):
    llm = engine(template="plain")
    logs = ["the cat and", "weather there", "nobody knows"]
    llm.generate([Prompt("", log) for log in logs], max_tokens=1)
    longer = llm.generate([Prompt("", f"{log} the other") for log in logs], max_tokens=1)
    assert [one.usage.cached_tokens for one in longer] == [llm.count(Prompt("", log)) for log in logs]


def held_in_steps(llm, monkeypatch):
    """What each step moves on, and how many columns are held then."""
    held = []
    advance = llm._strip.advance
    note = lambda paths, tokens: held.append((len(paths), llm._strip.columns)) or advance(paths, tokens)  # noqa: E731
    monkeypatch.setattr(llm._strip, "advance", note)
    return held


def test_together_they_take_no_more_room_than_the_window(engine, monkeypatch):
    """Prompts of about 110 tokens: of a window of 260 two have room; what is closed may take as much again."""
    prompts = [Prompt("", f"{i} " * 30) for i in range(10, 15)]
    wanted = engine(1).generate(prompts, max_tokens=6, logprobs=True)
    monkeypatch.setattr(strip, "MEMORY", 0)
    llm = engine(window=260)
    held = held_in_steps(llm, monkeypatch)
    same(llm.generate(prompts, max_tokens=6, logprobs=True), wanted)
    assert {count for count, _ in held} == {1, 2}
    assert max(columns for _, columns in held) <= 2 * 260
    monkeypatch.setattr(strip, "MEMORY", 400 * llm._strip.bytes_of(llm._strip._closed[-1]) // 110)
    llm = engine(window=260)
    held = held_in_steps(llm, monkeypatch)
    same(llm.generate(prompts, max_tokens=6, logprobs=True), wanted)
    assert max(count for count, _ in held) == 3


@pytest.mark.parametrize("where", ["open", "advance"])
def test_what_fails_for_one_prompt_fails_it_alone(engine, monkeypatch, where):
    llm = engine()
    wanted = engine(1).generate(MIXED, max_tokens=6, logprobs=True)
    bad = llm._chat.encode(MIXED[3])
    run = Strip._run

    def fails(own, cache, ids, positions, mask, keep=1):
        """Out of memory for the bad prompt's last token, or for every step in which one stands behind it."""
        output = run(own, cache, ids, positions, mask, keep)
        if where == "open" and (ids[-1], positions[-1]) == (bad[-1], len(bad) - 1) and keep == 1:
            raise RuntimeError("out of memory")
        if where == "advance" and mask is not None and len(bad) in positions and ids != bad:
            raise RuntimeError("out of memory")
        return output

    monkeypatch.setattr(Strip, "_run", fails)
    answers = llm.generate(MIXED, max_tokens=6, logprobs=True)
    assert answers[3].error == "RuntimeError: out of memory"
    del answers[3], wanted[3]
    same(answers, wanted)
    monkeypatch.undo()
    same(
        llm.generate(MIXED[3:4], max_tokens=6, logprobs=True),
        engine(1).generate(MIXED[3:4], max_tokens=6, logprobs=True),
    )


@pytest.mark.parametrize("at", [0, 2])
@pytest.mark.parametrize("most", [1, 8])
def test_logits_that_are_no_numbers_fail_their_answer_alone(engine, monkeypatch, at, most):
    wanted = engine(1).generate(APART, max_tokens=4, logprobs=True)
    take = Writing.take

    def overflows(own, logits):
        take(own, logits * float("nan") if own.prompt == APART[1] and len(own.tokens) == at else logits)

    monkeypatch.setattr(Writing, "take", overflows)
    answers = engine(most).generate(APART, max_tokens=4, logprobs=True)
    assert "no numbers (NaN)" in answers[1].error
    del answers[1], wanted[1]
    same(answers, wanted)


def test_a_call_that_is_broken_off_leaves_a_good_strip(engine):
    llm = engine()
    arriving = iter(llm.generate_as_completed(MIXED, Sampling(6)))
    next(arriving)
    arriving.close()  # nobody wants the others
    same(
        llm.generate(MIXED, max_tokens=6, logprobs=True),
        engine(1).generate(MIXED, max_tokens=6, logprobs=True),
    )


def test_columns_that_are_half_moved_are_given_up(engine, monkeypatch):
    """An interrupt between the layers, when the first already holds fewer columns."""
    llm = engine()
    llm.generate(MIXED, max_tokens=6)
    keep, moved = growing_layer.GrowingLayer.keep, []

    def interrupted(layer, columns):
        if moved:
            raise KeyboardInterrupt
        moved.append(keep(layer, columns))

    monkeypatch.setattr(growing_layer.GrowingLayer, "keep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        llm.generate(ON_ONE, max_tokens=6)
    monkeypatch.undo()
    same(
        llm.generate(ON_ONE, max_tokens=6, logprobs=True),
        engine(1).generate(ON_ONE, max_tokens=6, logprobs=True),
    )


def test_seconds_by_hand(engine, monkeypatch):
    """A clock that ticks when it is looked at: 1 s for reading each prompt, 1 s for each of two steps of both."""
    ticks = count()
    monkeypatch.setattr(side_by_side, "time", SimpleNamespace(perf_counter=lambda: float(next(ticks))))
    answers = engine().generate(ON_ONE[:2], max_tokens=3)
    figures = [
        (u.queue_seconds, u.first_token_seconds, u.prefill_seconds, u.decode_seconds, u.seconds, u.latency)
        for u in (answer.usage for answer in answers)
    ]
    assert figures == [(1, 2, 1, 1, 2, 9), (3, 4, 1, 1, 2, 10)]


@pytest.mark.parametrize(
    ("changes", "settings", "most"),
    [
        ({}, {}, 8),
        ({}, {"side_by_side": 3}, 3),
        ({}, {"keep_prefix": False}, 1),
        ({"sliding_window": 16, "model_type": "mistral", "architectures": ["MistralForCausalLM"]}, {}, 1),
        ({"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}}, {}, 1),
        ({"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}}, {}, 8),
        ({"model_type": "gpt2", "n_positions": 512, "rope_parameters": None}, {}, 1),
    ],
)
def test_only_models_that_can_answer_side_by_side(tiny_llm_folder, tmp_path, changes, settings, most):
    folder = tmp_path / "changed"
    shutil.copytree(tiny_llm_folder, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))
    assert together(HfLLM(str(folder), **settings)) == most


def test_no_answer_at_a_time_is_refused(tiny_llm_folder):
    with pytest.raises(ValueError, match="side_by_side must be at least 1, got 0"):
        HfLLM(str(tiny_llm_folder), side_by_side=0)


@pytest.mark.parametrize("queries", [1, 2, 5])
def test_folded_attention_is_attention(engine, queries):
    """Four query heads on two key heads, against softmax(q k / sqrt d + mask) v written out."""
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(1, 4, queries, 8, generator=generator)
    key, value = torch.randn(2, 1, 2, 7, 8, generator=generator)
    mask = torch.zeros(1, 1, queries, 7).masked_fill_(torch.rand(queries, 7, generator=generator) < 0.4, -1e9)
    mask[..., 0] = 0
    layer = engine()._model.model.layers[0].self_attn
    attended, _ = folded_attention(layer, query, key, value, mask, scaling=8**-0.5)
    scores = query @ key.repeat_interleave(2, 1).mT / 8**0.5 + mask
    wanted = scores.softmax(-1) @ value.repeat_interleave(2, 1)
    torch.testing.assert_close(attended, wanted.transpose(1, 2))


def test_a_model_attends_as_before_when_the_strip_is_done(engine):
    llm = engine()
    with folded(llm._model):
        assert llm._model.config._attn_implementation == NAME
    llm.generate(ON_ONE, max_tokens=2)
    assert llm._model.config._attn_implementation == "sdpa"


def test_shares_of_one_time_add_up():
    """Of what ran at one time the longer counts, but shares of one time are parts of it."""
    shared = [
        Usage(seconds=2.0, decode_seconds=2.0, output_tokens=1, latency_seconds=4.0, first_token_seconds=1.0)
    ] * 2
    both = Usage.at_once(shared)
    assert (both.seconds, both.decode_seconds, both.latency, both.first_token_seconds) == (4.0, 4.0, 4.0, 1.0)
    apart = Usage.at_once([Usage(seconds=2.0, output_tokens=1), Usage(seconds=3.0, output_tokens=1)])
    assert (apart.seconds, apart.latency_seconds) == (3.0, None)

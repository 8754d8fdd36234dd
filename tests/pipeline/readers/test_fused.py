"""The fused reader over a tiny random model, whose answers mean nothing but must not change."""

from dataclasses import replace

import pytest
from transformers import GPTNeoXConfig

from rlc.chunkers import RecursiveChunker
from rlc.data.errors import SpecError, UnsupportedError, UsageError
from rlc.data.protocols import Prompt
from rlc.pipeline import families
from rlc.pipeline.fusion import ape, cache_blend, parallel_windows, prompt_cache
from rlc.pipeline.fusion.base import PassagesPrompt
from rlc.pipeline.fusion.support.engine import FusingLLM
from rlc.pipeline.llms.hf import HfLLM
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.llms.support.forwarding import forward
from rlc.pipeline.prompts import prompt_hash
from rlc.pipeline.readers import FusedReader
from rlc.retrievers import BM25Retriever

PASSAGES = ("The cat saw the other theme. ", "Nobody knows the weather there. ")
PROMPT = PassagesPrompt("Read: " + "".join(PASSAGES), "Who saw the theme?", passages=PASSAGES)
OTHERWISE = replace(PROMPT, passages=("".join(PASSAGES),))  # the same text, in one passage
ALL = [prompt_cache(), parallel_windows(), ape(), cache_blend(recomputed=0.4, check=0)]


@pytest.fixture(scope="module")
def hf(tiny_llm_folder):
    return HfLLM(str(tiny_llm_folder), dtype="float32", device="cpu")


def fusing(hf, fusion, memory=2**30):
    return FusingLLM(hf, fusion, memory)


def ask(engine, prompt=PROMPT, tokens=6, **wishes):
    [said] = engine.generate([prompt], max_tokens=tokens, **wishes)
    assert said.error is None
    return said


@pytest.mark.parametrize("fusion", ALL)
def test_one_passage_is_answered_as_ever(hf, fusion):
    """APE weighs even a single one, unless it is neutral."""
    neutral = replace(fusion, temperature=1.0, scale=1.0)
    one = replace(PROMPT, prefix=f"Read: {PASSAGES[0]}", passages=PASSAGES[:1])
    assert ask(fusing(hf, neutral), one).text == ask(hf, one).text


@pytest.mark.parametrize("fusion", ALL)
def test_a_passage_is_read_once_and_answers_stay(hf, fusion):
    engine = fusing(hf, fusion)
    first = ask(engine)
    other = replace(PROMPT, prefix="Read: " + PASSAGES[1], passages=PASSAGES[1:])
    second, again = ask(engine, other), ask(engine)
    assert again.text == first.text
    given = first.usage.prompt_tokens
    tail = len(hf._chat.encode_apart(PROMPT, PASSAGES)[-1])
    assert first.usage.cached_tokens == 0
    assert given == again.usage.prompt_tokens > second.usage.prompt_tokens
    assert 0 < second.usage.cached_tokens <= second.usage.prompt_tokens - tail
    assert again.usage.kv_bytes == given * 2 * 2 * 2 * 8 * 4  # layers, both, heads, dimension, bytes
    kept = given - tail
    renewed = sum(len(ids) for ids in hf._chat.encode_apart(PROMPT, PASSAGES)[1:-1])
    if fusion.recomputed:  # all of them in the first of two layers, four of ten in the other
        assert again.usage.cached_tokens == pytest.approx(kept - 0.7 * renewed, abs=1)
    else:
        assert again.usage.cached_tokens == kept


def test_what_falls_out_of_the_memory_is_read_again(hf):
    kept, forgetful = fusing(hf, prompt_cache()), fusing(hf, prompt_cache(), memory=0)
    texts = [(ask(engine).text, ask(engine).usage.cached_tokens) for engine in (kept, forgetful)]
    assert texts[0][0] == texts[1][0]
    assert (texts[0][1] > 0, texts[1][1]) == (True, 0)


def test_the_models_own_attention_is_back(hf):
    before, kernels = ask(hf).text, hf._model.config._attn_implementation
    ask(fusing(hf, ape()))
    assert hf._model.config._attn_implementation == kernels
    assert ask(hf).text == before


def test_stop_and_length(hf):
    engine = fusing(hf, prompt_cache())
    text = ask(engine, tokens=8).text
    assert ask(engine, tokens=3).finish_reason == "length"
    stopped = ask(engine, tokens=8, stop=[text[2:4]])
    assert (stopped.text, stopped.finish_reason) == (text[: text.find(text[2:4])].strip(), "stop")


def test_samples_and_log_probabilities(hf):
    engine = fusing(hf, prompt_cache())
    [one], [again], [other] = (
        engine.generate([PROMPT], max_tokens=6, temperature=1.0, seed=seed, logprobs=True)
        for seed in (1, 1, 2)
    )
    assert one.text == again.text != other.text
    assert "".join(one.text[a:b] for a, b in one.logprobs.spans) == one.text
    assert (one.logprobs.values < 0).all()


def test_a_prompt_that_does_not_fit_fails_alone(hf):
    long = replace(PROMPT, prefix="Read: " + "cat " * 200, passages=("cat " * 100, "cat " * 100))
    failed, fine = fusing(hf, prompt_cache()).generate([long, PROMPT], max_tokens=4)
    assert failed.error.startswith("ContextOverflowError: passages up to place")
    assert fine.error is None
    # At one place they need half of the room.
    assert fusing(hf, parallel_windows()).generate([long], max_tokens=4)[0].error is None


def test_what_it_cannot_do_it_says(hf, tmp_path):
    with pytest.raises(UnsupportedError, match="follows no schema"):
        fusing(hf, prompt_cache()).generate([PROMPT], max_tokens=2, schema={"type": "object"})
    with pytest.raises(UsageError, match="from 0 to 1; got 2"):
        fusing(hf, cache_blend(check=2)).generate([PROMPT], max_tokens=2)
    GPTNeoXConfig().save_pretrained(tmp_path)
    with pytest.raises(UnsupportedError, match=r"llama, mistral, .* is of the kind 'gpt_neox'"):
        fusing(HfLLM(str(tmp_path), device="cpu"), prompt_cache()).check()


def test_the_reader_retrieves_as_rag_does(hf, make_example):
    text = "".join(PASSAGES) * 3
    reader = FusedReader(
        RecursiveChunker(size=8), BM25Retriever.from_documents, hf, max_tokens=4, fusion=ape()
    )
    examples = [
        make_example(str(i), asked, text) for i, asked in enumerate(("Who saw it?", "What of the weather?"))
    ]
    answers = reader([*examples, examples[0]])
    assert [answer.error for answer in answers] == [None] * 3
    assert answers[0].evidence
    assert answers[0].text == answers[2].text
    assert answers[2].usage.cached_tokens > answers[0].usage.cached_tokens
    assert answers[0].prompt_hash == answers[2].prompt_hash != answers[1].prompt_hash


def test_the_authors_wording_is_parted_too(make_example):
    from rlc.data.records import Wording

    asked = []
    engine = AdaptableScript(lambda prompt: asked.append(prompt) or "yes")
    reader = FusedReader(RecursiveChunker(size=8), BM25Retriever.from_documents, engine, fusion=ape())
    wording = Wording("Text: {text}. Now", "{question}", 8)
    reader([make_example("q", "Who saw the weather?", "".join(PASSAGES), wording=wording)])
    [prompt] = asked
    assert len(prompt.passages) > 1
    assert prompt.prefix == f"Text: {''.join(prompt.passages)}. Now"


class AdaptableScript(ScriptedLLM):
    def adapted(self, way):
        self.way = way
        return self


def test_an_engine_out_of_reach_is_refused():
    with pytest.raises(UnsupportedError, match="take the engine hf"):
        FusedReader(RecursiveChunker(), BM25Retriever.from_documents, ScriptedLLM({"": "x"}), fusion=ape())


class Memory(dict):
    def holds(self, _, key):
        return key in self

    def recall_all(self, _, wanted, make):
        missing = [key for key in wanted if key not in self]
        if missing:
            self.update(zip(missing, make([wanted[key] for key in missing]), strict=True))
        return {key: self[key] for key in wanted}


def test_what_wraps_the_engine_remembers_each_fusion_apart(hf):
    from rlc.pipeline.fusion.support.engine import ReadApart

    memory = Memory()
    wrapped = forward(hf, memory, "engine")
    for fusion in (prompt_cache(), prompt_cache(), parallel_windows()):
        ask(wrapped.adapted(ReadApart(fusion, 1.0)))
    ask(wrapped)
    assert len(memory) == 3


def test_in_a_recipe(tiny_llm_folder):
    spec = {
        "use": "fused",
        "chunker": "recursive",
        "retriever": "bm25",
        "llm": {"use": "hf", "model": str(tiny_llm_folder)},
        "fusion": {"use": "ape", "scale": 0.8},
    }
    completed = families.BUILDER.complete(spec, families.READER, "readers.fused")
    assert completed["fusion"] == {"use": "ape", "temperature": 0.9, "scale": 0.8}
    made = families.BUILDER.build(completed, families.READER, "readers.fused")
    assert made.fusion == ape(scale=0.8)
    with pytest.raises(SpecError, match="no fusion 'apes'; did you mean 'ape'"):
        families.BUILDER.complete({**spec, "fusion": "apes"}, families.READER, "readers.fused")
    bad = families.BUILDER.complete(
        {**spec, "fusion": {"use": "ape", "scale": 0}}, families.READER, "readers.fused"
    )
    with pytest.raises(SpecError, match="scale must be above 0"):
        families.BUILDER.build(bad, families.READER, "readers.fused")


def test_pieces_of_a_prompt_are_its_text(hf):
    pieces = hf._chat.encode_apart(PROMPT, PASSAGES)
    assert len(pieces) == 4
    assert "".join(map(hf._chat.codec.decode, pieces)) == hf._chat.render(PROMPT)
    with pytest.raises(UnsupportedError, match="changes texts"):
        hf._chat.encode_apart(Prompt("other", "?"), PASSAGES)


def test_an_engine_with_a_way_of_its_own_is_refused(tiny_llm_folder):
    class Thinning(HfLLM):
        """Stands for an engine that overrides how prompts are read."""

    engine = Thinning(str(tiny_llm_folder), device="cpu")
    with pytest.raises(UnsupportedError, match="Thinning reads in a way of its own"):
        fusing(engine, prompt_cache()).check()


def test_a_prompt_without_passages_is_read_as_ever(hf):
    plain = Prompt("The cat saw the theme.", "Who?")
    assert ask(fusing(hf, ape()), plain).text == ask(hf, plain).text


def test_where_passages_end_tells_prompts_apart():
    assert PROMPT.text == OTHERWISE.text
    assert prompt_hash(PROMPT) != prompt_hash(OTHERWISE)

"""Every engine's laws: a generation a prompt, in order, nothing wished for ignored; on random weights and stand-ins."""

import json
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest
from stand_ins import ScoringEngine, build
from weighing import WeighingLLM

from rlc.data.errors import UnsupportedError
from rlc.data.protocols import LLM, Attending, Generation, Prompt, Scorer, Weighed, Weighing, seeded
from rlc.pipeline.families import LLM as ENGINE
from rlc.pipeline.llms import LLMS
from rlc.pipeline.llms.scripted import ScriptedLLM

every_engine = pytest.mark.parametrize("name", sorted(LLMS))
DOCUMENT = "The cat saw the other theme. Nobody knows the weather there. "
PROMPTS = [Prompt(DOCUMENT, "Who saw it?"), Prompt(DOCUMENT, "Why?"), Prompt("", "Who?", "Be brief.")]
SCHEMA = {"type": "object"}


class Server(BaseHTTPRequestHandler):
    """Completes every chat with "yes" and the seed, as an OpenAI-compatible server does."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = f"yes {asked.get('seed')}"
        choice = {"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 20, "completion_tokens": 1}
        body = json.dumps({"choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def base_url():
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


@pytest.fixture
def engine(name, weights, base_url):
    engine = build(ENGINE, name, weights=weights(ENGINE, name), base_url=base_url)
    yield engine
    getattr(engine, "close", lambda: None)()


def obey(engine):
    assert isinstance(engine, LLM)
    assert engine.name
    assert engine.window > 0
    counts = [engine.count(Prompt(DOCUMENT * n, "Who?")) for n in (1, 2, 3)]
    assert 0 < counts[0] < counts[1] < counts[2], "what is longer has more tokens"
    assert engine.generate([], max_tokens=4) == [], "a generation a prompt"
    generations = engine.generate(PROMPTS, max_tokens=4)
    assert len(generations) == len(PROMPTS), "a generation a prompt"
    for one in generations:
        assert one.error is None
        assert one.finish_reason in ("stop", "length")
        assert one.logprobs is None
        assert one.usage.prompt_tokens > 0, "what is spent is counted"
        assert 0 <= one.usage.output_tokens <= 4, "no more tokens than allowed"
        assert one.usage.cached_tokens <= one.usage.prompt_tokens
    no_wish_is_ignored(engine)
    if isinstance(engine, Scorer):
        texts = ["the theme", "a cat"]
        for text, scored in zip(texts, engine.logprobs(["The cat saw ", ""], texts), strict=True):
            assert "".join(text[start:end] for start, end in scored.spans) == text, "tokens tile the text"
            assert len(scored.values) == len(scored.spans), "log-probabilities"
            assert (scored.values <= 0).all(), "log-probabilities"
    if isinstance(engine, Attending):
        it_shows_what_it_looks_at(engine, PROMPTS[0])
    if isinstance(engine, Weighing):
        it_weighs(engine)


def it_weighs(engine):
    """Each option for itself, whatever its company; what goes on is no likelier than what it begins with."""
    options = [["the", "the theme"], ["a", "Nobody", "a cat"], ["saw"]]
    weighed = engine.weigh(PROMPTS, options)
    assert [len(one.values) for one in weighed] == [2, 3, 1], "a weight an option"
    for prompt, some, one in zip(PROMPTS, options, weighed, strict=True):
        assert (one.values <= 0).all(), "log-probabilities"
        assert one.usage.cached_tokens <= one.usage.prompt_tokens > 0, "what is spent is counted"
        alone = [engine.weigh([prompt], [[option]])[0].values[0] for option in reversed(some)]
        assert one.values[::-1] == pytest.approx(alone, abs=1e-4), "whatever the company"
    assert engine.weigh([], []) == []


def it_shows_what_it_looks_at(engine, prompt):
    """Every layer once; rows from the place that was named, each a distribution over what stands before it."""
    values, usage = engine.watch(prompt, lambda seen: seen, since=len(prompt.prefix))
    assert [seen.layer for seen in values] == list(range(engine.depth)), "every layer is shown"
    assert usage.prompt_tokens > 0, "what is spent is counted"
    for seen in values:
        heads, rows, tokens = seen.attention.shape
        assert heads > 0
        assert tokens == len(seen.tokens) == len(seen.ids), "a column a token"
        assert np.allclose(seen.attention.sum(-1), 1, atol=1e-4), "rows are distributions"
        for row in range(rows):
            assert not seen.attention[:, row, tokens - rows + row + 1 :].any(), "nothing looks ahead"
        text = "".join(prompt.text[start:end] for start, end in seen.tokens[-rows:])
        assert text.strip() == prompt.question, "rows from the place that was named"


def no_wish_is_ignored(engine):
    """Log-probabilities and a schema are given, or refused aloud; a temperature is taken."""
    warm = [engine.generate(PROMPTS, max_tokens=4, temperature=0.7, seed=1) for _ in range(2)]
    assert [one.text for one in warm[0]] == [one.text for one in warm[1]], "equal seeds give equal samples"
    if seeded(engine):
        own = [replace(PROMPTS[0], seed=seed) for seed in (1, 2, 3)]
        both = engine.generate(own, max_tokens=4, temperature=0.9)
        alone = [
            engine.generate(PROMPTS[:1], max_tokens=4, temperature=0.9, seed=seed)[0] for seed in (1, 2, 3)
        ]
        assert [one.text for one in both] == [one.text for one in alone], "a prompt's seed is as a call's"
    try:
        [one] = engine.generate(PROMPTS[:1], max_tokens=4, logprobs=True)
    except UnsupportedError:
        pass
    else:
        assert one.logprobs is not None, "a wish is not ignored"
        assert (one.logprobs.values <= 0).all(), "log-probabilities"
        assert "".join(one.text[start:end] for start, end in one.logprobs.spans) == one.text, (
            "tokens tile the text"
        )
    try:
        [one] = engine.generate(PROMPTS[:1], max_tokens=4, schema=SCHEMA)
    except UnsupportedError:
        pass
    else:
        assert one.error or isinstance(json.loads(one.text), dict), "a wish is not ignored"


@every_engine
def test_every_engine_answers_every_prompt_and_ignores_no_wish(engine):
    obey(engine)


@pytest.mark.parametrize("kind", [ScoringEngine, WeighingLLM])
def test_the_stand_in_is_an_engine(kind):
    obey(kind({"": "yes"}))


class Fewer(ScriptedLLM):
    def generate(self, prompts, **wishes):
        return super().generate(prompts, **wishes)[1:]


class Talkative(ScriptedLLM):
    def generate(self, prompts, *, max_tokens, **wishes):
        return super().generate(prompts, max_tokens=40, **wishes)


class Deaf(ScriptedLLM):
    def generate(self, prompts, *, max_tokens, **_):
        return super().generate(prompts, max_tokens=max_tokens)


class Free(ScriptedLLM):
    def generate(self, prompts, **wishes):
        return [Generation(one.text) for one in super().generate(prompts, **wishes)]


class Vague(ScoringEngine):
    """Its rows sum up to 2."""

    def watch(self, prompt, see, **wishes):
        return super().watch(prompt, lambda seen: see(replace(seen, attention=2 * seen.attention)), **wishes)


class Shallow(ScoringEngine):
    def watch(self, prompt, see, **wishes):
        return super().watch(prompt, lambda seen: see(replace(seen, layer=seen.layer + 1)), **wishes)


class Sure(ScoringEngine):
    def logprobs(self, contexts, texts):
        return [type(one)(one.spans, -one.values) for one in super().logprobs(contexts, texts)]


class OneSeed(ScriptedLLM):
    """Takes a seed for each prompt, as it says, and that of the call for all."""

    seeded = True

    def generate(self, prompts, *, seed=0, **wishes):
        return [replace(one, text=f"{seed}") for one in super().generate(prompts, seed=seed, **wishes)]


class Relative(WeighingLLM):
    def weigh(self, prompts, options):
        return [Weighed(one.values - one.values.max(), one.usage) for one in super().weigh(prompts, options)]


@pytest.mark.parametrize("evil", [Fewer, Talkative, Deaf, Free, Sure, Vague, Shallow, Relative, OneSeed])
def test_the_laws_catch_an_engine_that_breaks_them(evil):
    laws = r"a generation a prompt|no more tokens|a wish is not|is counted|log-probabilities|rows are|every layer|the company|prompt's seed"
    with pytest.raises(AssertionError, match=laws):
        obey(evil({"": "one two three four five six seven"}))

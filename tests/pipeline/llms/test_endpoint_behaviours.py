"""What becomes of an answer, by what its server does: one table."""

import gzip
import itertools
import json
import os
import re
import signal
import socketserver
import threading
import time
from contextlib import contextmanager
from queue import Empty, SimpleQueue

import pytest

from rlc.data.errors import EngineUnavailableError, UnsupportedError
from rlc.data.protocols import Prompt
from rlc.data.waiting import take
from rlc.pipeline.llms.endpoint import EndpointLLM

# -- a server on loopback that sends the bytes it is told to ----------------------------------------------------

ANSWER = "Ada Lowe"
COUNTS = {"prompt_tokens": 50, "completion_tokens": 3}


class Server(socketserver.ThreadingTCPServer):
    """Calls `behave(body, attempt)` for every POST and sends the pieces that it yields; keeps what was asked."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, behave, models=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.behave = behave
        self.models = models
        self.asked = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        head, _, body = self._receive(b"", b"\r\n\r\n").partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
        length = int(lengths[0].partition(b":")[2]) if lengths else 0
        while len(body) < length:
            body += self.request.recv(1 << 16)
        try:
            if head.startswith(b"GET"):
                self.request.sendall(http(self.server.models or {}, 200 if self.server.models else 404))
                return
            asked = json.loads(body)
            self.server.asked.append(asked)
            said = self.server.behave(asked, len(self.server.asked))
            for piece in [said] if isinstance(said, bytes) else said:
                self.request.sendall(piece)
        except OSError:  # nobody listens any more
            return

    def _receive(self, held, until):
        while until not in held:
            if not (piece := self.request.recv(1 << 16)):
                raise ConnectionError("no request")
            held += piece
        return held


@contextmanager
def misbehaving(behave, models=None):
    """A running server."""
    with Server(behave, models) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()


def http(body, status=200, reason="OK", **headers):
    """A reply whose length is told."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} {reason}", "Connection: close", f"Content-Length: {len(raw)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + raw


def said(content=ANSWER, finish="stop", usage=COUNTS, **message):
    """A chat completion."""
    choice = {"message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    return {"choices": [choice], "usage": usage}


def error(words, **fields):
    """An error as servers write them."""
    return {"error": {"message": words, **fields}}


def events(*chunks, done=True):
    """A stream of events."""
    lines = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks] + [b"data: [DONE]\n\n"] * done
    return [b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/event-stream\r\n\r\n", *lines]


def delta(finish=None, **message):
    """One event's piece of an answer."""
    return {"choices": [{"delta": message, "finish_reason": finish}]}


# -- what it does, and what becomes of it ----------------------------------------------------------------------

KEY = "sk-SECRETKEY-0123456789abcdef"
PROMPT = Prompt("The light was built by Ada Lowe. ", "Who built it?", "Be brief.")
THOUGHT = "Okay, who built it?"
TOLD = {"prompt_tokens_details": {"cached_tokens": 7}, "completion_tokens_details": {"reasoning_tokens": 2}}
REFUSED = "HTTP/1.1 400 Bad Request"


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def ask(behave, prompt=PROMPT, max_tokens=64, **settings):
    """The generation, and what the server was asked."""
    with misbehaving(behave) as server:
        settings = {
            "window": 1000,
            "base_url": server.url,
            "retries": 1,
            "backoff": 0.001,
            "timeout": 2.0,
            **settings,
        }
        [generation] = EndpointLLM("m", **settings).generate([prompt], max_tokens=max_tokens)
    return generation, server.asked


def always(*reply, **headers):
    return lambda body, attempt: http(*reply, **headers)


def first(*reply, **headers):
    """A fault that is gone at the second attempt."""
    return lambda body, attempt: http(*reply, **headers) if attempt == 1 else http(said())


def refusing(refused, words):
    """A server that refuses requests of one kind."""
    return lambda body, attempt: http(error(words), 400, "Bad Request") if refused(body) else http(said())


def roles(body):
    return [message["role"] for message in body["messages"]]


def unpacked(body, attempt):
    yield http(gzip.compress(b" " * (64 << 20)), Content_Encoding="gzip")


def endless(body, attempt):
    yield b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    while True:
        yield b" " * (1 << 20)


def dripping(head):
    def behave(body, attempt):
        yield head
        while True:
            yield b" "
            time.sleep(0.02)

    return behave


def silent(body, attempt):
    yield b"HTTP/1.1 200 OK\r\n"
    time.sleep(9)


def dripping_headers(body, attempt):
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield b"X: y\r\n"
        time.sleep(0.02)


def endless_stream(body, attempt):
    yield events()[0]
    while True:
        yield f"data: {json.dumps(delta(content='again ' * 100))}\n\n".encode()


ANSWERS = {
    # an answer, however it is told
    "plain": (always(said()), {}, ""),
    **{f"ends with {end!r}": (always(said(finish=end)), {}, "") for end in ("STOP", "COMPLETE", "end_turn", "eos", "", None, "FINISH_REASON_STOP")},
    "ends with an unknown word": (always(said(finish="planet")), {}, "ended with 'planet'"),
    "content in parts": (always(said([{"type": "text", "text": "Ada "}, {"type": "text", "text": "Lowe"}])), {}, ""),
    "no usage": (always({"choices": said()["choices"]}), {}, ""),
    "usage null": (always(said(usage=None)), {}, ""),
    "usage empty": (always(said(usage={})), {}, ""),
    "usage in part": (always(said(usage={"prompt_tokens": 5})), {}, ""),
    "usage of text": (always(said(usage={"prompt_tokens": "many", "completion_tokens": [1]})), {}, ""),
    "usage negative": (always(said(usage={"prompt_tokens": -5, "completion_tokens": -1})), {}, ""),
    "usage of 10^30": (always(said(usage={"prompt_tokens": 10**30, "completion_tokens": 10**30})), {}, ""),
    "usage infinite": (always(json.dumps(said()).replace("50", "Infinity").encode()), {}, ""),
    "times infinite": (always(json.dumps({**said(), "metrics": {"queue_time_ms": float("inf")}}).encode()), {}, ""),
    "metrics of another kind": (always({**said(), "metrics": [1]}), {}, ""),
    "half a character": (always(said("Ada Lowe \ud83d")), {}, ""),
    # thoughts
    "thought in its text": (always(said(f"<think>{THOUGHT}</think>\n\n{ANSWER}")), {}, ""),
    "thought without its opening mark": (always(said(f"{THOUGHT}\n</think>\n\n{ANSWER}")), {}, ""),
    "thought beside its text": (always(said(reasoning_content=THOUGHT)), {}, ""),
    "thought by another name": (always(said(reasoning=THOUGHT)), {}, ""),
    "thought as a part": (always(said([{"type": "thinking", "thinking": THOUGHT}, {"type": "text", "text": ANSWER}])), {}, ""),
    "thought in a stream": (lambda b, a: events(delta(reasoning_content="Okay,"), delta(reasoning_content=" who?"), delta("stop", content=ANSWER)), {"stream": True}, ""),
    # faults that pass
    **{f"{status} once": (first(error("busy"), status, "Busy", Retry_After=0), {}, "") for status in (408, 429, 500, 503)},
    "an error under 200 once": (first(error("model overloaded", code=503)), {}, ""),
    "a rate limit under 200 once": (first(error("Rate limit reached", type="rate_limit_error")), {}, ""),
    "an error in a stream once": (lambda b, a: events(delta(content="Ada"), error("engine died", code=500)) if a == 1 else events(delta("stop", content=ANSWER)), {"stream": True}, ""),
    "a stream that breaks off once": (lambda b, a: events(delta(content="Ada"), done=False) if a == 1 else events(delta("stop", content=ANSWER)), {"stream": True}, ""),
    # what the server refuses is put otherwise
    "no temperature": (refusing(lambda b: "temperature" in b, "Unsupported value: 'temperature' does not support 0"), {}, "asked without temperature"),
    "no seed": (refusing(lambda b: "seed" in b, "Unrecognized request argument supplied: seed"), {}, "asked without seed"),
    "neither": (refusing(lambda b: "seed" in b or "temperature" in b, "seed and temperature: Extra inputs are not permitted"), {}, "asked without temperature and seed"),
    "max_completion_tokens": (refusing(lambda b: "max_tokens" in b, "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."), {}, ""),
    "max_tokens": (refusing(lambda b: "max_completion_tokens" in b, "max_completion_tokens: Extra inputs are not permitted"), {"max_tokens_field": "max_completion_tokens"}, ""),
    "no system role": (refusing(lambda b: "system" in roles(b), "System role not supported"), {}, "in the user's turn"),
    "no system role, said as a failure": (lambda b, a: http(error("Jinja: System role not supported"), 500, "Error") if "system" in roles(b) else http(said()), {}, "in the user's turn"),
    "no template arguments": (refusing(lambda b: "chat_template_kwargs" in b, "Unrecognized request argument supplied: chat_template_kwargs"), {"thinking": False}, ""),
}  # fmt: skip

FAILURES = {
    # no answer, by name
    "content null": (always(said(None)), {}, "EmptyAnswer: .* sent no text"),
    "all thought": (always(said(f"<think>{THOUGHT}", "length")), {}, "ThoughtUnfinished: it spent its 3 tokens thinking"),
    "all thought, beside": (always(said(None, "length", reasoning_content=THOUGHT)), {}, "raise max_tokens, or set"),
    "all thought, kept back": (always(said("", "length", {**COUNTS, **TOLD})), {}, "ThoughtUnfinished"),
    "a tool": (always(said(None, "tool_calls", tool_calls=[{"function": {"name": "look_up"}}])), {}, "called the tool look_up"),
    "a refusal": (always(said(None, refusal="I must not.")), {}, "refused: I must not"),
    "a filter": (always(said("", "content_filter")), {}, "ended the answer with 'content_filter'"),
    "a filter after some text": (always(said("Ada", "SAFETY")), {}, "ended the answer with 'SAFETY'"),
    # no reply
    "HTML": (always(b"<html>Login</html>"), {}, "sent no chat completion"),
    "no choices": (always({"choices": []}), {}, "sent no chat completion: choices"),
    "nothing": (always(b""), {}, "sent no chat completion"),
    "nested 100,000 times": (always(b"[" * 100_000), {}, "sent no chat completion"),
    "an error under 200": (always(error("no such thing")), {}, "error in place of an answer: no such thing"),
    "an error of one text": (always({"error": "no such thing"}), {}, "no such thing"),
    "an error under 200 that stays": (always(error("model overloaded", code=503)), {}, r"model overloaded \(attempts: 2\)"),
    "500 that stays": (always(error("out of memory"), 500, "Error"), {}, r"out of memory.*attempts: 2"),
    "context too long": (always(error("maximum context length is 4096 tokens, max_tokens is invalid"), 400, "Bad"), {}, "set window to what"),
    "another refusal": (always(error("top_q is unknown"), 400, "Bad"), {}, "top_q is unknown.*extra_body"),
    "broken gzip": (always(b"no gzip", Content_Encoding="gzip"), {}, "cannot be unpacked"),
    "unknown packing": (always(b"x", Content_Encoding="zstd"), {}, "packed by 'zstd'"),
    # no end
    "a packed bomb": (unpacked, {}, "more than 16,777,216 bytes"),
    "an endless body": (endless, {}, "more than 16,777,216 bytes"),
    "an endless stream": (endless_stream, {"stream": True}, "goes on past its limit"),
    "an endless answer": (always(said("x" * 10_000)), {}, "10,000 characters to 4,096"),
    "a dripping body": (dripping(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"), {"timeout": 0.2, "retries": 0, "max_tokens": 1}, "raise timeout"),
    "silence": (silent, {"timeout": 0.2, "retries": 0, "max_tokens": 1}, "raise timeout"),
    # secrets
    "the key under 200": (always({"error": f"your key is {KEY}"}), {}, r"your key is \.\.\."),
    "the key cut in two": (always(error("." * 280 + KEY), 400, "Bad"), {}, r"\.\.\."),
    "the key on two lines": (always(error(f"{KEY[:12]}\n {KEY[12:]}"), 400, "Bad"), {}, r"answered 400"),
    "half the key": (always(error(f"key {KEY[:14]} is wrong"), 400, "Bad"), {}, r"key \.\.\. is wrong"),
    "the key as an end": (always(said("", KEY)), {}, r"ended the answer with '\.\.\.'"),
    "the key as a reason": (always(error("no"), 400, KEY), {}, r"answered 400 \.\.\."),
    "an escape sequence": (always(error("\x1b]0;owned\x07"), 400, "Bad"), {}, r"u001b|x1b"),
}  # fmt: skip

STOPS = {
    "401": (always(error(f"bad key {KEY}"), 401, "No"), "key in OPENAI_API_KEY was not accepted"),
    "403": (always(error("no"), 403, "No"), "may not do this"),
    "404": (always(error("no"), 404, "No"), "does base_url end where the paths begin"),
    "moved": (always(b"", 308, "Moved", Location=f"https://elsewhere/?key={KEY}"), r"moved to https://elsewhere/\?key=\.\.\."),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_stays_one(name):
    behave, settings, note = ANSWERS[name]
    generation, _ = ask(behave, **settings)
    assert generation.error is None
    assert generation.text.startswith(ANSWER)
    assert (note in generation.note) if note else not generation.note
    assert generation.finish_reason == "stop"
    assert ("thought" in name) == bool(generation.thought)
    usage = generation.usage
    assert 0 < usage.prompt_tokens < 100
    assert 0 <= usage.thought_tokens <= usage.output_tokens < 100
    assert usage.queue_seconds == 0


@pytest.mark.parametrize("name", FAILURES)
def test_what_is_no_answer_says_why(name):
    behave, settings, words = FAILURES[name]
    started = time.perf_counter()
    generation, _ = ask(behave, **settings)
    assert time.perf_counter() - started < 8
    assert (generation.text == "" or "SAFETY" in words, generation.finish_reason) == (True, "error")
    assert re.search(words, generation.error)
    assert KEY[:8] not in generation.error
    assert KEY[-8:] not in generation.error
    assert generation.error.isprintable(), "nothing that steers a terminal"


@pytest.mark.parametrize("name", STOPS)
def test_what_no_question_can_pass_stops_the_run(name):
    behave, words = STOPS[name]
    with pytest.raises(EngineUnavailableError, match=words) as caught:
        ask(behave)
    assert KEY[:8] not in str(caught.value)


def test_what_was_refused_is_remembered():
    behave = ANSWERS["neither"][0]
    with misbehaving(behave) as server:
        llm = EndpointLLM("m", 1000, server.url)
        for _ in range(3):
            llm.generate([PROMPT], max_tokens=4)
    assert ["seed" in body for body in server.asked] == [True, True, False, False, False]


def test_fields_are_left_out_by_settings():
    _, [body] = ask(always(said()), temperature=None, seed=False)
    assert not {"temperature", "seed"} & body.keys()


def test_thinking_is_asked_for_and_given_room():
    _, [body] = ask(always(said()), thinking=True, thinking_tokens=100)
    assert body["chat_template_kwargs"]["enable_thinking"] is True
    assert body["max_tokens"] == 164
    refuses = refusing(lambda b: "chat_template_kwargs" in b, "chat_template_kwargs: unknown field")
    _, asked = ask(refuses, thinking=False)
    assert asked[-1]["reasoning_effort"] == "none"
    assert EndpointLLM("m", 1000, thinking=True, thinking_tokens=100).window == 900


def test_a_thought_without_its_marks_is_none_of_the_answer():
    generation, _ = ask(always(said(THOUGHT, "length")), thinking=True)
    assert generation.text == ""
    assert generation.error.startswith("ThoughtUnfinished")


def test_a_prompt_that_the_server_cut():
    long = Prompt("word " * 3000, "Who?")
    generation, _ = ask(always(said(usage={**COUNTS, "prompt_tokens": 2048})), long, window=8000)
    assert generation.error.startswith(
        "PromptCut: the server read 2,048 tokens of a prompt of 3,001 at the least"
    )
    assert "num_ctx" in generation.error
    generation, _ = ask(always(said(usage={**COUNTS, "prompt_tokens": 3200})), long, window=8000)
    assert generation.error is None
    generation, _ = ask(always(said()), long, window=8000)
    assert generation.error is None
    assert "counted here" in generation.note, "no server has so short a window"
    assert generation.usage.prompt_tokens > 3000


def test_the_window_is_asked_for():
    models = {"data": [{"id": "other", "max_model_len": 9}, {"id": "m", "max_model_len": 4096}]}
    with misbehaving(always(said()), models) as server:
        assert EndpointLLM("m", base_url=server.url).window == 4096
    with (
        misbehaving(always(said())) as server,
        pytest.raises(EngineUnavailableError, match=r"--set parts\.llm\.window="),
    ):
        EndpointLLM("m", base_url=server.url).check()


@pytest.mark.parametrize("name", STOPS)
def test_a_wrong_server_is_found_by_one_short_question(name):
    with misbehaving(STOPS[name][0]) as server:
        with pytest.raises(EngineUnavailableError, match=STOPS[name][1]):
            EndpointLLM("m", 1000, server.url).check()
        assert len(server.asked) == 1


def test_a_check_learns_what_the_server_takes_and_leaves_passing_faults_alone():
    with misbehaving(ANSWERS["no temperature"][0]) as server:
        llm = EndpointLLM("m", 1000, server.url)
        llm.check()
        llm.generate([PROMPT], max_tokens=4)
        assert "temperature" not in server.asked[-1]
    with misbehaving(always(error("busy"), 503, "Busy")) as server:
        EndpointLLM("m", 1000, server.url).check()
        assert len(server.asked) == 1
    with (
        misbehaving(always(b"<html>")) as server,
        pytest.raises(EngineUnavailableError, match="no question can"),
    ):
        EndpointLLM("m", 1000, server.url).check()


def test_questions_that_all_fail_alike_stop_the_run():
    with misbehaving(always(error("boom"), 500, "Error")) as server:
        llm = EndpointLLM("m", 1000, server.url, retries=0, concurrency=1)
        with pytest.raises(EngineUnavailableError, match=r"5 questions in a row failed alike.*boom"):
            llm.generate([PROMPT] * 50, max_tokens=4)
    assert len(server.asked) == 6


def test_failures_of_some_questions_do_not():
    def behave(body, attempt):
        bad = "built by" in body["messages"][-1]["content"]
        return http(error("boom"), 500, "Error") if bad else http(said("5"))

    with misbehaving(behave) as server:
        llm = EndpointLLM("m", 1000, server.url, retries=0, concurrency=1)
        generations = llm.generate([*[PROMPT] * 20, Prompt("", "Who?")], max_tokens=4)
    assert [generation.error is None for generation in generations] == [False] * 20 + [True]
    assert len(server.asked) == 22


@pytest.mark.parametrize("url", ["http://ann:secret@localhost/v1", "http://ann@localhost/v1"])
def test_no_user_name_and_password_in_a_url(url):
    with pytest.raises(ValueError, match="user name or a password") as caught:
        EndpointLLM("m", 1000, url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["HOME", "DATABASE_URL", "SSH_AUTH_SOCK", ""])
def test_a_recipe_cannot_send_any_variable(name):
    with pytest.raises(ValueError, match="_KEY or _TOKEN"):
        EndpointLLM("m", 1000, api_key_env=name)


STATES = {
    "silence": (silent, {}),
    "a dripping head": (dripping_headers, {}),
    "a dripping body": (dripping(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"), {}),
    "an endless stream": (lambda body, attempt: itertools.chain(events(), stuttering()), {"stream": True}),
    "back-off": (always(error("busy"), 503, "Busy"), {"backoff": 60.0}),
    "Retry-After": (always(error("busy"), 429, "Busy", Retry_After=300), {}),
}


def stuttering():
    while True:
        yield b": still here\n\n"
        time.sleep(0.02)


@pytest.fixture
def hears_interrupts():
    """A shell that starts a job in the background has it ignore Ctrl-C, and its children with it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("concurrency", [1, 8])
def test_an_interrupt_ends_every_wait(state, concurrency, hears_interrupts):
    behave, settings = STATES[state]
    with misbehaving(behave) as server:
        llm = EndpointLLM("m", 1000, server.url, concurrency=concurrency, timeout=600.0, **settings)
        prompts = [Prompt("", f"{i}?") for i in range(20)]
        told = []

        def interrupt():
            while not server.asked:
                time.sleep(0.01)
            time.sleep(0.2)
            told.append(time.perf_counter())
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            llm.generate(prompts, max_tokens=5)
        assert time.perf_counter() - told[0] < 1
        asked = len(server.asked)
        time.sleep(0.3)
        assert len(server.asked) == asked, "nobody goes on asking"


def test_a_dripping_head_ends_too():
    generation, _ = ask(dripping_headers, timeout=0.2, retries=0, max_tokens=1)
    assert "raise timeout" in generation.error


def test_an_interrupt_that_comes_just_before_a_wait_is_heard():
    """A handler that C has only noted runs when the wait returns to Python."""
    heard = []

    class Slow(SimpleQueue):
        """Its first wait begins just after the interrupt was noted."""

        def get(self, block=True, timeout=None):
            assert timeout is not None, "no wait without an end"
            heard.append(timeout)
            if len(heard) > 2:
                raise KeyboardInterrupt
            return super().get(block, 0.001)

    with pytest.raises(KeyboardInterrupt):
        take(Slow())
    assert max(heard) <= 0.2
    with pytest.raises(Empty):
        take(SimpleQueue(), 0.01)


def test_a_server_cannot_be_given_the_first_words_of_its_answer():
    llm = EndpointLLM("m", 1000, "http://127.0.0.1:9/v1")
    with pytest.raises(UnsupportedError, match="needs the engine hf or vllm"):
        llm.generate([Prompt("", "Who?", reply="It was")], max_tokens=5)

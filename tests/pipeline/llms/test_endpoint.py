import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pytest
from serving import serving

from rlc.data.errors import EngineUnavailableError, UnsupportedError
from rlc.data.exchange import seconds_of
from rlc.data.protocols import LLM, Prompt, TokenLogprobs
from rlc.experiments.runs.compare import documents_together
from rlc.pipeline import families
from rlc.pipeline.llms.endpoint import EndpointLLM

PROMPT = Prompt("Doc. ", "Q?", "Be brief.")


def engine(server, **settings):
    url = f"http://127.0.0.1:{server.server_port}/v1"
    return EndpointLLM("tiny", **{"window": 1000, "base_url": url, "backoff": 0.001, **settings})


def completion(text="yes", finish="stop", usage=True, logprobs=None):
    counts = {"prompt_tokens": 50, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 40}}
    choice = {
        "message": {"role": "assistant", "content": text},
        "finish_reason": finish,
        "logprobs": logprobs,
    }
    return 200, {}, json.dumps({"choices": [choice]} | ({"usage": counts} if usage else {}))


def failure(status, message="no", **headers):
    return status, headers, json.dumps({"error": {"message": message}})


def ask(*replies, settings=None, **wishes):
    with serving(*replies) as server:
        [generation] = engine(server, **(settings or {})).generate([PROMPT], max_tokens=5, **wishes)
    return generation, server.requests


@pytest.fixture(autouse=True)
def _no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def test_request_and_answer(monkeypatch):
    monkeypatch.setenv("MY_KEY", "secret")
    generation, [(path, headers, body)] = ask(
        completion(), settings={"api_key_env": "MY_KEY", "extra_body": {"top_k": 1}}, stop=["\n"], seed=3
    )
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer secret"
    assert body == {
        "model": "tiny",
        "max_tokens": 5,
        "temperature": 0.0,
        "seed": 3,
        "stop": ["\n"],
        "top_k": 1,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Doc. Q?"}],
    }
    assert (generation.text, generation.finish_reason, generation.error) == ("yes", "stop", None)
    usage = generation.usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.output_tokens) == (50, 40, 3)
    assert usage.seconds > 0
    assert usage.first_token_seconds is None


def test_it_is_an_engine_and_states_its_template_allowance():
    llm = EndpointLLM("tiny", window=1000)
    assert isinstance(llm, LLM)
    assert llm.count(PROMPT) == 3 + 2 + 2 + 32


def test_without_usage_the_tokenizer_counts():
    generation, _ = ask(completion("two words", usage=False))
    assert generation.usage.prompt_tokens == 39
    assert generation.usage.output_tokens == 2


def test_length_and_other_ends():
    assert ask(completion(finish="length"))[0].finish_reason == "length"
    generation, _ = ask(completion(finish="content_filter"))
    assert generation.finish_reason == "error"
    assert "content_filter" in generation.error


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_passing_fault_is_asked_again(status):
    generation, requests = ask(failure(status), failure(status), completion())
    assert generation.text == "yes"
    assert len(requests) == 3


def test_a_lasting_fault_is_an_error_of_its_question_only():
    def reply(body):
        return failure(500, "out of memory") if "bad" in body["messages"][-1]["content"] else completion()

    with serving(reply) as server:
        prompts = [Prompt("", "good"), Prompt("", "bad"), Prompt("", "good too")]
        first, failed, last = engine(server, retries=2).generate(prompts, max_tokens=5)
    assert (first.text, last.text) == ("yes", "yes")
    assert failed.finish_reason == "error"
    assert "500" in failed.error
    assert "out of memory" in failed.error
    assert "attempts: 3" in failed.error
    assert len(server.requests) == 5


def test_retry_after_is_honoured():
    start = time.perf_counter()
    generation, _ = ask(failure(429, **{"Retry-After": "0.3"}), completion())
    assert generation.text == "yes"
    assert time.perf_counter() - start >= 0.3
    assert generation.usage.seconds < 0.3


def test_retry_after_in_all_its_forms():
    assert seconds_of("7") == 7
    assert seconds_of("-1") == 0
    assert seconds_of("soon") is None
    assert seconds_of("") is None
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(minutes=1), usegmt=True)
    assert 50 < seconds_of(in_a_minute) <= 60


@pytest.mark.parametrize(
    "body",
    [
        "<html>hello</html>",
        "{}",
        '{"choices": []}',
        "[1, 2]",
        "",
    ],
)
def test_garbage_is_an_error_and_not_asked_again(body):
    generation, requests = ask((200, {}, body))
    assert "sent no chat completion" in generation.error
    assert generation.finish_reason == "error"
    assert len(requests) == 1


def test_a_refused_request_is_an_error_with_the_servers_words():
    generation, requests = ask(failure(400, "maximum context length is 1000 tokens"))
    assert "maximum context length is 1000 tokens" in generation.error
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "key in OPENAI_API_KEY"), (403, "may not"), (404, "is the model 'tiny' served")],
)
def test_no_access_stops_the_run(status, advice):
    with pytest.raises(EngineUnavailableError, match=f"/v1/chat/completions answered {status}.*{advice}"):
        ask(failure(status))


def test_a_redirect_says_where_to():
    with pytest.raises(EngineUnavailableError, match=r"moved to https://elsewhere/v1: set base_url"):
        ask((308, {"Location": "https://elsewhere/v1"}, ""))


def test_errors_never_show_the_key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with pytest.raises(EngineUnavailableError) as caught:
        ask(failure(401, "incorrect key: sk-secret"))
    assert "sk-secret" not in str(caught.value)


def test_nothing_listening():
    with serving(completion()) as server:
        llm = engine(server, backoff=30.0)  # not slept: an address that never answered is wrong
    with pytest.raises(
        EngineUnavailableError, match=rf"nothing answers at http://127.0.0.1:{server.server_port}/v1"
    ):
        llm.generate([PROMPT], max_tokens=5)


def test_a_server_that_went_away_is_given_time():
    with serving(completion()) as server:
        llm = engine(server, retries=5, backoff=0.05)
        llm.generate([PROMPT], max_tokens=5)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(llm.generate, [PROMPT], max_tokens=5)
        time.sleep(0.1)
        with serving(completion("back"), port=server.server_port):
            assert asked.result()[0].text == "back"


def test_a_server_that_stays_away_stops_the_run():
    with serving(completion()) as server:
        llm = engine(server, retries=2)
        llm.generate([PROMPT], max_tokens=5)
    with pytest.raises(EngineUnavailableError, match="nothing answers"):
        llm.generate([PROMPT], max_tokens=5)


def test_a_slow_server_times_out_and_long_prompts_get_longer():
    def slow(body):
        time.sleep(0.4)
        return completion("slow")

    generation, requests = ask(slow, settings={"timeout": 0.1, "timeout_per_1k": 0.0, "retries": 1})
    assert "sent nothing more for" in generation.error
    assert len(requests) == 2
    generation, _ = ask(slow, settings={"timeout": 0.1, "timeout_per_1k": 100.0, "retries": 0})
    assert generation.text == "slow"


def test_the_first_question_of_a_document_goes_before_its_siblings():
    events = []

    def reply(body):
        content = body["messages"][-1]["content"]
        events.append(("ask", content))
        time.sleep(0.03)
        events.append(("answer", content))
        return completion(content)

    prompts = [Prompt(document, str(i)) for i in range(4) for document in ("A", "B")]
    with serving(reply) as server:
        answers = engine(server, concurrency=4).generate(prompts, max_tokens=5)
    assert [answer.text for answer in answers] == [prompt.prefix + prompt.question for prompt in prompts]
    for document in "AB":
        asked = [i for i, (kind, content) in enumerate(events) if kind == "ask" and content[0] == document]
        assert events[asked[0]] == ("ask", f"{document}0")
        assert events.index(("answer", f"{document}0")) < asked[1]
    running = [sum(1 if kind == "ask" else -1 for kind, _ in events[: i + 1]) for i in range(len(events))]
    assert 2 <= max(running) <= 4


def test_schema():
    schema = {"type": "object"}
    generation, [(_, _, body)] = ask(completion('{"a": 1}'), schema=schema)
    assert body["response_format"]["json_schema"]["schema"] == schema
    assert generation.text == '{"a": 1}'
    generation, _ = ask(completion("sure!"), schema=schema)
    assert "sent no JSON: 'sure!'" in generation.error
    with pytest.raises(UnsupportedError, match="refuses response_format"):
        ask(failure(400, "response_format is not supported"), schema=schema)


@pytest.mark.parametrize("arguments", ['{"a": 1}', {"a": 1}])
@pytest.mark.parametrize("end", ["tool_calls", "stop"])
def test_a_schema_as_a_tool_that_must_be_called(arguments, end):
    called = {"tool_calls": [{"type": "function", "function": {"name": "answer", "arguments": arguments}}]}
    status, headers, body = completion(None, end)
    reply = json.loads(body)
    reply["choices"][0]["message"] |= called
    by_tool = {"settings": {"structured": "tool"}, "schema": {"type": "object"}}
    generation, [(_, _, body)] = ask((status, headers, json.dumps(reply)), **by_tool)
    assert (generation.text, generation.finish_reason, generation.error, generation.note) == (
        '{"a": 1}',
        "stop",
        None,
        "",
    )
    assert body["tools"][0]["function"]["parameters"] == {"type": "object"}
    assert body["tool_choice"]["function"]["name"] == body["tools"][0]["function"]["name"]
    assert "response_format" not in body
    generation, _ = ask(completion("sure!"), **by_tool)
    assert "sent no JSON: 'sure!'" in generation.error
    with pytest.raises(UnsupportedError, match="refuses tools"):
        ask(failure(400, "tools is not supported"), **by_tool)


def test_a_calls_temperature_goes_before_the_engines():
    _, [(_, _, body)] = ask(completion(), temperature=0.7)
    assert body["temperature"] == 0.7
    _, [(_, _, body)] = ask(completion())
    assert body["temperature"] == 0.0


def test_logprobs():
    content = [{"token": "yes", "logprob": -0.5}]
    generation, [(_, _, body)] = ask(completion(logprobs={"content": content}), logprobs=True)
    assert body["logprobs"] is True
    assert generation.logprobs == TokenLogprobs([(0, 3)], np.array([-0.5], np.float32))
    with pytest.raises(UnsupportedError, match="no log-probabilities for 'tiny'"):
        ask(completion(), logprobs=True)


def test_tokens_are_spelled_by_their_bytes_and_tile_the_answer():
    """A thought that the server told apart has tokens too, and so has the mark at the end."""
    pieces = [
        (b"Hm, ", -1),
        (b"\n", -2),
        ("Zü".encode()[:2], -3),
        ("ü".encode()[1:], -4),
        (b"ri\n", -5),
        (b"<|end|>", -6),
    ]
    content = [{"token": "?", "bytes": list(piece), "logprob": value} for piece, value in pieces]
    generation, _ = ask(completion("\nZüri\n", logprobs={"content": content}), logprobs=True)
    assert generation.text == "\nZüri\n"
    assert generation.logprobs == TokenLogprobs(
        [(0, 1), (1, 2), (2, 3), (3, 6)], np.array([-2, -3, -4, -5], np.float32)
    )
    generation, _ = ask(completion("Bern", logprobs={"content": content}), logprobs=True)
    assert "not the answer 'Bern'" in generation.error


def test_logprobs_that_do_not_come():
    with pytest.raises(UnsupportedError, match="no log-probabilities for 'tiny'"):
        ask(completion(), logprobs=True)


def stream(*chunks, done=True):
    events = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks] + ["data: [DONE]\n\n"] * done
    return 200, {"Content-Type": "text/event-stream"}, ": hello\n\n" + "".join(events)


def piece(text=None, finish=None):
    return {"choices": [{"delta": {"content": text}, "finish_reason": finish}]}


def test_streaming():
    counts = {"prompt_tokens": 50, "completion_tokens": 2}
    chunks = stream(
        piece(""), piece("ye"), piece("s"), piece(finish="length"), {"choices": [], "usage": counts}
    )
    generation, [(_, _, body)] = ask(chunks, settings={"stream": True})
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}
    assert (generation.text, generation.finish_reason) == ("yes", "length")
    assert (generation.usage.prompt_tokens, generation.usage.output_tokens) == (50, 2)
    assert 0 < generation.usage.first_token_seconds <= generation.usage.seconds


def test_a_streamed_tool():
    pieces = [piece("") for _ in range(3)]
    for one, said in zip(pieces, ('{"a"', ": 1", "}"), strict=True):
        one["choices"][0]["delta"]["tool_calls"] = [{"index": 0, "function": {"arguments": said}}]
    settings = {"stream": True, "structured": "tool"}
    generation, _ = ask(
        stream(*pieces, piece("", "tool_calls")), settings=settings, schema={"type": "object"}
    )
    assert (generation.text, generation.error) == ('{"a": 1}', None)
    assert generation.usage.first_token_seconds is not None


def test_a_stream_that_breaks_off_is_asked_again():
    whole = stream(piece("yes", "stop"))
    generation, requests = ask(stream(piece("y"), done=False), whole, settings={"stream": True})
    assert generation.text == "yes"
    assert len(requests) == 2
    generation, _ = ask((200, {}, 'data: {"error": "x"}\n\n'), settings={"stream": True})
    assert "error in place of an answer: x" in generation.error


def test_a_server_elsewhere_needs_a_key(monkeypatch):
    with pytest.raises(EngineUnavailableError, match=r"no key for api\.example\.com: set .* OPENAI_API_KEY"):
        EndpointLLM("m", window=1000, base_url="https://api.example.com/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "EMPTY")
    EndpointLLM("m", window=1000, base_url="https://api.example.com/v1")


@pytest.mark.parametrize("base_url", ["localhost:8000/v1", "", "ftp://host/v1", "/v1"])
def test_a_wrong_base_url(base_url):
    with pytest.raises(ValueError, match="base_url must look like"):
        EndpointLLM("m", window=1000, base_url=base_url)


def test_other_bad_settings():
    with pytest.raises(ValueError, match="concurrency=0"):
        EndpointLLM("m", window=1000, concurrency=0)


TOLD = {"queue_time_ms": 200.0, "time_to_first_token_ms": 300, "generation_time_ms": 40.5, "mean_itl_ms": 1.0}


def with_metrics(metrics):
    status, headers, body = completion()
    return status, headers, json.dumps({**json.loads(body), "metrics": metrics})


def test_times_that_a_vllm_server_tells():
    generation, _ = ask(with_metrics(TOLD))
    usage = generation.usage
    assert (usage.queue_seconds, usage.prefill_seconds, usage.decode_seconds) == (0.2, 0.3, 0.0405)
    assert usage.first_token_seconds == 0.5, "what was not streamed was not timed here"
    assert usage.cached_tokens == 40


@pytest.mark.parametrize("metrics", [None, [], "fast", {}, {"latency": "x"}])
def test_what_another_server_calls_metrics_costs_no_answer(metrics):
    generation, _ = ask(with_metrics(metrics))
    assert (generation.text, generation.usage.queue_seconds, generation.usage.first_token_seconds) == (
        "yes",
        0,
        None,
    )


def test_times_at_the_end_of_a_stream():
    events = [
        {"choices": [{"delta": {"content": "yes"}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 1}, "metrics": TOLD},
    ]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    generation, _ = ask((200, {}, body), settings={"stream": True})
    assert generation.usage.queue_seconds == 0.2
    assert 0 < generation.usage.first_token_seconds < 0.5, "measured here"


def test_every_document_has_its_server():
    prompts = [Prompt(f"Document {i}. ", f"Question {j}?") for i in range(12) for j in range(3)]
    with serving(completion()) as one, serving(completion()) as other:
        urls = [f"http://127.0.0.1:{server.server_port}/v1" for server in (one, other)]
        engine(one, base_url=urls).generate(prompts, max_tokens=5)
        asked = [{r[2]["messages"][0]["content"][:11] for r in server.requests} for server in (one, other)]
        assert len(one.requests) + len(other.requests) == 36
    assert all(asked), "both servers work"
    assert not asked[0] & asked[1], "no document is read twice"


def test_several_servers_are_a_setting_like_any():
    spec = {
        "use": "endpoint",
        "model": "m",
        "window": 9,
        "base_url": ["http://localhost:1/v1", "http://localhost:2/v1"],
    }
    completed = families.BUILDER.complete(spec, families.LLM, "llm")
    assert completed["base_url"] == spec["base_url"]
    assert documents_together({"long": {"llm": completed}}) == 2
    with pytest.raises(ValueError, match="empty list"):
        EndpointLLM("m", 9, base_url=[])
    with pytest.raises(EngineUnavailableError, match=r"no key for far\.example"):
        EndpointLLM("m", 9, base_url=["http://localhost:1/v1", "https://far.example/v1"])

"""Every provider's row against a server that speaks as it does: recorded forms of its replies and refusals, and laws over all."""

import json
from typing import Any, NamedTuple

import pytest
from serving import serving

from rlc.data.errors import EngineUnavailableError, UnsupportedError, UsageError
from rlc.data.protocols import Prompt
from rlc.experiments.metrics.cost import shipped_prices
from rlc.pipeline.llms.endpoint import EndpointLLM
from rlc.pipeline.llms.support.providers import OTHER, PROVIDERS, provider_at

PROMPT = Prompt("The light was built by Ada Lowe. ", "Who built it?", "Be brief.")
SCHEMA = {"type": "object"}
THOUGHT = "Okay, who built it?"


def chat(usage, content="Ada Lowe", **message):
    """A chat completion."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content, **message},
        "finish_reason": "stop",
    }
    return {"object": "chat.completion", "choices": [choice], "usage": usage}


def error(message, **fields):
    """An error in the form that OpenAI made."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, **fields}}


def flat(message, **fields):
    """An error in the form of Mistral's and SGLang's servers."""
    return {"object": "error", "message": message, "param": None, **fields}


def counts(**more):
    return {"prompt_tokens": 50, "completion_tokens": 23, "total_tokens": 73, **more}


CACHED = {"prompt_tokens_details": {"cached_tokens": 40}}
THOUGHT_OF = {"completion_tokens_details": {"reasoning_tokens": 20}}
TEMPLATE = {"chat_template_kwargs": {"enable_thinking": True, "thinking": True}}


class Speaks(NamedTuple):
    """What a provider says and wants to hear; each refusal is a status and a body, None where it refuses no such thing."""

    path: str
    key: str
    limit: str
    on: dict[str, Any]
    off: dict[str, Any]
    answer: dict[str, Any]
    overflow: tuple[int, Any] | None
    no_model: tuple[int, Any] | None
    busy: tuple[int, Any]
    refuses: tuple[str, int, Any] | None = None
    cached: int = 40
    thought: str = THOUGHT
    schema: str = "response_format"
    counts_thoughts: bool = True  # else they are counted here


SPEAKS = {
    "openai": Speaks(
        "/v1/chat/completions",
        "Authorization",
        "max_completion_tokens",
        {"reasoning_effort": "medium"},
        {"reasoning_effort": "none"},
        chat(counts(**CACHED, **THOUGHT_OF), refusal=None),
        (400, error("This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.", code="context_length_exceeded")),
        (404, error("The model `m` does not exist or you do not have access to it.", code="model_not_found")),
        (429, error("Rate limit reached for m on tokens per min (TPM). Please try again in 1ms.", code="rate_limit_exceeded")),
        ("temperature", 400, error("Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.", param="temperature")),
        thought="",
    ),
    "openai-responses": Speaks(
        "/v1/responses",
        "Authorization",
        "max_output_tokens",
        {"reasoning": {"effort": "medium"}},
        {"reasoning": {"effort": "none"}},
        {
            "object": "response",
            "status": "completed",
            "error": None,
            "incomplete_details": None,
            "output": [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": THOUGHT}]},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Ada Lowe", "annotations": [], "logprobs": []}]},
            ],
            "usage": {"input_tokens": 50, "input_tokens_details": {"cached_tokens": 40}, "output_tokens": 23, "output_tokens_details": {"reasoning_tokens": 20}, "total_tokens": 73},
        },
        (400, error("Your input exceeds the context window of this model. Please adjust your input and try again.", code="context_length_exceeded")),
        (400, error("The requested model 'm' does not exist.", code="model_not_found")),
        (429, error("Rate limit reached for m. Please try again in 1ms.", code="rate_limit_exceeded")),
        ("temperature", 400, error("Unsupported parameter: 'temperature' is not supported with this model.", param="temperature")),
        schema="text",
    ),
    "anthropic": Speaks(
        "/v1/messages",
        "x-api-key",
        "max_tokens",
        {"thinking": {"type": "enabled", "budget_tokens": 2048}},
        {"thinking": {"type": "disabled"}},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": THOUGHT, "signature": "x"}, {"type": "text", "text": "Ada Lowe"}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 4, "cache_creation_input_tokens": 6, "cache_read_input_tokens": 40, "output_tokens": 23, "output_tokens_details": {"thinking_tokens": 20}},
        },
        (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 210000 tokens > 200000 maximum"}}),
        (404, {"type": "error", "error": {"type": "not_found_error", "message": "model: m"}}),
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
        ("temperature", 400, {"type": "error", "error": {"type": "invalid_request_error", "message": "`temperature` may only be set to 1 when thinking is enabled."}}),
        schema="output_config",
    ),
    "gemini": Speaks(
        "/v1beta/openai/chat/completions",
        "Authorization",
        "max_tokens",
        {"reasoning_effort": "medium"},
        {"reasoning_effort": "none"},
        chat({"prompt_tokens": 50, "completion_tokens": 3, "total_tokens": 73}),
        (400, [{"error": {"code": 400, "message": "The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).", "status": "INVALID_ARGUMENT"}}]),
        (404, [{"error": {"code": 404, "message": "models/m is not found for API version v1main, or is not supported for generateContent.", "status": "NOT_FOUND"}}]),
        (429, [{"error": {"code": 429, "message": "You exceeded your current quota.", "status": "RESOURCE_EXHAUSTED"}}]),
        ("seed", 400, [{"error": {"code": 400, "message": 'Invalid JSON payload received. Unknown name "seed": Cannot find field.', "status": "INVALID_ARGUMENT"}}]),
        cached=0,
        thought="",
    ),
    "mistral": Speaks(
        "/v1/chat/completions",
        "Authorization",
        "max_tokens",
        {"reasoning_effort": "high"},
        {"reasoning_effort": "none"},
        chat(counts(), [{"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]}, {"type": "text", "text": "Ada Lowe"}]),
        (400, flat("Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length", type="invalid_request_prompt", code="3051")),
        (400, flat("Invalid model: m", type="invalid_model", code="1500")),
        (429, flat("Rate limit exceeded", type="rate_limited", code="1300")),
        ("random_seed", 422, flat({"detail": [{"type": "extra_forbidden", "loc": ["body", "random_seed"], "msg": "Extra inputs are not permitted", "input": 0}]}, type="invalid_request_error")),
        cached=0,
        counts_thoughts=False,
    ),
    "deepseek": Speaks(
        "/chat/completions",
        "Authorization",
        "max_tokens",
        {"thinking": {"type": "enabled"}},
        {"thinking": {"type": "disabled"}},
        chat(counts(prompt_cache_hit_tokens=40, prompt_cache_miss_tokens=10, **THOUGHT_OF), reasoning_content=THOUGHT),
        (400, error("This model's maximum context length is 131072 tokens. However, you requested 140000 tokens (139000 in the messages, 1000 in the completion).")),
        (400, error("Model Not Exist")),
        (429, error("Rate limit reached")),
        schema="tools",
    ),
    "vllm": Speaks(
        "/v1/chat/completions",
        "Authorization",
        "max_tokens",
        TEMPLATE,
        {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}},
        chat(counts(**CACHED), reasoning=THOUGHT, tool_calls=[]),
        (400, error("This model's maximum context length is 4096 tokens. However, you requested 5000 tokens in the messages, Please reduce the length of the messages.", code=400)),
        (404, error("The model `m` does not exist.", code=404)),
        (503, error("The server is overloaded", code=503)),
        ("seed", 400, error("[{'type': 'extra_forbidden', 'loc': ('body', 'seed'), 'msg': 'Extra inputs are not permitted', 'input': 0}]", code=400)),
        counts_thoughts=False,
    ),
    "sglang": Speaks(
        "/v1/chat/completions",
        "Authorization",
        "max_tokens",
        TEMPLATE,
        {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}},
        chat(counts(**CACHED, reasoning_tokens=20), reasoning_content=THOUGHT),
        (400, flat("Input length (5000 tokens) exceeds the maximum allowed length (4091 tokens). Use a shorter input or enable --allow-auto-truncate.", type="BadRequestError", code=400)),
        None,
        (503, flat("The request queue is full.", type="SERVICE_UNAVAILABLE", code=503)),
    ),
    "ollama": Speaks(
        "/v1/chat/completions",
        "Authorization",
        "max_tokens",
        {"reasoning_effort": "medium"},
        {"reasoning_effort": "none"},
        chat(counts(), reasoning=THOUGHT),
        None,  # it cuts the prompt: test_endpoint_behaviours.py
        (404, error("model 'm' not found", type="not_found_error")),
        (503, error("server busy, please try again. maximum pending requests exceeded", type="api_error")),
        cached=0,
        counts_thoughts=False,
    ),
    "llama.cpp": Speaks(
        "/v1/chat/completions",
        "Authorization",
        "max_tokens",
        TEMPLATE,
        {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}},
        {**chat(counts(), reasoning_content=THOUGHT), "timings": {"cache_n": 40, "prompt_n": 10, "predicted_n": 23}},
        (400, {"error": {"code": 400, "message": "the request exceeds the available context size, try increasing it", "type": "exceed_context_size_error", "n_prompt_tokens": 5000, "n_ctx": 4096}}),
        None,
        (503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}),
        counts_thoughts=False,
    ),
}  # fmt: skip


def reply(status, body, **headers):
    return status, headers, json.dumps(body)


def engine(server, name, **settings):
    base = SPEAKS[name].path.partition("/chat/")[0].removesuffix("/responses").removesuffix("/messages")
    url = f"http://127.0.0.1:{server.server_port}{base}"
    settings = {"window": 10_000, "backoff": 0.001, "api_key_env": PROVIDERS[name].key, **settings}
    return EndpointLLM("m", base_url=url, provider=name, **settings)


def ask(name, *replies, schema=None, **settings):
    """The generation and the requests."""
    with serving(*replies) as server:
        [generation] = engine(server, name, **settings).generate([PROMPT], max_tokens=30, schema=schema)
    return generation, server.requests


@pytest.fixture(autouse=True)
def _keys(monkeypatch):
    for one in PROVIDERS.values():
        monkeypatch.setenv(one.key, "sk-of-the-test")


@pytest.fixture(params=SPEAKS)
def name(request):
    return request.param


def test_every_provider_has_its_server():
    assert SPEAKS.keys() == PROVIDERS.keys()


def test_an_answer_its_counts_and_its_thought(name):
    speaks = SPEAKS[name]
    generation, [(path, headers, body)] = ask(name, reply(200, speaks.answer))
    assert (generation.text, generation.error) == ("Ada Lowe", None)
    assert (generation.thought, path) == (speaks.thought, speaks.path)
    usage = generation.usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.output_tokens) == (50, speaks.cached, 23)
    assert usage.thought_tokens == (20 if speaks.counts_thoughts else 6)
    assert headers[speaks.key].removeprefix("Bearer ") == "sk-of-the-test"
    assert body[speaks.limit] == 30
    assert {"max_tokens", "max_completion_tokens", "max_output_tokens"} & body.keys() == {speaks.limit}
    assert "Be brief." in json.dumps(body)


def test_a_document_that_several_questions_share_is_kept_where_that_must_be_asked_for(name):
    more = [
        PROMPT,
        Prompt(PROMPT.prefix, "When?", PROMPT.system),
        Prompt("Another text. ", "Who?", PROMPT.system),
    ]
    with serving(reply(200, SPEAKS[name].answer)) as server:
        engine(server, name, concurrency=1).generate(more, max_tokens=30)
    asked = {
        question: body
        for _, _, body in server.requests
        for question in ("Who built it?", "When?", "Who?")
        if json.dumps(body).count(question)
    }
    kept = {question: json.dumps(body).count("cache_control") for question, body in asked.items()}
    keeps = PROVIDERS[name].keeps
    assert kept == {"Who built it?": keeps, "When?": keeps, "Who?": 0}, (
        "what one question reads is not paid to be kept"
    )
    if keeps:
        [turn] = asked["When?"]["messages"]
        assert turn["content"] == [
            {"type": "text", "text": PROMPT.prefix, "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "When?"},
        ]
        assert asked["When?"]["system"] == "Be brief."


@pytest.mark.parametrize(
    ("name", "told", "shown", "window"),
    [
        ("llama.cpp", {"/props": {"default_generation_settings": {"n_ctx": 4096}, "total_slots": 2}}, {}, 4096),
        ("llama.cpp", {"/props": {"default_generation_settings": None}}, {}, None),
        ("ollama", {"/api/ps": {"models": [{"name": "x:latest", "context_length": 9}, {"name": "m:latest", "context_length": 8192}]}}, {}, 8192),
        ("ollama", {"/api/ps": {"models": []}}, {"parameters": "temperature 0.7\nnum_ctx                        2048"}, 2048),
        ("ollama", {}, {"parameters": "stop \"num_ctx 5\"", "model_info": {"llama.context_length": 131072}}, "could take 131,072 tokens at most"),
        ("ollama", {}, {"model_info": {"llama.block_count": 16}}, None),
        ("vllm", {"/props": {"default_generation_settings": {"n_ctx": 4096}}}, {}, None),
    ],
)  # fmt: skip
def test_the_window_where_the_server_tells_it(name, told, shown, window):
    with serving(reply(200, shown)) as server:
        server.told = {path: reply(200, body) for path, body in told.items()}
        llm = engine(server, name, window=None)
        if isinstance(window, int):
            assert llm.window == window
        else:
            words = window or "does not tell the context length of 'm'"
            with pytest.raises(EngineUnavailableError, match=words):
                _ = llm.window
    assert {(path, tuple(body)) for path, _, body in server.requests} <= {("/api/show", ("model",))}


def test_what_is_written_into_a_cache_is_counted_and_priced():
    generation, _ = ask("anthropic", reply(200, SPEAKS["anthropic"].answer))
    usage = generation.usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.cache_write_tokens) == (50, 40, 6)
    price = shipped_prices()["anthropic/claude-haiku-4-5"]
    assert price.of(usage) == pytest.approx((4 * 1.0 + 40 * 0.1 + 6 * 1.25 + 23 * 5.0) / 1e6)
    assert price.most(50, 23) == pytest.approx((50 * 1.25 + 23 * 5.0) / 1e6)


def test_a_server_that_keeps_nothing_is_asked_without():
    """Such as one that only speaks as Anthropic's does."""
    words = {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "message": "messages.0.content.0.cache_control: Extra inputs are not permitted",
        },
    }

    def behave(body):
        return (
            reply(400, words)
            if "cache_control" in json.dumps(body)
            else reply(200, SPEAKS["anthropic"].answer)
        )

    with serving(behave) as server:
        found = engine(server, "anthropic", concurrency=1).generate([PROMPT, PROMPT], max_tokens=30)
    assert [one.text for one in found] == ["Ada Lowe"] * 2
    assert ["cache_control" in json.dumps(body) for _, _, body in server.requests] == [True, False, False]


@pytest.mark.parametrize("thinking", [True, False, None])
def test_thinking_in_its_words(name, thinking):
    speaks = SPEAKS[name]
    _, [(_, _, body)] = ask(name, reply(200, speaks.answer), thinking=thinking)
    wanted = {True: speaks.on, False: speaks.off, None: {}}[thinking]
    assert {key: body.get(key) for key in wanted} == wanted
    assert thinking is not None or not {*speaks.on, *speaks.off} & body.keys()
    assert body[speaks.limit] == (30 + 2048 if thinking else 30)


def test_what_is_refused_is_asked_without_once_and_never_again(name):
    if SPEAKS[name].refuses is None:
        pytest.skip(f"{name} overhears what it does not know")
    field, status, words = SPEAKS[name].refuses

    def behave(body):
        return reply(status, words) if field in body else reply(200, SPEAKS[name].answer)

    with serving(behave) as server:
        first, second = engine(server, name), engine(server, name)
        [one] = first.generate([PROMPT], max_tokens=30)
        [other] = second.generate([PROMPT], max_tokens=30)
    assert [field in body for _, _, body in server.requests] == [True, False, False]
    for generation in (one, other):
        assert generation.text == "Ada Lowe"
        assert f"were asked without {field.removeprefix('random_')}" in generation.note
        assert ("asked again, they may differ" in generation.note) == (field == "temperature")


def test_a_model_that_it_does_not_have_is_told_with_those_that_it_has(name):
    if SPEAKS[name].no_model is None:
        pytest.skip(f"{name} answers with the model that it has loaded")
    with serving(reply(*SPEAKS[name].no_model)) as server:
        server.listed = reply(200, {"object": "list", "data": [{"id": "mm"}, {"id": "x"}]})
        with pytest.raises(EngineUnavailableError, match=r"is the model 'm' served there.* It serves mm"):
            engine(server, name).check()
        with pytest.raises(EngineUnavailableError, match="is the model 'm' served there"):
            engine(server, name).generate([PROMPT], max_tokens=30)
    assert len(server.requests) == 2, "nobody insists"


def test_a_limit_on_the_rate_is_waited_for(name):
    busy = reply(*SPEAKS[name].busy, **{"Retry-After": "0.01"})
    generation, requests = ask(name, busy, busy, reply(200, SPEAKS[name].answer), backoff=60)
    assert (generation.text, len(requests)) == ("Ada Lowe", 3)


def test_a_prompt_beyond_the_window_fails_alone_and_says_what_to_set(name):
    if SPEAKS[name].overflow is None:
        pytest.skip(f"{name} cuts the prompt, which is found by its count")
    generation, requests = ask(name, reply(*SPEAKS[name].overflow))
    assert "set window to what the server holds" in generation.error
    assert len(requests) == 1


def test_a_schema_and_the_other_way_where_it_is_refused(name):
    field = SPEAKS[name].schema

    def behave(body):
        return (
            reply(200, SPEAKS[name].answer)
            if field not in body
            else reply(400, error(f"{field} is not supported by this model"))
        )

    if PROVIDERS[name].structured == ("tool",):
        with pytest.raises(UnsupportedError, match="refuses tool"):
            ask(name, behave, schema=SCHEMA)
        return
    _, [(_, _, first), (_, _, second)] = ask(name, behave, schema=SCHEMA)
    assert field in first
    assert field not in second
    assert {"tools", "tool_choice"} <= second.keys()


# -- what is one provider's alone ------------------------------------------------------------------------------------


def test_anthropics_newer_models_think_by_another_word():
    def behave(body):
        old = body["thinking"]["type"] == "enabled"
        words = "thinking.type.enabled is not supported for this model. Use thinking.type.adaptive."
        return (
            reply(400, {"type": "error", "error": {"message": words}})
            if old
            else reply(200, SPEAKS["anthropic"].answer)
        )

    _, requests = ask("anthropic", behave, thinking=True)
    assert [body["thinking"]["type"] for _, _, body in requests] == ["enabled", "adaptive"]


def test_anthropics_tool_is_the_answer():
    said = {
        **SPEAKS["anthropic"].answer,
        "content": [{"type": "tool_use", "name": "answer", "input": {"a": 1}}],
        "stop_reason": "tool_use",
    }
    generation, [(_, headers, body)] = ask("anthropic", reply(200, said), schema=SCHEMA, structured="tool")
    assert (generation.text, generation.finish_reason, generation.error) == ('{"a": 1}', "stop", None)
    assert body["system"] == "Be brief."
    assert [turn["role"] for turn in body["messages"]] == ["user"]
    assert headers["anthropic-version"]
    assert "seed" not in body
    assert "without seed" in generation.note


def test_a_response_that_was_cut_or_failed():
    answer = SPEAKS["openai-responses"].answer
    cut = {**answer, "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    assert ask("openai-responses", reply(200, cut))[0].finish_reason == "length"
    failed = {
        **answer,
        "status": "failed",
        "output": [],
        "error": {"code": "server_error", "message": "The server had an error."},
    }
    generation, requests = ask("openai-responses", reply(200, failed), reply(200, answer))
    assert (generation.text, len(requests)) == ("Ada Lowe", 2), "it may pass"
    assert requests[0][2]["store"] is False
    generation, _ = ask("openai-responses", (200, {}, "[]"))
    assert "sent no chat completion" in generation.error


def test_log_probabilities_of_a_response_and_of_none():
    answer = json.loads(json.dumps(SPEAKS["openai-responses"].answer))
    answer["output"][1]["content"][0]["logprobs"] = [
        {"token": "Ada", "logprob": -0.5},
        {"token": " Lowe", "logprob": -1.0},
    ]
    with serving(reply(200, answer)) as server:
        [generation] = engine(server, "openai-responses").generate([PROMPT], max_tokens=30, logprobs=True)
    assert server.requests[0][2]["include"] == ["message.output_text.logprobs"]
    assert generation.logprobs.values.tolist() == [-0.5, -1.0]
    with (
        serving(reply(200, SPEAKS["anthropic"].answer)) as server,
        pytest.raises(UnsupportedError, match="no logprobs there"),
    ):
        engine(server, "anthropic").generate([PROMPT], max_tokens=30, logprobs=True)


def test_an_account_without_money_stops_the_run():
    with pytest.raises(EngineUnavailableError, match="no money left"):
        ask("deepseek", reply(402, error("Insufficient Balance")))
    with pytest.raises(EngineUnavailableError, match="no money left"):
        ask(
            "openai",
            reply(429, error("You exceeded your current quota", code="insufficient_quota")),
        )


def test_a_limit_out_of_range_is_not_called_by_another_name():
    words = "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]"
    generation, requests = ask("deepseek", reply(400, error(words)))
    assert words in generation.error
    assert len(requests) == 1


def test_a_model_that_cannot_think_says_so():
    with pytest.raises(UnsupportedError, match="thoughts neither on nor off"):
        ask("ollama", reply(400, error('"m" does not support thinking')), thinking=True)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://api.anthropic.com/v1", "anthropic"),
        ("https://generativelanguage.googleapis.com/v1beta/openai/", "gemini"),
        ("http://127.0.0.1:11434/v1", "ollama"),
        ("https://api.openai.com/v1", "openai"),
    ],
)
def test_a_provider_is_found_by_its_url(url, name):
    assert provider_at(url) is PROVIDERS[name]


def test_what_is_not_known_is_asked_as_any_server(monkeypatch):
    assert provider_at("https://gateway.example/v1") is OTHER
    assert provider_at("http://localhost:9999/v1") is OTHER
    with pytest.raises(UsageError, match="did you mean 'anthropic'"):
        EndpointLLM("m", 1000, provider="antropic")
    with pytest.raises(ValueError, match="read whole"):
        EndpointLLM("m", 1000, provider="anthropic", stream=True)
    monkeypatch.delenv("GEMINI_API_KEY")
    with pytest.raises(EngineUnavailableError, match="GEMINI_API_KEY"):
        EndpointLLM("m", 1000, provider="gemini")

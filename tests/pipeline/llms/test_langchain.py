import sys
import types

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field

from rlc.data.errors import EngineUnavailableError, UnsupportedError
from rlc.data.protocols import LLM, Prompt
from rlc.pipeline.llms.langchain import LangChainLLM


class FakeChat(BaseChatModel):
    """Plays one message, or raises, and keeps what it was asked."""

    reply: object = "yes"
    model_name: str = "fake-1"
    seen: list = Field(default_factory=list)

    @property
    def _llm_type(self):
        return "fake"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        self.seen.append((messages, stop, kwargs))
        reply = self.reply(messages) if callable(self.reply) else self.reply
        if isinstance(reply, Exception):
            raise reply
        message = reply if isinstance(reply, AIMessage) else AIMessage(reply)
        return ChatResult(generations=[ChatGeneration(message=message)])


class ToolChat(FakeChat):
    """The same, with tools, so with structured output."""

    def bind_tools(self, tools, **kwargs):
        return self


def make_fake(reply="made"):
    return FakeChat(reply=reply)


@pytest.fixture
def factories(monkeypatch):
    module = types.ModuleType("some_models")
    module.make_fake = make_fake
    module.make_nothing = lambda: 3
    monkeypatch.setitem(sys.modules, "some_models", module)


def ask(reply, model=FakeChat, **settings):
    llm = LangChainLLM(model(reply=reply, seen=[]), window=1000)
    return llm.generate([Prompt("Doc. ", "Q?", "Be brief.")], max_tokens=5, **settings)[0]


def test_it_is_an_engine_with_the_models_name():
    llm = LangChainLLM(FakeChat(), window=1000)
    assert isinstance(llm, LLM)
    assert (llm.name, llm.window) == ("fake-1", 1000)


def test_messages_and_settings_reach_the_model():
    chat = FakeChat(seen=[])
    LangChainLLM(chat, window=1000).generate([Prompt("Doc. ", "Q?", "Be brief.")], max_tokens=5, stop=["\n"])
    [(messages, stop, settings)] = chat.seen
    assert messages == [SystemMessage("Be brief."), HumanMessage("Doc. Q?")]
    assert stop == ["\n"]
    assert "temperature" not in settings, "many models refuse one"
    LangChainLLM(chat, window=1000).generate([Prompt("", "Q?")], max_tokens=5, temperature=0.7)
    assert chat.seen[-1][2]["temperature"] == 0.7
    assert settings["max_tokens"] == 5


def test_usage_comes_from_the_message():
    counts = {
        "input_tokens": 90,
        "output_tokens": 4,
        "total_tokens": 94,
        "input_token_details": {"cache_read": 80},
    }
    message = AIMessage("yes", usage_metadata=counts, response_metadata={"finish_reason": "length"})
    generation = ask(message)
    assert (generation.text, generation.finish_reason) == ("yes", "length")
    usage = generation.usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.output_tokens) == (90, 80, 4)
    assert usage.seconds > 0


def test_without_usage_the_tokenizer_counts():
    llm = LangChainLLM(FakeChat(reply="two words"), window=1000)
    prompt = Prompt("Doc ", "question")
    [generation] = llm.generate([prompt], max_tokens=5)
    assert generation.usage.prompt_tokens == llm.count(prompt) == 3 + 32
    assert generation.usage.output_tokens == 2


def test_a_failing_call_harms_no_other():
    chat = FakeChat(reply=lambda messages: RuntimeError("boom") if "bad" in messages[-1].text else "fine")
    prompts = [Prompt("", "good"), Prompt("", "bad"), Prompt("", "good too")]
    first, failed, last = LangChainLLM(chat, window=1000).generate(prompts, max_tokens=5)
    assert (first.text, last.text) == ("fine", "fine")
    assert (failed.error, failed.finish_reason) == ("fake-1: RuntimeError: boom", "error")


def test_no_access_stops_the_run():
    refused = RuntimeError("bad key")
    refused.status_code = 401
    with pytest.raises(EngineUnavailableError, match="bad key; check its key"):
        ask(refused)
    with pytest.raises(EngineUnavailableError, match="is its server running"):
        ask(ConnectionRefusedError("refused"))


def test_an_odd_end_is_an_error():
    generation = ask(AIMessage("", response_metadata={"finish_reason": "content_filter"}))
    assert "content_filter" in generation.error


def test_logprobs():
    metadata = {"logprobs": {"content": [{"token": "yes", "logprob": -0.5}]}}
    scored = ask(AIMessage("yes", response_metadata=metadata), logprobs=True).logprobs
    assert (scored.spans, scored.values.tolist()) == ([(0, 3)], [-0.5])
    failed = ask(AIMessage("no", response_metadata=metadata), logprobs=True)
    assert failed.error.startswith(
        "fake-1: the tokens whose log-probabilities came spell 'yes', not the answer 'no'"
    )
    with pytest.raises(UnsupportedError, match="fake-1 sends no log-probabilities"):
        ask("yes", logprobs=True)


def test_a_schema_needs_structured_output():
    schema = {"type": "object", "properties": {"verdict": {"type": "boolean"}}}
    call = {"name": "answer", "args": {"verdict": True}, "id": "1"}
    assert ask(AIMessage("", tool_calls=[call]), ToolChat, schema=schema).text == '{"verdict": true}'
    assert "did not follow the schema" in ask("I would rather not", ToolChat, schema=schema).error
    with pytest.raises(UnsupportedError, match="FakeChat has no structured output"):
        ask("yes", schema=schema)
    with pytest.raises(UnsupportedError, match="takes a schema alone"):
        ask("yes", ToolChat, schema=schema, logprobs=True)


def test_a_recipe_names_a_factory(factories):
    llm = LangChainLLM(target="some_models:make_fake", arguments={"reply": "hello"}, window=1000)
    assert llm.generate([Prompt("", "q")], max_tokens=1)[0].text == "hello"


@pytest.mark.parametrize("target", ["some_models:nothing", "no_such_module:f", "some_models", ""])
def test_a_wrong_target_is_named(factories, target):
    with pytest.raises(ValueError, match=r"package\.module:factory"):
        LangChainLLM(target=target, window=1000)


def test_other_bad_input(factories):
    with pytest.raises(TypeError, match="made a int, expected a langchain-core BaseChatModel"):
        LangChainLLM(target="some_models:make_nothing", window=1000)
    with pytest.raises(ValueError, match="either model"):
        LangChainLLM(FakeChat(), target="some_models:make_fake", window=1000)
    with pytest.raises(ValueError, match="window=0"):
        LangChainLLM(FakeChat(), window=0)


@pytest.mark.parametrize(
    ("metadata", "finish"),
    [
        ({"finish_reason": "STOP"}, "stop"),
        ({"finish_reason": "MAX_TOKENS"}, "length"),
        ({"finish_reason": "COMPLETE"}, "stop"),
        ({"stopReason": "end_turn"}, "stop"),
        ({"finish_reason": "FINISH_REASON_STOP"}, "stop"),
        ({"finish_reason": ""}, "stop"),
        ({}, "stop"),
    ],
)
def test_ends_of_any_vendor(metadata, finish):
    generation = ask(AIMessage("Ada", response_metadata=metadata))
    assert (generation.text, generation.finish_reason, generation.error, generation.note) == (
        "Ada",
        finish,
        None,
        "",
    )


def test_an_unknown_end_is_noted():
    assert "ended with 'planet'" in ask(AIMessage("Ada", response_metadata={"finish_reason": "planet"})).note


@pytest.mark.parametrize(
    "message",
    [
        AIMessage("<think>Hull?</think>Ada"),
        AIMessage("Ada", additional_kwargs={"reasoning_content": "Hull?"}),
        AIMessage([{"type": "thinking", "thinking": "Hull?"}, {"type": "text", "text": "Ada"}]),
    ],
)
def test_a_thought_is_no_part_of_the_answer(message):
    generation = ask(message)
    assert (generation.text, generation.thought, generation.usage.thought_tokens) == (
        "Ada",
        "Hull?",
        1 if message.text == "Ada" else 2,
    )


def test_a_tool_in_place_of_an_answer_is_named():
    call = {"name": "look_up", "args": {}, "id": "1"}
    assert "called the tool look_up" in ask(AIMessage("", tool_calls=[call])).error

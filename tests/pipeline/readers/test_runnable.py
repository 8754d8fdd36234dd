"""Any Runnable answers as a reader, heard by its callbacks; any reader is a Runnable."""

import runpy
import sys
import threading
from pathlib import Path

import pytest
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableLambda

from rlc.data.errors import EngineUnavailableError, UsageError
from rlc.data.records import Answer, Dataset, Example
from rlc.data.trust import source_digest
from rlc.experiments.runs.compare import compare
from rlc.pipeline.families import BUILDER, READER
from rlc.pipeline.identity import identity
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.long import LongReader
from rlc.pipeline.readers.runnable import RunnableReader, as_runnable, text_of
from rlc.pipeline.recipe import Recipe
from rlc.retrievers.bm25 import BM25Retriever

EXAMPLES = Path(__file__).parents[3] / "examples"
TEXT = "Ada built the light. Bo sold the lamp."


def example(id_="1", question="Who built the light?", text=TEXT):
    return Example(id_, question, Document(id="d", page_content=text))


def model(*replies):
    return FakeListChatModel(responses=list(replies))


def agent(given):
    """Search twice, ask, ask again."""
    document = given["document"]
    passages = [
        Document(page_content=part, metadata={"source": "d", "start_index": at, "end_index": at + len(part)})
        for at, part in ((0, TEXT[:20]), (21, TEXT[21:]))
    ]
    assert document.page_content == TEXT
    retriever = BM25Retriever.from_documents(passages, k=1)
    found = retriever.invoke("light") + retriever.invoke("lamp")
    draft = model("Ada or Bo").invoke(found[0].page_content)
    return {"answer": model("Ada").invoke(draft.text).text}


def test_what_it_does_is_heard():
    [answer] = RunnableReader(runnable=agent, arm="rag")([example()])
    assert (answer.text, answer.error) == ("Ada", None)
    assert [(step.kind, step.round) for step in answer.steps] == [
        ("search", 0),
        ("search", 1),
        ("ask", 2),
        ("ask", 3),
    ]
    assert [step.text for step in answer.steps[2:]] == ["Ada or Bo", "Ada"]
    assert [(one.start, one.end) for one in answer.evidence] == [(0, 20), (21, 38)]
    assert (answer.usage.calls, answer.usage.rounds) == (2, 2)
    assert answer.usage.seconds >= answer.usage.retrieve_seconds > 0
    assert answer.details["note"] == "2 of its model calls reported no tokens"


def test_tokens_are_those_that_its_models_report():
    usage = {
        "input_tokens": 10,
        "output_tokens": 3,
        "total_tokens": 13,
        "input_token_details": {"cache_read": 4},
        "output_token_details": {"reasoning": 1},
    }

    class Told(FakeListChatModel):
        def _generate(self, *args, **more):
            result = super()._generate(*args, **more)
            result.generations[0].message.usage_metadata = usage
            return result

    [answer] = RunnableReader(
        runnable=RunnableLambda(lambda given: given["question"]) | Told(responses=["Ada"])
    )([example()])
    told = answer.usage
    assert (told.prompt_tokens, told.cached_tokens, told.output_tokens, told.thought_tokens) == (10, 4, 3, 1)
    assert answer.details == {}


def test_calls_side_by_side_are_one_round():
    barrier = threading.Barrier(2, timeout=5)

    class Waits(FakeListChatModel):
        def _generate(self, *args, **more):
            barrier.wait()
            return super()._generate(*args, **more)

    both = RunnableLambda(lambda given: given["question"]) | {
        "a": Waits(responses=["x"]),
        "answer": Waits(responses=["y"]),
    }
    [answer] = RunnableReader(runnable=both)([example()])
    assert (answer.text, answer.usage.calls, answer.usage.rounds) == ("y", 2, 1)


def test_a_question_that_fails_fails_alone_with_what_it_cost():
    def fails(given):
        reply = model("Ada").invoke(given["question"])
        if "lamp" in given["question"]:
            raise RuntimeError("the tool broke")
        return reply

    first, second = RunnableReader(runnable=fails)([example(), example("2", "Who sold the lamp?")])
    assert (first.text, first.error) == ("Ada", None)
    assert (second.text, second.error, second.usage.calls) == ("", "RuntimeError: the tool broke", 1)


def test_an_engine_that_is_not_there_ends_the_run():
    def gone(given):
        raise EngineUnavailableError("no server")

    with pytest.raises(EngineUnavailableError, match="no server"):
        RunnableReader(runnable=gone)([example()])


@pytest.mark.parametrize(
    ("output", "key", "text"),
    [
        ("Ada", "", "Ada"),
        (AIMessage("Ada"), "", "Ada"),
        (7, "", "7"),
        ({"output": "Ada", "steps": []}, "", "Ada"),
        ({"answer": "no", "final": AIMessage("Ada")}, "final", "Ada"),
        ({"messages": [HumanMessage("Who?"), AIMessage("Ada")]}, "", "Ada"),
        ({"messages": []}, "", None),
        ({"found": "Ada"}, "", None),
        (None, "", None),
    ],
)
def test_where_the_answer_stands(output, key, text):
    assert text_of(output, key) == text


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ({"found": 1}, "it returned found; expected a text, or answer, output"),
        (None, "NoneType"),
        (" ", "empty text"),
    ],
)
def test_no_answer_says_what_came(output, said):
    [answer] = RunnableReader(runnable=lambda _: output)([example()])
    assert said in answer.error
    assert answer.finish_reason == "error"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "expected either target"),
        ({"target": "a:b", "runnable": agent}, "expected either target"),
        ({"runnable": agent, "concurrency": 0}, "at least 1"),
    ],
)
def test_settings_that_make_no_sense(settings, said):
    with pytest.raises(ValueError, match=said):
        RunnableReader(**settings)


@pytest.mark.parametrize(
    ("target", "said"), [("no_such_module:make", "importable"), ("builtins:dict", "made a dict")]
)
def test_a_target_that_is_none(target, said):
    with pytest.raises(UsageError, match=said):
        RunnableReader(target=target)([example()])


def test_a_reader_is_a_runnable_whose_batch_is_one_call():
    llm = ScriptedLLM({"built": "Ada", "sold": "Bo"})
    runnable = as_runnable(LongReader(llm))
    inputs = [{"question": question, "document": TEXT} for question in ("Who built it?", "Who sold it?")]
    assert [answer.text for answer in runnable.batch(inputs)] == ["Ada", "Bo"]
    assert len(llm.calls) == 1
    assert isinstance(runnable.invoke(inputs[0]), Answer)
    assert (runnable | (lambda answer: answer.text.upper())).invoke(inputs[1]) == "BO"


def test_a_reader_as_a_runnable_says_what_it_wants():
    with pytest.raises(UsageError, match=r"expected .*question.*: a text, .*document"):
        as_runnable(LongReader(ScriptedLLM({}))).invoke({"question": "Who?"})


def test_a_graph_is_the_third_arm_of_a_comparison(tmp_path, monkeypatch):
    pytest.importorskip("langgraph", reason="the stranger's agent is a LangGraph graph")
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setenv("RLC_ALLOW_CODE", "1")
    engine = {"use": "scripted", "answers": {"": "Ada Lowe"}}
    recipe = Recipe(
        {
            "rag": {"use": "rag", "chunker": "sentence", "retriever": "bm25", "llm": engine},
            "long": {"use": "long", "llm": engine},
            "agent": {"use": "runnable", "target": "agent_as_an_arm:make", "output": "answer"},
        }
    )
    one = example()
    data = Dataset("light", (one, example("2", "Who sold the lamp?")), {"d": one.document}, "1")
    with pytest.warns(UserWarning, match="runs agent_as_an_arm"):
        run = compare(data, recipe, ("rag", "long", "agent"), out=tmp_path)
    rows = run.frame.filter(run.frame["reader"] == "agent")
    assert rows["error"].is_null().all()
    assert (rows["calls"] == 1).all()
    assert (rows["prompt_tokens"] > 0).all()
    sys.modules.pop("agent_as_an_arm", None)


def test_the_example_runs():
    pytest.importorskip("langgraph")
    answer = runpy.run_path(str(EXAMPLES / "agent_as_an_arm.py"))["main"]()
    assert answer.text == "The harbour light was built in 1871 by Ada Lowe."
    assert [step.kind for step in answer.steps] == ["ask"]


def test_a_changed_agent_is_another_reader(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    spec = BUILDER.complete({"use": "runnable", "target": "mine:make"}, READER, "r")
    before = identity(spec)
    (tmp_path / "mine.py").write_text("raise SystemExit('imported') # better\n")
    assert identity(spec) != before
    assert source_digest("langchain_core.runnables:RunnablePassthrough") == ""
    assert source_digest("no.such.module:x") == ""

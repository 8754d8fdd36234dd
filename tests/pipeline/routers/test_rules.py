"""Routers that follow a rule: self-route, the table, pre-route."""

import numpy as np
import pytest

from rlc.data.errors import DataError, EngineError
from rlc.data.protocols import Generation
from rlc.data.records import Answer, Usage
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.routers.cascade import Cascade
from rlc.pipeline.routers.pre_route import PreRoute, route_of
from rlc.pipeline.routers.self_route import SelfRoute
from rlc.pipeline.routers.support.split import chosen
from rlc.pipeline.routers.table import TableModel, TableRouter, fit_table, load_table


def arm(name, texts):
    def answer(examples, /):
        return [Answer(texts.get(e.id, "yes"), name, usage=Usage(prompt_tokens=10)) for e in examples]

    return answer


@pytest.fixture
def examples(make_example):
    return [make_example("a"), make_example("b"), make_example("c")]


def test_self_route_asks_again_where_rag_refused(examples):
    texts = {"a": "Unanswerable.", "c": "The passages do not mention it."}
    answers = SelfRoute(arm("rag", texts), arm("long", {}))(examples)
    assert [answer.route for answer in answers] == ["long", "rag", "long"]
    assert [answer.usage.prompt_tokens for answer in answers] == [20, 10, 20]
    assert [answer.details["refused"] for answer in answers] == [True, False, True]


def test_whoever_falls_through_waits_for_both(examples):
    """2.0 s for the passages' answer whole, then 4.0 s to the document's first token."""

    def timed(name, text, first, seconds):
        usage = Usage(output_tokens=1, first_token_seconds=first, seconds=seconds)
        return lambda asked, /: [Answer(text, name, usage=usage) for _ in asked]

    rag, long = timed("rag", "Unanswerable.", 0.5, 2.0), timed("long", "Yes.", 4.0, 5.0)
    for router in (SelfRoute(rag, long), Cascade([rag, long])):
        [answer] = router(examples[:1])
        assert (answer.route, answer.usage.first_token_seconds, answer.usage.seconds) == ("long", 6.0, 7.0)
    assert chosen(rag(examples)[0], long(examples)[0]).usage.first_token_seconds == 7.0


def test_a_table_by_hand(examples):
    gains = np.array(
        [[1.0, 1, -1, -1], [0, 0, 1, 1], [1, 1, 1, 0]]
    )  # three readers, two short and two long documents
    short = np.array([True, True, False, False])
    strength = np.array([[x, 0.0] for x in (-0.2, 0.0, 0.2)])
    table = fit_table(short, gains, np.ones((3, 4), bool), np.ones(4, bool), strength)
    np.testing.assert_allclose(table.gains, [[1, -1], [0, 1], [1, 0.5], [2 / 3, 1 / 6]])
    assert [table.bucket(row) for row in strength] == ["weak", "middle", "strong"]
    assert table.choose(short, strength[0]).tolist() == [True, True, False, False]
    assert table.choose(short, None).all()
    again = TableModel.from_json(table.to_json())
    np.testing.assert_allclose(again.gains, table.gains, atol=1e-4)
    for text in ("{}", '{"format": 7}', "?"):
        with pytest.raises(DataError, match="table"):
            TableModel.from_json(text)


def test_the_shipped_table_says_which_row_it_took(examples):
    [answer, *_] = TableRouter(arm("rag", {}), arm("long", {}), reader="gpt-4o")(examples)
    assert answer.details["assumed_reader"] in ("weak", "middle", "strong")
    [answer, *_] = TableRouter(arm("rag", {}), arm("long", {}))(examples)
    assert answer.details["assumed_reader"] == "any"
    assert load_table("table-1").readers
    with pytest.raises(DataError, match="no router's fit"):
        TableRouter(arm("rag", {}), arm("long", {}), fit="nowhere.json")


def test_pre_route_follows_the_reply_and_charges_it(examples):
    llm = ScriptedLLM(lambda prompt: "**LONG**" if "Who" in prompt.question else "RAG")
    answers = PreRoute(arm("rag", {}), arm("long", {}), llm)(examples)
    assert [answer.route for answer in answers] == ["long"] * 3
    assert all(answer.usage.prompt_tokens > 10 for answer in answers)
    assert "Ann met Bob" in llm.calls[0].prompts[0].question, "the document's beginning"
    unsure = PreRoute(arm("rag", {}), arm("long", {}), ScriptedLLM({"": "Well."}))(examples)
    assert [(answer.route, answer.details["understood"]) for answer in unsure] == [("rag", False)] * 3


def test_the_last_arm_named_counts():
    assert route_of(Generation("Not RAG, but long.")) == "LONG"
    assert route_of(Generation("不选RAG，应选择LONG。")) == "LONG"
    assert route_of(Generation("neither")) == ""
    with pytest.raises(EngineError, match="no decision"):
        route_of(Generation("", error="down"))

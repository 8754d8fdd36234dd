"""The learned routers: the model by hand, the price, and what a decision says."""

import dataclasses
import json

import numpy as np
import pytest

from rlc.data.errors import DataError, UnsupportedError
from rlc.data.protocols import Retrieved
from rlc.data.records import Answer, Evidence, Usage
from rlc.pipeline.routers.believe_refusal import BelieveRefusal
from rlc.pipeline.routers.buy_then_choose import BuyThenChoose
from rlc.pipeline.routers.cascade import Cascade
from rlc.pipeline.routers.learned import SHIPPED, LearnedRouter
from rlc.pipeline.routers.learned_after_both import SHIPPED as AFTER_BOTH
from rlc.pipeline.routers.learned_after_both import WITH_PANEL, LearnedAfterBothRouter
from rlc.pipeline.routers.learned_after_rag import SHIPPED as AFTER_RAG
from rlc.pipeline.routers.learned_after_rag import LearnedAfterRagRouter
from rlc.pipeline.routers.support.decide import Decider
from rlc.pipeline.routers.support.features import Text, features
from rlc.pipeline.routers.support.gain_model import STRENGTHS, CurvePoint, load_model, model_of
from rlc.pipeline.routers.support.price import paid_share, worth_it
from rlc.pipeline.routers.support.softmax_model import SoftmaxModel


def model(**changes):
    """One feature, which speaks for long context, the more so the stronger the long arm."""
    weights = np.zeros((1 + len(STRENGTHS), 2, 3))
    weights[0, 1] = [0, 0, 1]
    weights[1, 1] = [0, 0, 0.5]
    settings = {
        "features": ("f",),
        "centre": np.array([10.0]),
        "scale": np.array([2.0]),
        "strength_centre": np.zeros(2),
        "strength_scale": np.full(2, 0.1),
        "weights": weights,
        "readers": {"strong": (0.1, 0.0)},
        "curve": (CurvePoint(0.0, 1000.0, 0.7), CurvePoint(0.1, 500.0, 0.6), CurvePoint(0.2, 100.0, 0.5)),
    }
    return SoftmaxModel(**{**settings, **changes})


def test_probabilities_by_hand():
    matrix = model().matrix([{"f": 12.0, "other": 1.0}])
    e = np.exp(1.0)
    np.testing.assert_allclose(model().probabilities(matrix), [[1 / (2 + e), 1 / (2 + e), e / (2 + e)]])
    e = np.exp(1.5)
    strong = model().probabilities(matrix, model().readers["strong"])
    np.testing.assert_allclose(strong[0, 2], e / (2 + e))
    np.testing.assert_allclose(model().moved(matrix), [[1.0]])
    far = model().probabilities(model().matrix([{"f": 1e9}]))
    assert far[0, 2] == pytest.approx(np.exp(4) / (2 + np.exp(4))), "no further than four standard deviations"


def test_a_budget_is_read_off_the_curve():
    assert model().price_of(2000) == 0
    assert model().price_of(750) == pytest.approx(0.05)
    assert model().price_of(500) == pytest.approx(0.1)
    assert model().price_of(50) == float("inf")
    with pytest.raises(DataError, match="no curve"):
        model(curve=()).price_of(100)


def test_the_file_keeps_the_model():
    again = model_of(model().to_json())
    assert again.readers == model().readers
    assert again.curve == model().curve
    np.testing.assert_allclose(again.weights, model().weights)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not json", "not a router's fit"),
        ("[1]", "not a router's fit"),
        (json.dumps({"format": 0}), "format 0 and this version reads format 1"),
        (json.dumps({"format": 1}), "damaged"),
        (
            json.dumps({"format": 1, "kind": "forest"}),
            "of the kind 'forest' and this version reads softmax, trees",
        ),
        (json.dumps({**json.loads(model().to_json()), "weights": [[1.0]]}), "damaged"),
        (json.dumps({**json.loads(model().to_json()), "outcomes": ["a"]}), "other strengths or outcomes"),
    ],
)
def test_what_is_no_fit(text, message):
    with pytest.raises(DataError, match=message):
        model_of(text)


def test_missing_features_are_named():
    with pytest.raises(DataError, match="needs the features f,"):
        model().matrix([{"g": 1.0}])
    with pytest.raises(DataError, match="no router's fit"):
        load_model("nowhere.json")


def test_price_by_hand():
    assert paid_share(1, 0.1) == 1
    assert paid_share(10, 0.1) == pytest.approx(0.19)
    assert paid_share(1e9, 0.1) == pytest.approx(0.1)
    # 0.01 a thousand tokens: 10,000 more cost 0.1
    tokens = np.array([10_000, 10_000, 0])
    assert worth_it(np.array([0.11, 0.09, 0.09]), tokens, price=0.01).tolist() == [True, False, True]
    assert worth_it(np.array([0.01, 0.0, -0.01]), tokens, price=0.0).tolist() == [True, False, False]
    assert not worth_it(np.array([0.5, 0.5, 0.5]), tokens, price=float("inf")).any()


def test_a_budget_reaches_further_where_a_question_pays_a_share():
    # 350 tokens at half the price of reading reach as far as 600 in full; that price is for the half that is paid.
    assert model().price_of(350, share=0.5) == pytest.approx(0.08 / 0.5)
    assert model().price_of(600) == pytest.approx(0.08)
    assert model().price_of(99, share=0.5) == float("inf")


@dataclasses.dataclass
class Arm:
    """An arm that keeps what it was asked; it finds the document's first characters."""

    name: str
    fails: bool = False
    asked: list = dataclasses.field(default_factory=list)
    searched: int = 0

    def __call__(self, examples, /):
        self.asked += [example.id for example in examples]
        error = "EngineError: no" if self.fails else None
        return [Answer("Ann.", self.name, usage=Usage(prompt_tokens=10), error=error) for _ in examples]

    def retrieve(self, examples, /):
        self.searched += 1
        return [
            Retrieved((Evidence(e.document_id, 0, 12, 2.0),), Usage(retrieve_seconds=1.0)) for e in examples
        ]


@pytest.fixture
def examples(make_example):
    text = "Ann met Bob at the mill. " * 40
    questions = [
        "How did Ann change between the beginning and the end, compared with Bob?",
        "Who is the chief executive of Zoetropolis Holdings?",
    ]
    return [make_example(f"q{i}", question, text) for i, question in enumerate(questions)]


@pytest.mark.parametrize("router", [LearnedRouter, LearnedAfterRagRouter])
def test_a_decision_says_why(router, examples):
    rag, long = Arm("rag"), Arm("long")
    answers = router(rag, long, reader="gpt-4o")(examples)
    for answer in answers:
        assert answer.details.keys() == {
            "p_long",
            "p_rag",
            "expected_gain",
            "price",
            "extra_tokens",
            "moved",
            "assumed_reader",
        }
        assert 0 < answer.details["p_long"] < 1
        assert len(answer.details["moved"]) == 3
        assert answer.details["assumed_reader"] == "gpt-4o"
        assert (answer.route == "long") == (answer.details["expected_gain"] > 0)
    assert json.dumps([answer.details for answer in answers])
    assert rag.searched == 1


def test_cost_is_the_arms_and_the_search(examples):
    rag, long = Arm("rag"), Arm("long")
    for answer in LearnedRouter(rag, long, reader="gpt-4o")(examples):
        assert answer.usage.retrieve_seconds == (1.0 if answer.route == "long" else 0.0), "rag counts its own"
        assert answer.usage.prompt_tokens == 10
    after = LearnedAfterRagRouter(Arm("rag"), Arm("long"), reader="gpt-4o")(examples)
    assert [a.usage.prompt_tokens for a in after] == [20 if a.route == "long" else 10 for a in after]


def test_a_price_that_nothing_is_worth_and_a_failed_answer(examples):
    rag, long = Arm("rag"), Arm("long")
    LearnedRouter(rag, long, price=1e9)(examples)
    assert (rag.asked, long.asked) == (["q0", "q1"], [])
    long = Arm("long")
    LearnedAfterRagRouter(Arm("rag", fails=True), long, price=1e9)(examples)
    assert long.asked == ["q0", "q1"], "an answer that never came is asked again, whatever it costs"


def test_both_arms_are_asked_and_paid_and_one_answer_is_kept(examples):
    rag, long = Arm("rag"), Arm("long")
    answers = LearnedAfterBothRouter(rag, long, reader="gpt-4o")(examples)
    assert rag.asked == long.asked == ["q0", "q1"]
    assert [answer.usage.prompt_tokens for answer in answers] == [20, 20]
    for answer in answers:
        assert (answer.route == "long") == (answer.details["expected_gain"] > 0)
    for broken, kept in (("rag", "long"), ("long", "rag")):
        arms = [Arm(name, fails=name == broken) for name in ("rag", "long")]
        assert {answer.route for answer in LearnedAfterBothRouter(*arms)(examples)} == {kept}


def test_a_panel_is_asked_paid_and_needs_its_own_fit(examples):
    panel = [Arm("a"), Arm("b")]
    answers = LearnedAfterBothRouter(Arm("rag"), Arm("long"), fit=WITH_PANEL, panel=panel)(examples)
    assert [reader.asked for reader in panel] == [["q0", "q1"]] * 2
    assert [answer.usage.prompt_tokens for answer in answers] == [40, 40]
    assert {answer.route for answer in answers} <= {"rag", "long"}
    with pytest.raises(ValueError, match="knows no panel: take fit = 'lara-panel-1'"):
        LearnedAfterBothRouter(Arm("rag"), Arm("long"), panel=panel)
    with pytest.raises(ValueError, match="was made with a panel: give one"):
        LearnedAfterBothRouter(Arm("rag"), Arm("long"), fit=WITH_PANEL)


def test_what_is_bought_is_what_it_may_pay_for(examples):
    free, dear = ({"reader": "gpt-4o", "price": price} for price in (0.0, 1e9))
    whole = LearnedAfterBothRouter(Arm("rag"), Arm("long"), reader="gpt-4o")(examples)
    bought = BuyThenChoose(Arm("rag"), Arm("long"), **free)(examples)
    assert [a.details["bought"] for a in bought] == [True, True], "nothing costs anything"
    first = LearnedAfterRagRouter(Arm("rag"), Arm("long"), reader="gpt-4o")(examples)
    assert [a.details["worth"] for a in bought] == [a.details["p_long"] for a in first]
    assert [(a.route, a.usage) for a in bought] == [(a.route, a.usage) for a in whole]
    long = Arm("long")
    kept = BuyThenChoose(Arm("rag"), long, **dear)(examples)
    assert (long.asked, [a.details["bought"] for a in kept]) == ([], [False, False])
    assert [(a.route, a.usage.prompt_tokens) for a in kept] == [("rag", 10)] * 2
    failed = BuyThenChoose(Arm("rag", fails=True), Arm("long"), **dear)(examples)
    assert [(a.route, a.details["bought"]) for a in failed] == [("long", True)] * 2
    small, large = (BuyThenChoose(Arm("rag"), Arm("long"), price=0.0, budget=b) for b in (5_000, 60_000))
    assert small._decider.price > large._decider.price


def test_a_refusal_is_believed(make_example):
    refuses = [
        Answer("The text does not say.", "rag"),
        Answer("Ann.", "rag"),
        Answer("", "rag", error="E: no"),
    ]
    answers = BelieveRefusal(lambda _: refuses, Arm("long"))([make_example(name) for name in "abc"])
    assert [answer.route for answer in answers] == ["rag", "long", "long"]
    assert [answer.details["refused"] for answer in answers] == [True, False, False]


def test_a_cascade_by_hand(make_example):
    """q0 holds at once; q1 refuses, then holds; q2 says what nobody read, then fails: the first answer stays."""
    examples = [make_example(f"q{i}") for i in range(3)]
    evidence = (Evidence("d", 0, 12),)  # "Ann met Bob."
    usage = Usage(prompt_tokens=10)

    def arm(name, texts):
        def answer(asked, /):
            return [
                Answer(texts[e.id] or "", name, evidence, usage, error=None if texts[e.id] else "E: no")
                for e in asked
            ]

        return answer

    first = arm("small", {"q0": "Bob.", "q1": "It is not stated.", "q2": "A red kite."})
    second = arm("large", {"q1": "Ann met Bob.", "q2": None})
    answers = Cascade([first, second])(examples)
    assert [answer.route for answer in answers] == ["small", "large", "small"]
    assert [answer.usage.prompt_tokens for answer in answers] == [10, 20, 20]
    assert [answer.details["arms_asked"] for answer in answers] == [1, 2, 2]
    assert [a.details["arms_asked"] for a in Cascade([first, second], support=0.0)(examples)] == [1, 2, 1]
    with pytest.raises(ValueError, match="at least two arms"):
        Cascade([first])


@pytest.mark.parametrize("router", [LearnedRouter, LearnedAfterRagRouter])
def test_a_decision_does_not_depend_on_what_is_asked_beside_it(router, examples):
    """A resumed run asks only what is missing, and must decide as the whole run did."""
    gain = LearnedRouter(Arm("rag"), Arm("long"), reader="gpt-4o")(examples)[0].details["expected_gain"]
    tokens = (len(examples[0].document.page_content) - 12) / 4.2
    price = 1000 * gain / tokens * 2  # twice what the first question is worth in full
    for spread, route in ((1.0, "rag"), (10.0, "long")):
        settings = {"reader": "gpt-4o", "price": price, "questions_per_document": spread}
        together = router(Arm("rag"), Arm("long"), **settings)(examples)
        alone = [router(Arm("rag"), Arm("long"), **settings)([example])[0] for example in examples]
        assert [a.route for a in together] == [a.route for a in alone]
        if router is LearnedRouter:
            assert together[0].route == route


def test_what_is_assumed_of_an_unknown_reader(examples):
    router = LearnedRouter(Arm("rag"), Arm("long"), reader="mine")
    said = router(examples)[0].details["assumed_reader"]
    assert said.endswith("readers (mine was never measured)")
    strength = {"lead_answerable": 0.1, "lead_unanswerable": 0.0}
    strong = LearnedRouter(Arm("rag"), Arm("long"), strength=strength)(examples)[0].details
    assert strong["assumed_reader"] == "as given"
    weak = LearnedRouter(Arm("rag"), Arm("long"), strength={**strength, "lead_answerable": -0.2})(examples)[
        0
    ].details
    assert strong["expected_gain"] > weak["expected_gain"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"price": -1.0}, "price must not be negative"),
        ({"cached": 2.0}, "cached in"),
        ({"questions_per_document": 0.5}, "at least 1"),
        ({"price": 0.1, "budget": 5}, "a price or a budget"),
        ({"strength": {"rag": 0.5}}, "give all of them"),
        ({"strength": dict.fromkeys(STRENGTHS, 2.0)}, "between -1 and 1"),
    ],
)
def test_bad_settings_are_refused_at_once(settings, message):
    with pytest.raises(ValueError, match=message):
        LearnedRouter(Arm("rag"), Arm("long"), **settings)


def test_an_arm_that_hides_what_it_retrieves(examples):
    router = LearnedRouter(lambda asked: [Answer("", "rag") for _ in asked], Arm("long"))
    with pytest.raises(UnsupportedError, match="does not show what it retrieves"):
        router(examples)


def test_the_shipped_fits_fit_their_features():
    before = set(features("Who?", Text("x"), ()))
    assert set(load_model(SHIPPED).features) == before
    assert set(load_model(AFTER_BOTH).features) > set(load_model(AFTER_RAG).features) > before
    assert Decider.of(SHIPPED, "", None, 0.0, 20_000, 0.1, 1.0).price > 0

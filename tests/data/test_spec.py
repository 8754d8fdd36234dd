import functools
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.data.errors import SpecError, WeightsError
from rlc.data.spec import Builder, Family, fingerprint, flatten


@dataclass(frozen=True)
class Engine:
    model: str
    window: int = 100
    heat: float = 0.5
    greedy: bool = True
    revision: str | None = None

    def __post_init__(self):
        if self.window < 1:
            raise ValueError(f"window must be at least 1, got {self.window}")
        if self.model == "absent":
            raise WeightsError("no such weights")


@dataclass(frozen=True)
class Step:
    size: int = 1


Make = Callable[[list[str]], "Index"]


class Index:
    @classmethod
    def over(
        cls, documents, *, k: int = 5, members: Sequence[Make] = (), index: Literal["flat", "tree"] = "flat"
    ):
        index = cls()
        index.documents, index.k, index.members = documents, k, members
        return index


@dataclass(frozen=True)
class Reading:
    llm: Engine
    index: Make | None = None
    steps: Sequence[Step] = ()
    name: str = "reading"
    critic: Engine | str | None = None
    overflow: Literal["head", "middle"] = "middle"


def table(**classes):
    return {name.replace("_", "-"): f"{__name__}:{cls.__name__}" for name, cls in classes.items()}


ENGINE = Family("engine", {"hf": "x:Engine", "dry-run": "x:Engine"}, [Engine], shorthand="hf")
INDEX = Family("retriever", {"flat": "x:Index"}, [Make], constructor="over", deferred=True)
STEP = Family("step", {"cut": "x:Step"}, [Step])
READER = Family("reader", {"rag": "x:Reading"}, aliases={"auto": "rag"})
BUILDER = Builder([ENGINE, INDEX, STEP, READER])
FULL_ENGINE = {"use": "hf", "model": "m", "window": 100, "heat": 0.5, "greedy": True, "revision": None}


@pytest.fixture(autouse=True)
def classes_of_this_file(monkeypatch):
    monkeypatch.setattr("rlc.data.spec.load", lambda target: globals()[target.partition(":")[2]])


def complete(spec, path="readers.a"):
    return BUILDER.complete(spec, READER, path)


def test_completion_fills_defaults_and_expands_shorthands():
    assert complete({"use": "rag", "llm": "m", "index": "flat"}) == {
        "use": "rag",
        "llm": FULL_ENGINE,
        "index": {"use": "flat", "k": 5, "index": "flat"},
        "name": "reading",
        "critic": None,
        "overflow": "middle",
    }


def test_a_bare_string_is_an_entry_before_it_is_a_model():
    with pytest.raises(SpecError, match=r"readers\.a\.llm: the setting 'model' is missing"):
        complete({"use": "rag", "llm": "dry-run"})


def test_lists_are_completed_and_built_item_by_item():
    spec = complete(
        {"use": "rag", "llm": "m", "index": {"use": "flat", "members": ["flat", {"use": "flat", "k": 2}]}}
    )
    assert [member["k"] for member in spec["index"]["members"]] == [5, 2]
    reader = BUILDER.build(spec, READER, "readers.a")
    index = reader.index(["text"])
    assert (index.documents, index.k) == (["text"], 5)
    assert [member(["text"]).k for member in index.members] == [5, 2]


def test_the_annotation_says_what_a_setting_is_built_from_whatever_its_name():
    spec = complete({"use": "rag", "llm": "m", "critic": {"use": "hf", "model": "m"}})
    reader = BUILDER.build(spec, READER, "readers.a")
    assert reader.critic is reader.llm
    assert complete({"use": "rag", "llm": "m", "critic": "a plain text"})["critic"] == "a plain text"
    assert [path for _, path, _ in BUILDER.walk(spec, READER, "a")] == ["a", "a.llm", "a.critic"]


def test_an_alias_is_written_out_as_what_it_stands_for():
    assert complete({"use": "auto", "llm": "m"}) == complete({"use": "rag", "llm": "m"})


def test_completing_twice_changes_nothing():
    once = complete({"use": "rag", "llm": "m", "index": "flat"})
    assert complete(once) == once


def test_the_only_method_of_a_family_need_not_be_named():
    spec = {"use": "rag", "llm": "m", "steps": [{"size": 2}]}
    assert complete(spec)["steps"] == [{"use": "cut", "size": 2}]


def test_nothing_is_written_into_the_given_spec():
    given = {"use": "rag", "llm": {"use": "hf", "model": "m"}}
    before = json.dumps(given)
    BUILDER.build(complete(given), READER, "readers.a")
    assert json.dumps(given) == before


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"use": "rga", "llm": "m"}, r"readers\.a: no reader 'rga'; did you mean 'rag'\? known: auto, rag"),
        ({"use": "rag", "lm": "m"}, r"readers\.a\.lm: no setting 'lm'; did you mean 'llm'\?"),
        ({"use": "rag"}, r"readers\.a: the setting 'llm' is missing"),
        (
            {"use": "rag", "llm": "m", "index": {"use": "flat", "members": ["flat", "falt"]}},
            r"readers\.a\.index\.members\[1\]: no retriever 'falt'; did you mean 'flat'",
        ),
        ({"use": "rag", "llm": 3}, r"readers\.a\.llm: expected one engine, .*got 3"),
        ({"llm": "m"}, r"readers\.a: expected"),
        ({"use": "rag", "llm": ["m"]}, r"readers\.a\.llm: expected one engine, got \['m'\]"),
        ({"use": "rag", "llm": "m", "steps": "cut"}, r"readers\.a\.steps: expected a list, .* got 'cut'"),
        ("", "no reader ''"),
        (
            {"use": "rag", "llm": {"use": "hf", "model": "m", "window": "many"}},
            r"llm\.window: expected int, got 'many'",
        ),
        (
            {"use": "rag", "llm": {"use": "hf", "model": "m", "window": True}},
            r"llm\.window: expected int, got True",
        ),
        (
            {"use": "rag", "llm": {"use": "hf", "model": "m", "greedy": 1}},
            r"llm\.greedy: expected bool, got 1",
        ),
        ({"use": "rag", "llm": "m", "name": 4}, r"readers\.a\.name: expected str, got 4"),
        (
            {"use": "rag", "llm": "m", "overflow": "midle"},
            r"readers\.a\.overflow: no choice 'midle'; did you mean 'middle'\? known: head, middle",
        ),
        ({"use": "rag", "llm": "m", "overflow": None}, r"readers\.a\.overflow: no choice None; known"),
        ({"use": "rag", "llm": {"use": "hf", "model": "m", "heat": float("nan")}}, r"llm\.heat: .*nan"),
        ({"use": "rag", "llm": {"use": "hf", "model": "m", "revision": {1}}}, r"llm\.revision: .*\{1\}"),
    ],
)
def test_a_mistake_names_its_place(spec, message):
    with pytest.raises(SpecError, match=message):
        complete(spec)


def test_what_the_class_refuses_names_its_place():
    spec = complete({"use": "rag", "llm": {"use": "hf", "model": "m", "window": 0}})
    with pytest.raises(SpecError, match=r"^readers\.a\.llm: window must be at least 1, got 0"):
        BUILDER.build(spec, READER, "readers.a")


def test_an_error_that_already_teaches_passes_through():
    with pytest.raises(WeightsError, match="no such weights"):
        BUILDER.build(complete({"use": "rag", "llm": "absent"}), READER, "readers.a")


def test_equal_specs_give_the_same_object_and_others_another():
    builder = replace(BUILDER)
    first, second, other = (
        builder.build(builder.complete(spec, READER, "readers.a"), READER, "readers.a")
        for spec in (
            {"use": "rag", "llm": "m"},
            {"use": "rag", "llm": {"use": "hf", "model": "m", "heat": 0.5}, "name": "second"},
            {"use": "rag", "llm": {"use": "hf", "model": "m", "heat": 1}},
        )
    )
    assert first is not second
    assert first.llm is second.llm
    assert other.llm is not first.llm
    assert replace(BUILDER).build(complete({"use": "rag", "llm": "m"}), READER, "r").llm is not first.llm


def test_a_whole_number_for_a_fraction_is_the_same_setting():
    whole = BUILDER.complete({"use": "hf", "model": "m", "heat": 1}, ENGINE, "llm")
    assert fingerprint(whole) == fingerprint(
        BUILDER.complete({"use": "hf", "model": "m", "heat": 1.0}, ENGINE, "llm")
    )


def test_finish_may_put_off_the_making():
    made = []

    def finish(make, kind, spec):
        made.append((kind, spec["use"]))
        return functools.cache(make) if kind == "reader" else make()

    builder = replace(BUILDER, finish=finish)
    reader = builder.build(complete({"use": "rag", "llm": "absent"}), READER, "readers.a")
    assert made == [("reader", "rag")]
    with pytest.raises(WeightsError):
        reader()
    assert made == [("reader", "rag"), ("engine", "hf")]


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(value=PLAIN)
def test_a_fingerprint_survives_json_and_the_order_of_keys(value):
    again = json.loads(json.dumps(value))
    if isinstance(again, dict):
        again = dict(reversed(again.items()))
    assert fingerprint(again) == fingerprint(value)
    assert len(fingerprint(value)) == 32


def test_a_fingerprint_is_equal_in_another_process():
    value = {"use": "rag", "list": [1, 2.5, None, True], "é\ud800": {"b": "x", "a": "y"}}
    code = f"from rlc.data.spec import fingerprint; print(fingerprint({value!a}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )
    assert done.stdout.strip() == fingerprint(value)


def test_a_fingerprint_tells_apart_what_differs():
    values = [
        {},
        [],
        "",
        0,
        1,
        1.5,
        "1",
        None,
        True,
        {"a": 1},
        {"a": "1"},
        {"b": 1},
        [1, 2],
        [2, 1],
        [[1], 2],
    ]
    assert len({fingerprint(value) for value in values}) == len(values)


def test_a_fingerprint_refuses_what_json_cannot_hold():
    with pytest.raises(TypeError):
        fingerprint({"x": object()})
    with pytest.raises(ValueError, match="JSON"):
        fingerprint(float("nan"))


def test_flatten_by_hand():
    assert flatten({"a": {"b": [1, {"c": None}]}, "d": "x"}) == {"a.b.0": "1", "a.b.1.c": "None", "d": "x"}
    assert flatten({"a": {}, "b": []}) == {}

import pytest

from rlc.data import errors
from rlc.data.errors import MissingExtraError, RlcError, SpecError, UsageError, require, unknown


def test_require_says_which_extra_is_missing(monkeypatch):
    monkeypatch.setitem(errors.EXTRAS, "no_such_module", "gpu")
    require("json")
    with pytest.raises(MissingExtraError, match=r"no_such_module is not installed: pip install 'rlc\[gpu\]'"):
        require("json", "no_such_module")


@pytest.mark.parametrize(
    ("name", "known", "message"),
    [
        (
            "recusive",
            ["recursive", "fixed"],
            "no chunker 'recusive'; did you mean 'recursive'? known: fixed, recursive",
        ),
        ("zzz", ["b", "a"], "no chunker 'zzz'; known: a, b"),
        ("x", [], "no chunker 'x'; known: none"),
        (7, {"a": 1}, "no chunker 7; known: a"),
    ],
)
def test_unknown_names_the_nearest_and_all(name, known, message):
    assert unknown("chunker", name, known) == message


def test_usage_ends_with_two_no_answer_with_three_and_failure_with_one():
    codes = {error.__name__: error.exit_code for error in all_errors(RlcError)}
    assert {name for name, code in codes.items() if code == 2} == {"UsageError", "SpecError"}
    assert {name for name, code in codes.items() if code == 3} == {"NoAnswerError"}
    assert {name for name, code in codes.items() if code > 3} == {"GateError", "GateOpenError", "SpentError"}
    assert set(codes.values()) == {1, 2, 3, 4, 5, 6}


def test_bad_settings_are_value_errors_too():
    assert issubclass(SpecError, UsageError)
    assert issubclass(UsageError, ValueError)
    assert issubclass(MissingExtraError, ImportError)


def all_errors(base):
    own = [error for error in base.__subclasses__() if error.__module__ == errors.__name__]
    return own + [deeper for error in own for deeper in all_errors(error)]

"""Every promise of docs/security.md is held by a test that is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
NAMED = re.findall(r"`(\S+\.py)::(\w+)`", PAGE)


@pytest.mark.parametrize(("file", "test"), NAMED, ids=[test for _, test in NAMED])
def test_the_test_that_holds_a_promise_is_there(file, test):
    assert re.search(rf"^def {test}\(", (ROOT / "tests" / file).read_text(), re.MULTILINE)


def test_every_statement_names_its_test():
    statements = re.findall(r"^- .*?(?=^- |^\s*$)", PAGE, re.MULTILINE | re.DOTALL)
    assert len(statements) >= 25
    assert [one for one in statements if "::test_" not in one] == []

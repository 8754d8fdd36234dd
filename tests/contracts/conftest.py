import pytest

from rlc.data.trust import ALLOWED


@pytest.fixture(autouse=True)
def trusting(monkeypatch):
    """The examples of the tables name code of installed packages."""
    monkeypatch.setenv(ALLOWED, "1")

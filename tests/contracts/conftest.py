"""Random weights for the methods that must have some: a method `x-y` finds them in the fixture `tiny_x_y`."""

import pytest
from serving import letters, serving
from stand_ins import needs_weights

from rlc.data.trust import ALLOWED


@pytest.fixture
def weights(request):
    """A function of family and entry: the folder of the entry's random weights, or None where it needs none."""

    def of(family, name):
        if needs_weights(family, name):
            return request.getfixturevalue(f"tiny_{name.replace('-', '_')}")
        return None

    return of


@pytest.fixture(scope="session")
def tiny_sentence_transformer(tiny_folder):
    return tiny_folder


@pytest.fixture(scope="session")
def tiny_provence(open_provence):
    return open_provence[0]


@pytest.fixture(scope="session")
def tiny_llmlingua2(classifier):
    return classifier[0]


@pytest.fixture(scope="session")
def tiny_hf(tiny_llm_folder):
    return tiny_llm_folder


@pytest.fixture(scope="session")
def tiny_hf_kv(tiny_llm_folder):
    return tiny_llm_folder


@pytest.fixture
def tiny_vllm(tiny_llm_folder, place):
    return tiny_llm_folder


@pytest.fixture(autouse=True)
def trusting(monkeypatch):
    """The examples of the tables name code of installed packages."""
    monkeypatch.setenv(ALLOWED, "1")


@pytest.fixture
def model_server():
    """Where a server of vectors and scores listens."""
    with serving(letters) as server:
        yield f"http://127.0.0.1:{server.server_port}/v1"

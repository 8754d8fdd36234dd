"""Embeddings and rerankers behind a server."""

import json

import numpy as np
import pytest
from serving import letters, serving

from rlc.data.errors import DataError, EngineError, EngineUnavailableError, SpentError
from rlc.data.purse import FilePurse
from rlc.experiments.metrics.cost import Price
from rlc.experiments.metrics.pricing import check_priced, engines_of, paid
from rlc.pipeline.families import BUILDER, ENCODER, READER
from rlc.retrievers.encoders.endpoint import EndpointEncoder
from rlc.retrievers.rerank.endpoint import EndpointReranker


@pytest.fixture
def server():
    with serving(letters) as server:
        yield server


def url(server):
    return f"http://127.0.0.1:{server.server_port}/v1"


def encoder(server, **settings):
    return EndpointEncoder("m", **{"window": 100, "base_url": url(server), "backoff": 0.001, **settings})


def test_vectors_by_hand_in_batches_and_in_order(server):
    one = encoder(server, batch=2, document_prompt="n", dimensions=4)
    vectors = one.encode_documents(["a", "e", "an"])
    assert [body["input"] for _, _, body in server.requests] == [["na", "ne"], ["nan"]]
    assert server.requests[0][0] == "/v1/embeddings"
    assert server.requests[0][2]["dimensions"] == 4
    np.testing.assert_allclose(vectors[0], np.array([2, 1, 2, 1]) / np.sqrt(10), atol=1e-6)
    assert one.remote.tokens == 7
    assert one.encode_queries(["a"]).shape == (1, 4)
    assert server.requests[-1][2]["input"] == ["a"]


@pytest.mark.parametrize(("form", "wish"), [("cohere", "documents"), ("tei", "texts")])
def test_scores_in_both_forms(server, form, wish):
    reranker = EndpointReranker(model="m", base_url=url(server), form=form)
    assert reranker.scores("Who?", ["a", "abc", "ab"]).tolist() == [1, 3, 2]
    [(path, _, body)] = server.requests
    assert path == "/v1/rerank"
    assert body[wish] == ["a", "abc", "ab"]


def test_faults_that_pass_are_asked_again_and_others_told():
    busy = 429, {"Retry-After": "0.001"}, "{}"
    with serving(busy, letters) as server:
        assert encoder(server).encode_documents(["a"]).shape == (1, 4)
        assert len(server.requests) == 2
    with serving((401, {}, "{}")) as server, pytest.raises(EngineUnavailableError, match="OPENAI_API_KEY"):
        encoder(server).encode_documents(["a"])
    with serving((200, {}, "<html>")) as server, pytest.raises(EngineError, match="sent no JSON"):
        encoder(server).encode_documents(["a"])
    short = 200, {}, json.dumps({"data": [{"index": 0, "embedding": [1.0]}]})
    with serving(short) as server, pytest.raises(EngineError, match="an embedding for each of 2 texts"):
        encoder(server).encode_documents(["a", "b"])
    with serving((200, {}, json.dumps({"results": []}))) as server:
        reranker = EndpointReranker(model="m", base_url=url(server))
        with pytest.raises(EngineError, match=r"a score for each of 1 passages.*is form = 'cohere'"):
            reranker.scores("Who?", ["a"])


def test_what_a_server_might_cut_is_refused(server):
    with pytest.raises(DataError, match="more than the window of 3"):
        encoder(server, window=3).encode_documents(["one two three four"])
    reranker = EndpointReranker(model="m", base_url=url(server), window=3)
    with pytest.raises(DataError, match="1 of 2 passages do not fit into 3 tokens"):
        reranker.scores("Who", ["a", "one two three"])
    assert not server.requests
    with pytest.raises(ValueError, match="at least 1"):
        encoder(server, batch=0)
    with pytest.raises(ValueError, match="_KEY or _TOKEN"):
        encoder(server, api_key_env="HOME")


def test_they_are_paid_like_engines(server, tmp_path):
    purse = FilePurse(10, tmp_path / "spent.txt")
    price = Price(1e6, 1e6, 0)  # a dollar a token
    finish = paid(BUILDER.finish, {"m": price}, purse)
    spec = BUILDER.complete(
        {"use": "endpoint", "model": "m", "window": 100, "base_url": url(server)}, ENCODER, "e"
    )
    made = finish(lambda: BUILDER.build(spec, ENCODER, "e"), ENCODER.kind, spec)
    made.encode_documents(["seven__"])
    assert purse.spent == 7
    with pytest.raises(SpentError, match=r"may cost \$4"):
        made.encode_documents(["four"])
    dense = {"use": "dense", "encoder": spec}
    rerank = {"use": "endpoint", "model": "r", "base_url": url(server)}
    reader = {
        "use": "rag",
        "chunker": "sentence",
        "retriever": dense,
        "steps": [rerank],
        "llm": {"use": "scripted", "answers": {}},
    }
    engines = engines_of({"rag": BUILDER.complete(reader, READER, "rag")})
    assert {one["model"] for one in engines.values() if one["use"] == "endpoint"} == {"m", "r"}
    with pytest.raises(Exception, match=r"there is none for r \(rag.steps\[0\]\)"):
        check_priced(engines, {"m": price})

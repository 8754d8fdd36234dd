"""What a run may spend: it stops before it passes the sum, and goes on with a higher one."""

import json
import re
from dataclasses import replace

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from serving import serving

from rlc.data.completed import generations_as_completed
from rlc.data.errors import SpentError, UsageError
from rlc.data.protocols import Prompt, Sampling
from rlc.data.purse import FilePurse, spent_in
from rlc.data.records import Usage
from rlc.experiments.cli.main import main
from rlc.experiments.metrics.cost import Price
from rlc.experiments.metrics.pricing import check_priced, price_of
from rlc.experiments.runs.spending import FILE
from rlc.pipeline.llms.endpoint import EndpointLLM
from rlc.pipeline.llms.support.paying import paying
from rlc.pipeline.llms.support.remote import TEMPLATE_TOKENS

PRICE = Price(prompt=1e6, cached=1e6, output=1e6)  # a dollar a token


def wordy(body, tokens=9):
    """An answer that costs a dollar more than its prompt has tokens."""
    usage = {"prompt_tokens": tokens, "completion_tokens": 1}
    choice = {"message": {"content": "yes"}, "finish_reason": "stop"}
    return 200, {}, json.dumps({"choices": [choice], "usage": usage})


@pytest.fixture
def server():
    with serving(wordy) as server:
        yield server


def engine(server, limit, tmp_path, **settings):
    llm = EndpointLLM("m", 1000, f"http://127.0.0.1:{server.server_port}/v1", **settings)
    purse = FilePurse(limit, tmp_path / "spent.txt")
    return paying(llm, PRICE.of, purse), purse


PROMPTS = [Prompt("", f"q{i}") for i in range(9)]
MOST = 2 + TEMPLATE_TOKENS + 4  # bytes of a prompt, the template's tokens, and an answer of four


def test_a_call_is_promised_at_its_most_and_settled_at_its_cost(server, tmp_path):
    llm, purse = engine(server, limit=MOST + 20, tmp_path=tmp_path)
    assert [one.text for one in llm.generate(PROMPTS[:1], max_tokens=4)] == ["yes"]
    assert purse.spent == pytest.approx(10)
    assert spent_in(tmp_path / "spent.txt") == pytest.approx(10)
    llm.generate(PROMPTS[:1], max_tokens=4)
    llm.generate(PROMPTS[:1], max_tokens=4)  # 20 are spent, and MOST is what is left
    with pytest.raises(SpentError, match=rf"the next call of m may cost \${MOST}\.0000.*higher --spend"):
        llm.generate(PROMPTS[:1], max_tokens=4)
    assert len(server.requests) == 3


def test_prompts_that_come_as_completed_are_sent_as_far_as_the_purse_goes(server, tmp_path):
    llm, purse = engine(server, limit=3 * MOST, tmp_path=tmp_path)
    found = []
    with pytest.raises(SpentError):
        found.extend(place for place, _ in generations_as_completed(llm, [*PROMPTS, *PROMPTS], Sampling(4)))
    assert sorted(found) == list(range(len(found)))
    assert len(server.requests) == len(found)
    assert 3 * MOST - MOST < purse.spent <= 3 * MOST
    with pytest.raises(SpentError, match="the next 9 calls"):
        llm.generate(PROMPTS, max_tokens=4)  # all or none: nobody would keep the first of them
    assert len(server.requests) == len(found)


@given(
    limit=st.integers(0, 300),
    costs=st.lists(st.integers(0, MOST), max_size=20),
)
def test_no_cost_within_its_bound_passes_the_limit(tmp_path_factory, limit, costs):
    purse = FilePurse(limit, tmp_path_factory.mktemp("purse") / "spent.txt")
    for cost in costs:
        if purse.promise(MOST):
            purse.settle(MOST, cost)
        assert purse.spent <= limit + 1e-6


def test_what_was_on_its_way_at_a_kill_counts_at_its_most(tmp_path):
    file = tmp_path / "spent.txt"
    purse = FilePurse(100, file)
    assert purse.promise(30)
    assert purse.promise(30)
    purse.settle(30, 10)
    file.open("a").write("12.5e")  # a line that was cut off
    again = FilePurse(100, file)
    assert again.spent == pytest.approx(40)
    assert not again.promise(61)
    assert again.promise(7)
    assert FilePurse(100, file).spent == pytest.approx(47), "the cut line took nothing with it"


def test_a_bound_holds_what_keeping_a_prompt_costs(server, tmp_path):
    llm, _ = engine(server, 1, tmp_path)
    keeping = replace(PRICE, cache_write=1.25 * PRICE.prompt)
    dear = paying(llm.llm, keeping.of, llm.purse)
    read = MOST - 4
    assert llm.most(PROMPTS[0], Sampling(4)) == pytest.approx(read + 4)
    assert dear.most(PROMPTS[0], Sampling(4)) == pytest.approx(1.25 * read + 4) == keeping.most(read, 4)


def test_a_bound_holds_what_a_thought_and_extra_fields_allow(server, tmp_path):
    llm, _ = engine(server, 1, tmp_path, thinking=True, thinking_tokens=100)
    assert llm.llm.limit(4) == 104
    llm, _ = engine(server, 1, tmp_path, extra_body={"max_tokens": 500})
    assert llm.llm.limit(4) == 500


def test_prices_of_providers_and_of_models():
    at = {"use": "endpoint", "model": "m", "provider": None, "base_url": "https://api.openai.com/v1"}
    cheap, dear = Price(1, 1, 1), Price(2, 2, 2)
    assert price_of(at, {"openai/m": cheap, "m": dear}) == cheap
    assert price_of({**at, "provider": "openai-responses", "base_url": None}, {"openai/m": cheap}) == cheap
    assert price_of({**at, "base_url": "http://gateway.example/v1"}, {"openai/m": cheap}) is None
    assert price_of({**at, "base_url": ["http://gateway.example/v1"]}, {"m": dear}) == dear
    assert price_of({"use": "hf", "model": "m"}, {"openai/m": cheap}) is None


# -- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def compare(server, tmp_path, monkeypatch):
    """Runs `rlc compare` on four documents with two questions each; a question costs a hundred dollars an arm."""
    server.replies = [lambda body: wordy(body, 99)]
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "papers"
    folder.mkdir()
    lines = []
    for name in "abcd":
        (folder / f"{name}.txt").write_text(f"The light of {name} was built by Ada Lowe.")
        lines += [
            json.dumps(
                {
                    "id": f"{name}{i}",
                    "document": f"{name}.txt",
                    "question": f"Who built {name} {i}?",
                    "answers": ["yes"],
                }
            )
            for i in range(2)
        ]
    (folder / "questions.jsonl").write_text("\n".join(lines))
    (tmp_path / "prices.toml").write_text("[m]\nprompt = 1000000\noutput = 1000000\n")
    words = "compare --dataset papers --model endpoint:m --set parts.llm.window=4000 --no-track --prices prices.toml"
    url = f"parts.llm.base_url=http://127.0.0.1:{server.server_port}/v1"

    def run(*more):
        return CliRunner().invoke(main, [*words.split(), "--set", url, *more])

    return run


def spent(folder):
    [file] = (folder / "runs").glob(f"*/{FILE}")
    return spent_in(file)


def test_a_run_stops_shows_what_it_has_and_goes_on_with_a_higher_sum(compare, server, tmp_path):
    stopped = compare("--spend", "1300")
    assert stopped.exit_code == 6, stopped.output
    assert "may cost $" in stopped.stderr
    assert "higher --spend" in stopped.stderr
    told = re.search(
        r"stopped after (\d) of 8 questions on (\d) of 4 documents", " ".join(stopped.stderr.split())
    )
    questions, documents = map(int, told.groups())
    assert 0 < documents < 4
    assert 2 * documents >= questions > 2 * documents - 2
    assert f"{questions} questions, {documents} documents" in stopped.stdout
    assert "this run has cost $" in stopped.stdout
    asked = len(server.requests)
    assert spent(tmp_path) <= 1300
    assert spent(tmp_path) == pytest.approx(100 * (asked - 1)), (
        "one short question is asked before all others"
    )
    done = compare("--spend", "5000")
    assert done.exit_code == 0, done.output
    assert spent(tmp_path) == pytest.approx(1600), "what was stored is not paid again, and counted once"
    assert "this run has cost $1,600.0000 so far" in done.stdout
    again = compare("--spend", "1600")
    assert again.exit_code == 0, "nothing is left to pay"


def test_a_run_that_was_whole_stays_so_where_it_cannot_be_paid_again(compare, server, tmp_path):
    assert compare().exit_code == 0
    [results] = (tmp_path / "runs").glob("*/results.parquet")
    before = results.read_bytes()
    stopped = compare("--no-resume", "--spend", "2500")
    assert stopped.exit_code == 6, stopped.output
    assert 1600 < spent(tmp_path) <= 2500, "some of it was asked again"
    assert results.read_bytes() == before
    assert "provisional" not in (results.parent / "provenance.json").read_text()


def test_figures_that_the_judge_has_yet_to_give_are_not_said_to_be_its(compare, server, tmp_path):
    assert compare().exit_code == 0
    judge = ("--judge", "endpoint:m", "--judge-set", f"llm.base_url=http://127.0.0.1:{server.server_port}/v1")
    settings = ("--judge-set", "llm.window=4000", "--judge-set", "allow_self=true")
    stopped = compare(*judge, *settings, "--spend", "1600")
    assert stopped.exit_code == 6, stopped.output
    said = " ".join(stopped.stdout.split())
    assert "Provisional: 8 of 8 questions on 4 of 4 documents are answered for" in said
    assert "m (correctness) judges at the end: these figures are those without it." in said


def test_stored_answers_of_a_run_without_a_sum_are_counted(compare, server, tmp_path):
    assert compare("--router", "length").exit_code == 0
    result = compare("--router", "length", "--spend", "100")
    assert result.exit_code == 0, result.output
    assert spent(tmp_path) == pytest.approx(1600), "the router's answers hold what its arms' have cost"


@pytest.mark.parametrize("reply", ["yes", "Who knows?"])
def test_stored_verdicts_of_a_run_without_a_sum_are_counted(compare, server, tmp_path, reply):
    """The readers say yes; the judge gives verdicts, or replies that are none and cost the same."""
    (tmp_path / "prices.toml").write_text(
        "[m]\nprompt = 1000000\noutput = 1000000\n[j]\nprompt = 2e6\noutput = 2e6\n"
    )

    def said(body):
        status, headers, text = wordy(body, 99)
        return status, headers, text.replace("yes", reply) if body["model"] == "j" else text

    server.replies = [said]
    url = f"llm.base_url=http://127.0.0.1:{server.server_port}/v1"
    judge = ("--judge", "endpoint:j", "--judge-set", url, "--judge-set", "llm.window=4000")
    compare(*judge)
    [run] = [file.parent for file in (tmp_path / "runs").glob("*/results.parquet")]
    told = json.loads((run / "provenance.json").read_text())["judged_by"]
    assert told["calls"] == 8, "equal answers to a question are asked about once"
    compare(*judge, "--spend", "10")
    assert spent(tmp_path) == pytest.approx(16 * 100 + 8 * 200)


@pytest.mark.slow
def test_lanes_pay_from_one_purse(compare, server, tmp_path):
    stopped = compare("--spend", "1300", "--workers", "2")
    assert stopped.exit_code == 6, stopped.output
    assert 0 < spent(tmp_path) <= 1300


def test_a_model_without_a_price_is_refused_by_name(compare, server, tmp_path):
    (tmp_path / "prices.toml").write_text("[other]\nprompt = 1\noutput = 1\n")
    result = compare("--spend", "5")
    assert result.exit_code == 2
    assert "no price for model 'm'" in result.stderr
    result = compare("--spend", "5", "--judge", "endpoint:judge", "--set", "parts.llm.model=other")
    assert result.exit_code == 2
    assert "no price for model 'judge'" in result.stderr
    assert not server.requests


def test_a_usage_costs_nothing_where_it_tells_none():
    assert PRICE.of(Usage()) == 0
    with pytest.raises(UsageError, match=r"there is none for m \(rag.llm\)"):
        check_priced({"rag.llm": {"use": "endpoint", "model": "m"}}, {})

"""Costs put together: one after the other, and at one time."""

from rlc.data.records import Usage

RAG = Usage(
    prompt_tokens=100,
    output_tokens=5,
    calls=1,
    rounds=1,
    retrieve_seconds=0.5,
    first_token_seconds=1.0,
    seconds=2.0,
)
LONG = Usage(prompt_tokens=900, output_tokens=7, calls=1, rounds=1, first_token_seconds=4.0, seconds=5.0)


def test_the_later_first_token_comes_after_all_that_went_before():
    assert RAG.then(LONG) == Usage(
        prompt_tokens=1000,
        output_tokens=12,
        calls=2,
        rounds=2,
        retrieve_seconds=0.5,
        first_token_seconds=6.0,  # 2.0 for the first answer whole, then 4.0: not 1.0 + 4.0
        seconds=7.0,
    )


def test_at_one_time_the_longer_counts():
    both = RAG.beside(LONG)
    assert both == LONG.beside(RAG)
    assert (both.prompt_tokens, both.output_tokens, both.calls, both.rounds) == (1000, 12, 2, 1)
    assert (both.seconds, both.first_token_seconds, both.retrieve_seconds) == (5.0, 4.0, 0.5)


def test_what_wrote_nothing_has_no_first_token():
    search = Usage(retrieve_seconds=0.5, seconds=0.5)
    assert search.then(LONG).first_token_seconds == 4.5
    assert LONG.then(search).first_token_seconds == 4.0
    assert LONG.beside(search).first_token_seconds == 4.0
    assert search.then(search).first_token_seconds is None


def test_what_nobody_timed_is_not_known():
    silent = Usage(output_tokens=3)
    assert [RAG.then(silent), silent.then(RAG), RAG.beside(silent)] == [
        Usage(prompt_tokens=100, output_tokens=8, calls=1, rounds=1, retrieve_seconds=0.5, seconds=2.0)
    ] * 3


def test_keys_and_values_are_held_one_after_the_other_or_at_one_time():
    small, large = Usage(kv_bytes=10), Usage(kv_bytes=30)
    assert (small.then(large).kv_bytes, small.beside(large).kv_bytes) == (30, 40)


def test_many():
    assert Usage.total([RAG, LONG, RAG]) == RAG.then(LONG).then(RAG)
    assert Usage.at_once([RAG, LONG, RAG]).calls == 3
    assert Usage.total([]) == Usage.at_once([]) == Usage()


def test_what_was_waited_is_not_what_a_share_of_a_batch_costs():
    shared = Usage(output_tokens=1, first_token_seconds=2.0, seconds=0.5, latency_seconds=3.0)
    assert shared.latency == 3.0
    both = shared.then(LONG)
    assert both.seconds == 0.5 + LONG.seconds
    assert both.latency == 3.0 + LONG.seconds
    assert both.first_token_seconds == 3.0 + LONG.first_token_seconds
    assert shared.beside(LONG).latency == max(3.0, LONG.seconds)
    assert LONG.then(LONG).latency_seconds is None

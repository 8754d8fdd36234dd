from hypothesis import given
from hypothesis import strategies as st

from rlc.retrievers.encoders.support.windows import batches, cut_texts, windows_of


def test_windows_by_hand(tiny):
    # [CLS] and [SEP] leave room for 3 tokens; 5 tokens become windows of 3 and 2.
    windows = windows_of(["the cat sat on mat", "a"], tiny._backend, 5)
    assert [len(window.ids) for window in windows] == [5, 4, 3]
    assert [window.text for window in windows] == [0, 0, 1]
    assert windows[1].offsets.tolist() == [[12, 14], [15, 18]]
    assert cut_texts(windows) == [0]


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 200))
def test_batches_hold_every_text_once_within_the_budget(lengths, tokens):
    found = list(batches(lengths, tokens))
    assert sorted(i for batch in found for i in batch) == list(range(len(lengths)))
    for batch in found:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= tokens

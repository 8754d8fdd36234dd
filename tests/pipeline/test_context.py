import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document

from rlc.data.errors import ContextOverflowError
from rlc.data.tokens import ApproximateTokenizer
from rlc.pipeline.context import GAP, POLICIES, check_policy, fit, fit_passages, reading_order

TOKENIZER = ApproximateTokenizer()
GAP_TOKENS = TOKENIZER.count(GAP)  # "[", ".", ".", ".", "]"
TEN = "a b c d e f g h i j"


def test_the_gap_is_five_tokens_here():
    assert GAP_TOKENS == 5


def test_what_fits_is_unchanged():
    for policy in POLICIES:
        assert fit(TEN, 10, TOKENIZER, policy).text is TEN
        assert fit(TEN, 10, TOKENIZER, policy).cut_tokens == 0
        assert fit("", 0, TOKENIZER, policy).text == ""


def test_head_by_hand():
    fitted = fit(TEN, 6, TOKENIZER, "head")
    assert (fitted.text, fitted.cut_tokens) == ("a b c d e f", 4)


def test_middle_by_hand():
    fitted = fit(TEN, 9, TOKENIZER, "middle")  # 9 - 5 for the gap = 4: two from each end
    assert (fitted.text, fitted.cut_tokens) == (f"a b{GAP}i j", 6)
    odd = fit(TEN, 8, TOKENIZER, "middle")
    assert (odd.text, odd.cut_tokens) == (f"a b{GAP}j", 7)
    least = fit(TEN, 6, TOKENIZER, "middle")
    assert (least.text, least.cut_tokens) == (f"a{GAP}", 9)


def test_refuse_says_how_much():
    with pytest.raises(
        ContextOverflowError,
        match=r"has 10 tokens and 9 fit; .*, or allow cutting with overflow = 'middle' or 'head'$",
    ):
        fit(TEN, 9, TOKENIZER, "refuse")


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    ("room", "left"), [(5, "5 tokens are left"), (0, "nothing is left"), (-40, "nothing is left")]
)
def test_no_room_at_all(policy, room, left):
    with pytest.raises(
        ContextOverflowError, match=rf"no room for the document: {left} of the window .*; use a model"
    ):
        fit(TEN, room, TOKENIZER, policy)


def test_an_unknown_policy():
    with pytest.raises(ValueError, match="overflow must be one of refuse, middle, head; got 'tail'"):
        check_policy("tail")
    with pytest.raises(ValueError, match="overflow"):
        fit("", 10, TOKENIZER, "tail")
    with pytest.raises(ValueError, match="overflow"):
        fit_passages([], 10, TOKENIZER, "tail")


TEXTS = st.text(st.sampled_from("ab1.é \n北👍"), max_size=80)


@given(text=TEXTS, room=st.integers(6, 40), policy=st.sampled_from(["middle", "head"]))
def test_the_budget_holds_and_the_cut_adds_up(text, room, policy):
    fitted, total = fit(text, room, TOKENIZER, policy), TOKENIZER.count(text)
    kept = total - fitted.cut_tokens
    if total <= room:
        assert (fitted.text, fitted.cut_tokens) == (text, 0)
    elif policy == "head":
        assert text.startswith(fitted.text)
        assert TOKENIZER.count(fitted.text) == kept == room
    else:
        start, end = fitted.text.split(GAP)
        assert text.startswith(start)
        assert text.endswith(end)
        assert TOKENIZER.count(start) + TOKENIZER.count(end) == kept == room - GAP_TOKENS
        # Digits and letters at the cut may not join across the gap: the sum is the whole.
        assert TOKENIZER.count(fitted.text) == room


@given(text=TEXTS, room=st.integers(6, 30), policy=st.sampled_from(["middle", "head"]))
def test_fitting_twice_changes_nothing(text, room, policy):
    once = fit(text, room, TOKENIZER, policy)
    assert fit(once.text, room, TOKENIZER, policy).text == once.text


@given(text=TEXTS, room=st.integers(20, 40), policy=st.sampled_from(["middle", "head"]))
def test_a_byte_level_tokenizer_stays_within_the_margin(text, room, policy, tiny_tokenizer):
    """A character of several tokens is kept whole: at most three tokens more at each of three borders."""
    fitted = fit(text, room, tiny_tokenizer, policy)
    assert tiny_tokenizer.count(fitted.text) <= room + 9


@pytest.fixture(scope="module")
def tiny_tokenizer(tiny_llm_folder):
    from rlc.data.tokens import load_tokenizer

    return load_tokenizer(str(tiny_llm_folder))


def test_passages_by_hand():
    passages = ["a b c", "d e", "f g h i"]
    assert fit_passages(passages, 9, TOKENIZER, "refuse") == (3, 0)
    assert fit_passages(passages, 8, TOKENIZER, "middle") == (2, 4)
    assert fit_passages(passages, 4, TOKENIZER, "head") == (1, 6), (
        "a later, smaller one does not jump the queue"
    )
    assert fit_passages([], 0, TOKENIZER, "refuse") == (0, 0)
    with pytest.raises(ContextOverflowError, match=r"3 passages have 9 tokens and 8 fit; retrieve fewer"):
        fit_passages(passages, 8, TOKENIZER, "refuse")
    with pytest.raises(ContextOverflowError, match=r"or allow dropping the last with overflow = 'middle'"):
        fit_passages(passages, 8, TOKENIZER, "refuse")
    for room, left in ((2, "2 tokens are left"), (-1, "nothing is left")):
        with pytest.raises(
            ContextOverflowError, match=f"{left} .* the first has 3 tokens; use smaller"
        ) as told:
            fit_passages(passages, room, TOKENIZER, "middle")
        assert "overflow" not in str(told.value), "it is set already"


@given(passages=st.lists(TEXTS, max_size=6), room=st.integers(0, 60))
def test_passages_keep_the_budget(passages, room):
    counts = [TOKENIZER.count(passage) for passage in passages]
    try:
        kept, cut = fit_passages(passages, room, TOKENIZER, "middle")
    except ContextOverflowError:
        assert counts[0] > room
        return
    assert sum(counts[:kept]) <= room
    assert sum(counts[:kept]) + cut == sum(counts)
    assert kept == len(counts) or sum(counts[: kept + 1]) > room


def passages(*places):
    return [Document(page_content=f"{s}{i}", metadata={"source": s, "start_index": i}) for s, i in places]


def test_reading_orders_by_hand():
    best_first = passages(("b", 9), ("a", 7), ("b", 2), ("a", 10), ("a", 0))

    def texts(order):
        return [passage.page_content for passage in reading_order(best_first, order)]

    assert texts("relevance") == ["b9", "a7", "b2", "a10", "a0"]
    assert texts("reverse") == ["a0", "a10", "b2", "a7", "b9"]
    assert texts("document") == ["a0", "a7", "a10", "b2", "b9"]
    assert texts("sides") == ["b9", "b2", "a0", "a10", "a7"]


@pytest.mark.parametrize("order", ["relevance", "reverse", "document", "sides"])
@given(count=st.integers(0, 7))
def test_a_reading_order_is_a_permutation(order, count):
    given_passages = passages(*[("d", (i * 5) % 7) for i in range(count)])
    before = list(given_passages)
    found = reading_order(given_passages, order)
    assert sorted(p.page_content for p in found) == sorted(p.page_content for p in given_passages)
    assert given_passages == before


def test_passages_without_a_place_keep_their_order():
    plain = [Document(page_content=text) for text in "cab"]
    assert [p.page_content for p in reading_order(plain, "document")] == ["c", "a", "b"]


def test_a_passage_without_a_place_stands_at_the_beginning_of_its_source():
    [late] = passages(("d", 1))
    lost = Document(page_content="lost", metadata={"source": "d"})
    assert reading_order([late, lost], "document") == [lost, late]


def test_an_unknown_order():
    with pytest.raises(
        ValueError, match="order must be one of relevance, reverse, document, sides; got 'best'"
    ):
        reading_order([], "best")

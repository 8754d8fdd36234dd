"""Sets that are made here: what is hidden is where it should be, and lengths are kept."""

import pytest

from rlc.data.datasets import load_dataset
from rlc.data.errors import DataError, UsageError, WeightsError
from rlc.data.sets.haystack import generator, plant
from rlc.data.sets.lara import SAMPLE
from rlc.data.sets.needlebench import chain
from rlc.data.tokens import ApproximateTokenizer

COUNT = ApproximateTokenizer().count


def test_needles_are_planted_by_hand():
    placed = plant(["a.", "b."], ["first", "last", "also first"], [0, 1, 0])
    assert placed.text == "first also first a. b. last"
    assert [placed.text[a:b] for a, b in placed.spans] == ["first", "last", "also first"]


@pytest.mark.parametrize(
    "words",
    [
        "niah,length=512+2048,depths=5",
        "needlebench:single,multi,parallel,length=2048,questions=3",
        "ruler:niah_single_1,niah_single_3,niah_multikey_2,niah_multivalue,vt,cwe,fwe,length=6000,questions=2",
        "needle-threading,length=4096,questions=2",
    ],
)
def test_a_made_text_keeps_its_length_and_its_answer(words):
    for example in load_dataset(words).examples:
        prompt = example.wording.reading(example.document.page_content) + example.wording.asked(
            example.question
        )
        length = int(example.metadata["length"])
        assert 0.8 * length < COUNT(prompt) + example.wording.max_tokens <= length
        spans = " ".join(example.document.page_content[piece.start : piece.end] for piece in example.gold)
        assert all(answer in spans for answer in example.answers) or not example.gold


def test_depths_go_from_the_beginning_to_the_end():
    examples = load_dataset("niah,length=1024,depths=3").examples
    assert [example.metadata["depth"] for example in examples] == ["0", "50", "100"]
    places = [example.gold[0].start / len(example.document.page_content) for example in examples]
    assert places[0] == 0
    assert 0.4 < places[1] < 0.6
    assert examples[2].document.page_content.endswith(examples[2].answers[0] + ".")


def test_other_needles_need_question_and_answer():
    given = "niah,length=512,depths=1,needle=Pi is 3.,question=What is pi?"
    assert load_dataset(f"{given},answer=3").examples[0].question == "What is pi?"
    with pytest.raises(UsageError, match="belong together"):
        load_dataset(given)


def test_a_chain_leads_from_the_youngest_to_the_eldest():
    names, sentences = chain(4, generator(0))
    assert len(set(names)) == 5
    assert all(names[i] in told and names[i + 1] in told for i, told in enumerate(sentences))


def test_a_thread_ends_where_the_answer_says():
    [example] = load_dataset("needle-threading:threading,length=4096,questions=1,needles=4").examples
    import json

    pairs, key = json.loads(example.document.page_content), example.question.split('"')[1]
    for _ in range(4):
        key = pairs[key]
    assert (key,) == example.answers
    assert key not in pairs


def test_a_haystack_that_is_too_short_says_that_it_repeats():
    [note] = load_dataset("niah,length=60000,depths=1").notes
    assert "repeats it" in note
    assert load_dataset("niah,length=4096,depths=1").notes == ()


def test_one_seed_is_one_set_and_the_tokenizer_is_part_of_it():
    words = "niah,length=512,depths=2"
    assert load_dataset(words).revision == load_dataset(words).revision
    assert load_dataset(words).examples == load_dataset(words).examples
    assert len({load_dataset(f"{words}{more}").revision for more in ("", ",seed=1", ",questions=2")}) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("niah,depths=0", "depths must be at least 1"),
        ("needlebench:multi,needles=30", "needles must be 1 to 20"),
        ("needle-threading:single,needles=0", "needles must be at least 1"),
        (
            "needle-threading:multi-threading,length=1024",
            "holds .* pairs, and multi-threading needs more than 9",
        ),
        ("babilong:qa1,length=3k,root={}", "lengths of qa1 here: 4k"),
        ("nolima:onehop,root={}", "expected needlesets/needle_set.json"),
    ],
)
def test_what_cannot_be_made_is_told(words, said):
    from pathlib import Path

    root = Path(__file__).parent / "fixtures" / "babilong"
    with pytest.raises((UsageError, DataError), match=said):
        load_dataset(words.format(root))


def test_oneruler_asks_in_the_language_of_its_texts():
    texts = SAMPLE / "datasets" / "4k" / "book"  # of any language: it is the user's word
    words = f"oneruler:niah_multiquery,niah_none,language=de,length=700,questions=1,haystack={texts}"
    two, none = load_dataset(words).examples
    assert "mit «" in two.question
    assert all(
        "besondere magische Zahl" in two.document.page_content[one.start : one.end] for one in two.gold
    )
    assert (none.answers, none.metadata["lang"]) == (("Keine vorhanden",), "de")
    with pytest.raises(UsageError, match="the bundled texts are English"):
        load_dataset("oneruler:niah_none,language=fr")
    with pytest.raises(UsageError, match="no language of oneruler 'fx'"):
        load_dataset("oneruler:niah_none,language=fx")


def test_a_tokenizer_that_is_not_here_is_one_message(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match=r"no fast tokenizer for 'none/such'.*or 'approximate'"):
        load_dataset("niah,length=512,tokenizer=none/such")

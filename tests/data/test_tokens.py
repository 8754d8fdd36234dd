import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.data.errors import WeightsError
from rlc.data.protocols import Tokenizer
from rlc.data.tokens import (
    ApproximateTokenizer,
    FastTokenizer,
    count_once,
    head,
    load_tokenizer,
    with_counted_unknowns,
)

APPROXIMATE = ApproximateTokenizer()


def test_pieces_by_hand():
    text = "Don't pay $1,093 to extraordinary_Müller!"
    pieces = [text[a:b] for a, b in APPROXIMATE.offsets(text)]
    assert pieces == [
        "Don",
        "'",
        "t",
        "pay",
        "$",
        "1",
        ",",
        "093",
        "to",
        "extrao",
        "rdinar",
        "y",
        "_",
        "Müller",
        "!",
    ]
    assert APPROXIMATE.count(text) == len(pieces)


@pytest.mark.parametrize(
    ("text", "count"),
    [("灯塔由艾达洛建造", 8), ("등대는", 3), ("ที่นี่", 2), ("маяка", 2), ("हिन्दी", 1), ("lighthouse", 2)],
)
def test_scripts_have_their_own_pieces(text, count):
    assert APPROXIMATE.count(text) == count


@given(text=st.text())
def test_pieces_cover_all_but_white_space(text):
    offsets = APPROXIMATE.offsets(text)
    assert "".join(text[a:b] for a, b in offsets) == "".join(text.split())
    assert offsets == sorted(offsets)
    assert APPROXIMATE.count(text) == len(offsets)


@given(st.text(st.sampled_from("aZ09_+/é\u0301\x00\x1c\x85 \n.灯م\u200b٣")), st.integers(0, 70))
def test_counting_is_cutting_without_the_places(text, length):
    """Counting reads ASCII by another pattern than cutting."""
    whole = f"{text} {'a' * length}{text}"
    assert ApproximateTokenizer().count(whole) == len(ApproximateTokenizer().offsets(whole))


@given(text=st.text(), tokens=st.integers(-3, 20))
def test_head_is_a_prefix_of_so_many_tokens(text, tokens):
    start = head(APPROXIMATE, text, tokens)
    assert text.startswith(start)
    assert APPROXIMATE.count(start) == min(max(tokens, 0), APPROXIMATE.count(text))


def test_head_by_hand():
    assert head(APPROXIMATE, "one two three", 2) == "one two"
    assert head(APPROXIMATE, "one two  ", 2) == "one two  "
    assert head(APPROXIMATE, "one", 0) == ""


def test_a_fast_tokenizer_leaves_special_tokens_out_and_never_truncates(tiny_llm_folder):
    from tokenizers import Tokenizer as Backend

    backend = Backend.from_file(str(tiny_llm_folder / "tokenizer.json"))
    backend.enable_truncation(4)
    backend.enable_padding(length=50)
    tokenizer = FastTokenizer("tiny", backend)
    text = "the other theme"
    assert [text[a:b] for a, b in tokenizer.offsets(text)] == [
        "the", " ", "o", "the", "r", " the", "m", "e",
    ]  # fmt: skip
    assert tokenizer.count(text) == 8


def test_what_a_tokenizer_does_not_know_counts_by_its_length():
    from tokenizers import Tokenizer as Backend
    from tokenizers import models, pre_tokenizers

    backend = Backend(models.WordLevel({"[UNK]": 0, "lamp": 1}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    plain = FastTokenizer("words", backend)
    ruler = with_counted_unknowns(plain)
    dna = "ACGT" * 300
    assert (plain.count(f"lamp {dna} lamp"), ruler.count(f"lamp {dna} lamp")) == (3, 2 + 1200 * 2 // 3)
    assert ruler.offsets("lamp ที่นี่") == [(0, 4), (5, 8), (8, 11)]
    assert with_counted_unknowns(load_tokenizer_without_unknowns()).count("ที่นี่ lamp") > 2


def load_tokenizer_without_unknowns():
    from tokenizers import Tokenizer as Backend
    from tokenizers import models, pre_tokenizers

    backend = Backend(
        models.BPE({character: i for i, character in enumerate(pre_tokenizers.ByteLevel.alphabet())}, [])
    )
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return FastTokenizer("bytes", backend)


def test_names_give_tokenizers(tiny_llm_folder):
    assert isinstance(load_tokenizer("approximate"), ApproximateTokenizer)
    tokenizer = load_tokenizer(str(tiny_llm_folder))
    assert isinstance(tokenizer, Tokenizer)
    assert tokenizer.name == str(tiny_llm_folder)
    assert load_tokenizer(str(tiny_llm_folder)) is tokenizer


def test_a_folder_without_a_fast_tokenizer(tmp_path):
    with pytest.raises(
        WeightsError, match=r"no fast tokenizer: .*tokenizer\.json does not exist; save the model"
    ):
        load_tokenizer(str(tmp_path))


def test_a_damaged_tokenizer(tmp_path, tiny_llm_folder):
    shutil.copy(tiny_llm_folder / "tokenizer.json", tmp_path)
    text = (tmp_path / "tokenizer.json").read_text()
    (tmp_path / "tokenizer.json").write_text(text[: len(text) // 2])
    with pytest.raises(WeightsError, match=r"cannot read .*tokenizer\.json"):
        load_tokenizer(str(tmp_path))


def test_a_path_that_leads_nowhere():
    with pytest.raises(WeightsError, match=r"no model folder at \./nowhere"):
        load_tokenizer("./nowhere")


def test_a_hub_id_without_a_network():
    with pytest.raises(WeightsError, match=r"no fast tokenizer for 'rlc/nothing'.*'approximate'"):
        load_tokenizer("rlc/nothing")


def test_a_whole_document_is_counted_once():
    class Slow(ApproximateTokenizer):
        asked = 0

        def count(self, text):
            self.asked += 1
            return super().count(text)

    slow, other = Slow(), Slow()
    assert [count_once(slow, "one two"), count_once(slow, "one two"), count_once(slow, "three")] == [2, 2, 1]
    assert count_once(other, "one two") == 2
    assert (slow.asked, other.asked) == (2, 1)

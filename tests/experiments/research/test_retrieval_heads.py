"""Retrieval heads by hand, on an engine of words."""

import numpy as np
import pytest
from showing import ShowingLLM

from rlc.data.errors import DataError
from rlc.data.protocols import Seen
from rlc.data.records import Document, Evidence, Example, Wording
from rlc.experiments.research.retrieval_heads import as_data, copies, main, retrieval_heads, told

TEXT = "Hay hay hay. The lamp is in Paris now. Hay hay."
NEEDLE = "The lamp is in Paris now."


def example(question="Where is the lamp?", answer="Paris"):
    start = TEXT.index(NEEDLE)
    return Example(
        "n",
        question,
        Document(id="d", page_content=TEXT),
        answers=(answer,),
        gold=(Evidence("d", start, start + len(NEEDLE)),),
        wording=Wording("Read.\n{text}\n", "{question} Answer:", 9),
    )


def test_a_head_that_copies_and_one_that_does_not():
    """Before "in" and "Paris" are written the first layer looks at them; the second at hay."""
    ahead = {"Answer:": "in", "in": "Paris"}

    def shows(layer, row, word):
        return 99 if word == ("Hay" if layer else ahead.get(row, "?")) else 1

    class Numbered(ShowingLLM):
        """Equal words have equal numbers."""

        def watch(self, prompt, see, **wishes):
            words = {word: i for i, word in enumerate(sorted(set(prompt.text.split())))}

            def numbered(seen):
                ids = [words[prompt.text[a:b].strip()] for a, b in seen.tokens]
                return see(Seen(seen.layer, seen.attention, seen.tokens, np.array(ids)))

            return super().watch(prompt, numbered, **wishes)

    llm = Numbered({"lamp": " in Paris", "": "nowhere"}, shows, depth=2, heads=3)
    found = retrieval_heads(llm, [example(), example("What?")])
    assert (found.asked, found.recalled) == (2, 1)
    assert found.scores.tolist() == [[pytest.approx(2 / 6)] * 3, [0] * 3]
    assert told(found)[:3] == [
        "1 of 2 needles recalled",
        "3 of 6 heads score 0.1 or more",
        "layer  0 head  0: 0.333",
    ]
    assert len(told(found)) == 5
    assert as_data(found, "m", {"seed": 0}) == {
        "model": "m", "seed": 0, "asked": 2, "recalled": 1, "scores": [[0.3333] * 3, [0.0] * 3],
    }  # fmt: skip


def test_looking_at_the_needle_is_not_enough():
    """The token that is looked at must be the one that is written."""
    tokens = np.array([[0, 1], [1, 2], [2, 3], [3, 4]])
    attention = np.array([[[0.1, 0.9, 0, 0], [0.8, 0.1, 0.1, 0], [0.2, 0.2, 0.3, 0.3]]], np.float32)
    seen = Seen(0, attention, tokens, np.array([5, 6, 6, 5]))
    assert copies(seen, (0, 2), 2).tolist() == [1.0]  # 6 is written while 6 is looked at, then 5 while 5 is
    assert copies(seen, (0, 1), 2).tolist() == [1.0], "the second alone"
    other = Seen(0, attention, tokens, np.array([5, 6, 7, 8]))
    assert copies(other, (0, 2), 2).tolist() == [0.0]


def test_no_needle_recalled_is_told():
    with pytest.raises(DataError, match="none of 1 needles was recalled"):
        retrieval_heads(ShowingLLM({"": "nowhere"}), [example()])
    with pytest.raises(DataError, match="n is no needle"):
        retrieval_heads(ShowingLLM({"": "Paris"}), [_bare()])


def _bare():
    return Example("n", "Where?", Document(id="d", page_content=TEXT), answers=("Paris",))


def test_the_command_says_in_a_line_what_is_wrong(tiny_llm_folder, tmp_path, monkeypatch, capsys):
    given = [
        str(tiny_llm_folder),
        str(tmp_path / "heads.json"),
        "--lengths",
        "450",
        "--depths",
        "1",
        "--max-tokens",
        "4",
    ]
    monkeypatch.setattr("sys.argv", ["retrieval_heads", *given])
    with pytest.raises(SystemExit, match="1"):
        main()
    assert "error: none of 1 needles was recalled: ask for shorter texts" in capsys.readouterr().err
    assert not (tmp_path / "heads.json").exists()

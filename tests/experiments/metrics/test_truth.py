import pytest

from rlc.data.text.fold import fold
from rlc.experiments.metrics.reading import read
from rlc.experiments.metrics.truth import denies, truth


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Yes, it was moved.", True),
        ("True", True),
        ("That is correct.", True),
        ("It is not true.", False),
        ("No.", False),
        ("The answer is no.", False),
        ("Ja, 1954.", True),
        ("Нет", False),
        ("是的。", True),
        ("はい、そうです", True),
        ("No dogs were there.", None),
        ("Notable.", None),
        ("It is non-ferrous.", None),
        ("It was moved.", None),
    ],
)
def test_yes_and_no(text, said):
    assert truth(fold(text)) is said


@pytest.mark.parametrize(
    ("sentence", "denied"),
    [
        ("It was not built by Ada Lowe.", True),
        ("Ada Lowe did not build it.", True),
        ("Ada Lowe didn't build it.", True),
        ("It was built by Ada Lowe.", False),
        ("Ada Lowe built it, not Ben Stone.", False),
        ("It was not Ben Stone but Ada Lowe.", False),
        ("It was not only Ada Lowe.", False),
        ("Nobody knows.", False),
    ],
)
def test_what_a_sentence_denies(sentence, denied):
    [clause] = read(sentence).clauses
    assert denies(clause.words, {"ada", "low"}) is denied

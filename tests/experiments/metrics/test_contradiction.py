import pytest

from rlc.experiments.metrics.contradiction import contradiction
from rlc.experiments.metrics.reading import answer_key, read

CASES = [
    ("Who built it?", "Ada Lowe", "Eva Lowe", "another name"),
    ("Who built it?", "Ada Lowe", "It was built by Ada Wolfe.", "another name"),
    ("Who built it?", "Ada Lowe", "It was built by Mrs Lowe.", ""),
    ("Who built it?", "Wilhelm Conrad Röntgen", "Wilhelm Rontgen", ""),
    (
        "Where does it call?",
        "The boat calls at Skarn first.",
        "The boat calls at Brack first.",
        "another name",
    ),
    ("Who was king?", "Louis XIV", "Louis the Fourteenth", ""),
    ("When was it built?", "12 March 1871", "On 12 May 1871.", "another value"),
    ("How many?", "412,806", "410,500", "another value"),
    ("Who built it?", "Ada Lowe", "It was not built by Ada Lowe.", "denied"),
    ("What happened?", "He did not sign.", "He did sign.", "denied"),
    ("Why did he not sign?", "He had lost his pen.", "He did not sign because he had lost his pen.", ""),
    ("Who were they?", "Ada, Ben and Cleo", "Ada", "few of the list"),
    ("Who were they?", "Ada, Ben and Cleo", "Cleo, Ada, Ben", ""),
    ("Was it moved?", "Yes", "False.", "yes against no"),
    ("Was the light moved?", "true", "No, it was not moved.", "yes against no"),
    ("Was the light moved?", "Yes", "The light was not moved.", "yes against no"),
]


@pytest.mark.parametrize(("question", "gold", "prediction", "rule"), CASES)
def test_the_rule_that_finds_it(question, gold, prediction, rule):
    assert contradiction(answer_key(question, gold), read(prediction)) == rule

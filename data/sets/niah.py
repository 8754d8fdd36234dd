"""A needle in a haystack (Kamradt, 2023, github.com/gkamradt/LLMTest_NeedleInAHaystack): one sentence, every depth, every length.

The needle here is a place and a thing drawn from lists, so that no model has read it before and each question has its own;
`needle`, `question` and `answer` put others in its place, such as Kamradt's sandwich in Dolores Park.
"""

from rlc.data.errors import UsageError
from rlc.data.records import Dataset
from rlc.data.sets.card import Card, Part
from rlc.data.sets.haystack import generator, hidden, load_haystack, made, plant, room_in
from rlc.data.sets.needles import WORDING, secret

CARD = Card(
    name="niah",
    title="Needle in a haystack",
    paper="https://github.com/gkamradt/LLMTest_NeedleInAHaystack",
    source=None,
    licence="made here",
    parts={"single": Part("needlebench:keyword", WORDING)},
    overall="effective-length",
    lengths="you say",
    bibtex="""@misc{kamradt2023needle,
  title={Needle In A Haystack: Pressure Testing LLMs},
  author={Kamradt, Greg},
  year={2023},
  howpublished={GitHub, gkamradt/LLMTest\\_NeedleInAHaystack}
}""",
    note="Asked in NeedleBench's words and scored by its rule: the keyword stands in the answer, in its own case.",
    made=True,
)


def make(
    part: str,
    length: int = 4096,
    depths: int = 11,
    questions: int = 1,
    seed: int = 0,
    haystack: str = "sample",
    tokenizer: str = "approximate",
    needle: str = "",
    question: str = "",
    answer: str = "",
) -> Dataset:
    """Hide one sentence at evenly spaced depths of texts of `length` tokens.

    Args:
        part: `single`.
        length: Of the whole prompt and the answer, in tokens.
        depths: How many, from the beginning to the end.
        questions: At each depth.
        seed: Of all draws.
        haystack: `sample`, or a folder of texts.
        tokenizer: What counts: `approximate`, or a model's name.
        needle: Another sentence to hide.
        question: What is asked about it.
        answer: The words of it that an answer must hold.

    Raises:
        UsageError: where nothing fits into the length, or a needle comes without question and answer.
        DataError: where the hay cannot be read.
    """
    if any((needle, question, answer)) and not all((needle, question, answer)):
        raise UsageError("niah: needle, question and answer belong together; give all three")
    if depths < 1:
        raise UsageError(f"niah: depths must be at least 1, got {depths}")
    hay = load_haystack(haystack, tokenizer)
    examples = []
    for i in range(depths * questions):
        depth = (i // questions) / (depths - 1) if depths > 1 else 0.5
        draw = generator(seed, length, i)
        sentence, asked, keyword = (needle, question, answer) if needle else secret(draw)
        room = room_in(length, WORDING, asked, [sentence], hay.tokenizer)
        placed = plant(hay.lines(room, draw), [sentence], [depth])
        examples.append(hidden(f"{part}/{length}/{i}", asked, WORDING, placed, [0], [keyword], length, depth))
    settings = {"length": length, "depths": depths, "questions": questions, "seed": seed, "needle": needle}
    settings |= {"question": question, "answer": answer}
    return made(CARD, part, examples, settings, hay, length)

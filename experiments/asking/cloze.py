"""Questions by rule: a sentence of the text with a gap where a name or a figure stood. No model is asked."""

import random
import re
from collections.abc import Mapping

import regex

from rlc.data.records import Document
from rlc.data.text.sentences import split_sentences
from rlc.experiments.asking.made import MadeQuestion, Passage

WORDS = (8, 40)  # of a sentence
BY = "rule"
GAP = "____"
_FIGURE = re.compile(r"(?<![\w.,])[$€£]?\d(?:[\d,.]*\d)?%?(?![\w%])")  # whole: neither of 15th nor of 1990s
# Rows of figures, headings, lines of markup, captions, and what ends on no mark are no sentence.
_NO_SENTENCE = regex.compile(r"\S {3,}\S|\||(?:^|\s)#+ |</?\p{L}|^(?:Table|Figure|Fig\.) |[^\p{P}]$")
# A name: capitals inside a sentence, in any script that has them; behind a colon a sentence may begin.
_NAME = regex.compile(r"(?<=[\p{Ll},;] )\p{Lu}[\p{L}'’-]+(?: \p{Lu}[\p{L}'’-]+)*")


def cloze_questions(documents: Mapping[str, Document], count: int, seed: int) -> list[MadeQuestion]:
    """At most so many questions, documents in turn: every fourth on a gap that its document does not fill.

    What fills a gap stands in its document once, so that there is one answer. The unanswerable ones are gaps of another
    document whose filling does not stand in this one; a single document has none.
    """
    draw = random.Random(seed)  # noqa: S311 - no secret
    gaps = {name: draw.sample(found := _gaps(documents[name]), len(found)) for name in sorted(documents)}
    made: list[MadeQuestion] = []
    while len(made) < count and any(gaps.values()):
        for name, left in gaps.items():
            others = [other for other in gaps if other != name and gaps[other]]
            if others and len(made) % 4 == 3:
                other = gaps[draw.choice(others)].pop()
                if other.answer not in documents[name].page_content:
                    whole = Passage(documents[name], 0, len(documents[name].page_content))
                    made.append(MadeQuestion("unanswerable", other.question, "", (), (whole,), BY))
            elif left:
                made.append(left.pop())
    return made[:count]


def _gaps(document: Document) -> list[MadeQuestion]:
    text = document.page_content
    found = []
    for start, end in split_sentences(text):
        sentence = text[start:end].strip()
        if not WORDS[0] <= len(sentence.split()) <= WORDS[1] or _NO_SENTENCE.search(sentence):
            continue
        targets = [one for kind in (_FIGURE, _NAME) for one in kind.finditer(sentence)]
        alone = [one for one in targets if len(one[0]) > 1 and text.count(one[0]) == 1]
        if not alone:
            continue
        target = alone[0]
        gapped = f"{sentence[: target.start()]}{GAP}{sentence[target.end() :]}"
        question = f'What stands in the gap of this sentence of the text: "{" ".join(gapped.split())}"?'
        begin = start + text[start:end].index(sentence)
        place = Passage(document, begin, begin + len(sentence))
        found.append(MadeQuestion("location", question, target[0], (sentence,), (place,), BY))
    return found

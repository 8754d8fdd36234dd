"""A correctness judge without a language model: rules on numbers and abstention, then a fitted score of words.

The same answer gets the same verdict everywhere, free and at once; `experiments/agreement.py` says how well the
verdicts agree with a strong language model's.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from rlc.experiments.metrics.abstention import abstaining
from rlc.experiments.metrics.numeric import Number, matched, moves, numbers, required
from rlc.experiments.metrics.overlap import bigrams, common_subsequence, share
from rlc.experiments.metrics.text import STOP_WORDS, plain, stem, words

UNANSWERABLE = "hallu"
FEATURES = (
    "overlap",
    "recall",
    "precision",
    "rouge_recall",
    "rouge_f",
    "bigram_recall",
    "plain_recall",
    "number_recall",
    "name_recall",
    "abstaining",
)

_NAME = re.compile(r"(?<![.!?:\n] )(?<!^)\b[A-Z][\w'-]*[A-Za-z]\b")
_UP = frozenset(
    map(
        stem,
        [
            "increase",
            "increases",
            "increasing",
            "rise",
            "rises",
            "rose",
            "risen",
            "grow",
            "grows",
            "grew",
            "growth",
            "higher",
        ],
    )
)
_DOWN = frozenset(
    map(
        stem,
        [
            "decrease",
            "decreases",
            "decreasing",
            "decline",
            "drop",
            "dropped",
            "fall",
            "fell",
            "fallen",
            "lower",
            "reduced",
            "reduction",
        ],
    )
)
_YES_NO = re.compile(r"\W*(yes|no)\b(?! \w+ (?:is|are|was|were)\b)", re.IGNORECASE)


@dataclass(frozen=True)
class Verdict:
    """What a judge says of one answer.

    `correct` is None where the judge cannot tell: no gold answer, or a judge model's reply that is neither yes nor
    no. `reason` names the rule that decided; `failed` marks an answer that never came, which is wrong here and
    counted apart. `score` is the figure that met or missed the threshold, in [0, 1].
    """

    correct: bool | None
    score: float
    reason: str


@dataclass(frozen=True)
class Reading:
    """A text taken apart once: stems and number keys in order, and what the rules ask about."""

    tokens: tuple[str, ...]
    content: frozenset[str]
    numbers: tuple[Number, ...]
    moves: tuple[tuple[Number, Number], ...]
    names: frozenset[str]
    abstaining: tuple[bool, ...]
    yes: bool | None
    direction: int

    @property
    def opens_abstaining(self) -> bool:
        """Whether one of the first two sentences says that the text does not tell."""
        return any(self.abstaining[:2])

    @property
    def abstaining_share(self) -> float:
        """The share of sentences that say so."""
        return share(sum(self.abstaining), len(self.abstaining))


def read(text: str) -> Reading:
    """Take a text apart."""
    text = plain(text)
    lowered = text.lower()
    found = numbers(lowered)
    tokens: list[str] = []
    content: set[str] = set()
    position = 0
    for number in [*found, None]:
        for word in words(lowered[position : number.start if number else None]):
            tokens.append(stem(word))
            if word not in STOP_WORDS:
                content.add(tokens[-1])
        if number:
            tokens.append(number.key)
            position = number.end
    yes_no = _YES_NO.match(text)
    return Reading(
        tokens=tuple(tokens),
        content=frozenset(content),
        numbers=tuple(found),
        moves=tuple(moves(lowered, found)),
        names=frozenset(stem(name.lower()) for name in _NAME.findall(text)),
        abstaining=tuple(abstaining(text)),
        yes=yes_no[1].lower() == "yes" if yes_no else None,
        direction=bool(content & _UP) - bool(content & _DOWN),
    )


_read_cached = lru_cache(maxsize=1 << 14)(read)


@dataclass(frozen=True)
class Key:
    """A gold answer beside its question: what a prediction has to bring that the question did not."""

    question: Reading
    gold: Reading
    content: frozenset[str]
    numbers: tuple[Number, ...]
    names: frozenset[str]
    bigrams: frozenset[tuple[str, str]]


@lru_cache(maxsize=1 << 14)
def key(question: str, answer: str) -> Key:
    """Take a question and one of its gold answers apart."""
    asked, gold = _read_cached(question), _read_cached(answer)
    given = {number.key for number in asked.numbers}
    new = required([number for number in gold.numbers if number.key not in given])
    return Key(
        question=asked,
        gold=gold,
        content=gold.content - asked.content or gold.content,
        numbers=tuple(new),
        names=gold.names - asked.content,
        bigrams=bigrams(gold.tokens),
    )


def features(key: Key, answer: Reading) -> dict[str, float]:
    """What the score weighs, each in [0, 1]; `FEATURES` names them.

    Words are distinct stems without stop words; new ones are not in the question; numbers count among them.
    """
    hits = sum(matched(key.numbers, answer.numbers, key.gold.moves, answer.moves))
    number_recall = share(hits, len(key.numbers))
    common = len(key.content & answer.content) + hits
    wanted = len(key.content) + len(key.numbers)
    offered = len(answer.content - key.question.content) + len(answer.numbers)
    recall = share(common, wanted)
    sequence = common_subsequence(key.gold.tokens, answer.tokens)
    return {
        "overlap": min(1.0, share(common, min(wanted, max(offered, common)))),
        "recall": recall,
        "precision": min(1.0, share(common, offered)),
        "rouge_recall": share(sequence, len(key.gold.tokens)),
        "rouge_f": share(2 * sequence, len(key.gold.tokens) + len(answer.tokens)),
        "bigram_recall": share(len(key.bigrams & bigrams(answer.tokens)), len(key.bigrams), empty=recall),
        "plain_recall": share(len(key.gold.content & answer.content), len(key.gold.content), empty=recall),
        "number_recall": number_recall if key.numbers else recall,
        "name_recall": share(len(key.names & answer.content), len(key.names), empty=recall),
        "abstaining": answer.abstaining_share,
    }

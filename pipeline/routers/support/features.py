"""What is known of a question before anyone has answered it: its words, its document, and what was retrieved.

A term occurs in a text if their stems meet. No index and no model is asked: a document is taken apart once, in
milliseconds, and a decision about one of its questions takes about one.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain

from rlc.data.records import Evidence, passages_of
from rlc.data.text.stop_words import STOP_WORDS

# What a question asks for. Named by what it looks for; True counts as 1.
ASKS = {
    "asks_how_many": r"\bhow (?:many|much)\b",
    "asks_why": r"\bwhy\b|\breasons?\b",
    "asks_how": r"\bhow (?:do|does|did|is|are|was|were|can|might|would|has|have)\b",
    "asks_yes_or_no": r"^(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would)\b",
    "compares": r"\b(?:compar\w*|differ\w*|both|versus|contrast\w*|similar\w*|than|more|less|higher|lower|greater)\b",
    "asks_for_figures": r"\b(?:percent\w*|ratio|calculat\w*|total|difference|average|sum|change|increase\w*"
    r"|decrease\w*|growth)\b",
    "asks_for_specifics": r"\b(?:specific\w*|exact\w*|particular\w*|detailed)\b",
}

_ASKS = {name: re.compile(pattern) for name, pattern in ASKS.items()}
_NAME = re.compile(r"(?<=[\w,;'’\")] )[A-Z][\w-]*[a-z0-9]\b|\b[A-Z]{2,}\b")  # capitalised inside a sentence
_SAMPLE = 50_000  # characters that a document's type is guessed from
_WINDOW, _STRIDE = 50, 25  # words: about two sentences
_RARE = 2  # occurrences
_MARKS = bytes(
    32 if byte < 128 and not chr(byte).isalnum() else byte for byte in range(256)
)  # ASCII marks to spaces
_TYPOGRAPHY = "‘’“”–—…•"


@dataclass(frozen=True)
class Text:
    """A document as the features see it; make one per document and use it for all its questions."""

    content: str

    @cached_property
    def stems(self) -> Counter[str]:
        """How often each stem occurs."""
        words = Counter(split_words(self.content))
        stems: Counter[str] = Counter()
        for word, count in words.items():
            stems[six_letter_stem(word)] += count
        return stems

    @cached_property
    def traits(self) -> dict[str, float]:
        """What the document is: its length, and figures and quotation marks, which tell reports from stories."""
        sample = self.content[:_SAMPLE]
        size = max(1, len(sample))
        return {
            "document_length": math.log(max(1, len(self.content))),
            "document_digits": sum(map(sample.count, "0123456789")) / size,
            "document_quotes": sum(map(sample.count, '"“”')) / size,
        }


@lru_cache(maxsize=16)
def text_of(content: str) -> Text:
    """Take a document apart once, also where its questions come one by one."""
    return Text(content)


def features(question: str, document: Text, evidence: Sequence[Evidence]) -> dict[str, float]:
    """The features of one question, every name present, every value finite.

    rarity(t) = ln((n + 1) / (count(t) + 1)), n the number of the document's words: about the negative log of a
    term's share of them. A weighted coverage is the rarity of the terms found over that of all terms.

    Args:
        question: As it was asked.
        document: What it is asked about.
        evidence: What the retrieving arm would read, best first; where it is pruned, the passages count as they were
            found. Its scores are not used: their margin and entropy
            were measured to add nothing, and so it does not matter which retriever gave them.
    """
    asked = question.lower()
    words = split_words(question)
    terms = {six_letter_stem(word) for word in words if word not in STOP_WORDS and len(word) > 1}
    counts = {term: document.stems[term] for term in terms}
    size = document.stems.total()
    rarity = {term: math.log((size + 1) / (count + 1)) for term, count in counts.items()}
    names = {six_letter_stem(word) for name in _NAME.findall(question) for word in split_words(name)}
    numbers = {word for word in words if word[0].isdigit()}
    passages = [
        [six_letter_stem(word) for word in split_words(document.content[piece.start : piece.end])]
        for piece in passages_of(evidence)[:5]
    ]
    best, all_five = set(chain(*passages[:1])), set(chain(*passages))
    return {
        "question_length": math.log(len(words) + 1),
        "question_terms": float(len(terms)),
        "question_names": float(len(names)),
        "question_numbers": float(len(numbers)),
        **{name: float(pattern.search(asked) is not None) for name, pattern in _ASKS.items()},
        **document.traits,
        "names_absent": float(sum(name not in document.stems for name in names)),
        "numbers_absent": float(sum(number not in document.stems for number in numbers)),
        "coverage_1": _weighted(rarity, best),
        "coverage_5": _weighted(rarity, all_five),
        "coverage_window": max(
            (_weighted(rarity, window) for passage in passages for window in _windows(passage)), default=0.0
        ),
        "coverage_document": _share(sum(count > 0 for count in counts.values()), len(terms)),
        "terms_rarity": sum(rarity.values()) / max(1, len(rarity)),
        "rarest_term": max(rarity.values(), default=0.0),
        "rare_terms": float(sum(count <= _RARE for count in counts.values())),
        "fewest_occurrences": math.log1p(min(counts.values(), default=0)),
    }


def split_words(text: str) -> list[str]:
    """Lower-cased words and numbers; 1,093.5 falls apart like everywhere else here.

    On bytes, for a document of 600,000 characters would take ten times as long by regular expression.
    """
    plain = text.lower()
    for mark in _TYPOGRAPHY:
        plain = plain.replace(mark, " ")
    return plain.encode("utf-8", "replace").translate(_MARKS).decode("utf-8").split()


def six_letter_stem(word: str) -> str:
    """Cut a word to its first six letters without a plural s: crude, but what the shipped fits were made with.

    >>> [six_letter_stem(word) for word in ("sales", "company", "companies")]
    ['sale', 'compan', 'compan']
    """
    return (word.removesuffix("s") if len(word) > 3 else word)[:6]


def _windows(passage: Sequence[str]) -> Iterator[set[str]]:
    """Overlapping pieces of a passage, about two sentences each."""
    for start in range(0, max(1, len(passage) - _STRIDE), _STRIDE):
        yield set(passage[start : start + _WINDOW])


def _weighted(rarity: Mapping[str, float], found: set[str]) -> float:
    return _share(sum(weight for term, weight in rarity.items() if term in found), sum(rarity.values()))


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 1.0

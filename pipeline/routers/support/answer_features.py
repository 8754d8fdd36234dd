"""What a RAG answer says about itself: whether it gives up, and whether the passages hold what it claims."""

import math
import re
from collections.abc import Sequence
from itertools import chain

from rlc.data.records import Evidence
from rlc.data.text.abstention import abstaining
from rlc.data.text.plain import STOP_WORDS
from rlc.pipeline.routers.support.features import Text, split_words, stem

_HEDGE = re.compile(
    r"\b(?:may|might|could|likely|suggest\w*|appear\w*|seem\w*|impl(?:y|ies)|possibl[ey]|probabl[ey])\b"
)


def answer_features(
    question: str, answer: str, document: Text, evidence: Sequence[Evidence]
) -> dict[str, float]:
    """The features of an answer that was given on the evidence; an empty answer has none of anything.

    `answer_support` is the share of the answer's content words that stand in the evidence, `answer_new` the share
    that does not stand in the question.
    """
    silent = abstaining(answer)
    words = split_words(answer)
    stems = {stem(word) for word in words if word not in STOP_WORDS and len(word) > 1}
    asked = {stem(word) for word in split_words(question)}
    read = set(chain(*(split_words(document.content[piece.start : piece.end]) for piece in evidence)))
    numbers = {word for word in words if word[0].isdigit()}
    return {
        "answer_abstains": float(any(silent[:2])),
        "answer_abstaining_share": sum(silent) / max(1, len(silent)),
        "answer_length": math.log1p(len(words)),
        "answer_support": len(stems & {stem(word) for word in read}) / max(1, len(stems)),
        "answer_new": len(stems - asked) / max(1, len(stems)),
        "answer_numbers": math.log1p(len(numbers)),
        "answer_numbers_unread": math.log1p(len(numbers - read)),
        "answer_hedges": float(_HEDGE.search(answer.lower()) is not None),
    }

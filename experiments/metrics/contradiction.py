"""What in a prediction is at odds with a gold answer, whatever else they share."""

import re
from collections.abc import Callable, Sequence

from rlc.data.text.plain import stem
from rlc.experiments.metrics.numeric import replaced
from rlc.experiments.metrics.reading import STOP_STEMS, Key, ParsedAnswer, read_once
from rlc.experiments.metrics.truth import DENIALS, denies

_TITLES = frozenset(
    map(
        stem,
        [
            "mr",
            "mrs",
            "ms",
            "dr",
            "sir",
            "lord",
            "lady",
            "king",
            "queen",
            "prince",
            "princess",
            "president",
            "captain",
            "general",
            "professor",
            "saint",
            "st",
            "judge",
            "senator",
            "governor",
            "mayor",
            "miss",
            "madam",
            "father",
            "mother",
            "uncle",
            "aunt",
        ],
    )
)


_ROMAN = re.compile(r"[ivxlc]+")
_BETWEEN = re.compile(r"\s*(?:[,;&、]|\b(?:and|und|et|y|e|和)\b)\s*")
_SHORT = 100  # characters


def contradiction(key: Key, answer: ParsedAnswer) -> str:
    """The name of the first rule that finds the prediction at odds with the gold answer, or ""."""
    return next((name for name, finds in RULES.items() if finds(key, answer)), "")


def _abstains(key: Key, answer: ParsedAnswer) -> bool:
    """Whether an answer opens by saying that the text does not tell, and holds less than half of what is asked."""
    silent = answer.opens_abstaining and not key.gold.opens_abstaining
    return silent and 2 * len(key.content & answer.content) < len(key.content)


def _other_truth(key: Key, answer: ParsedAnswer) -> bool:
    """Whether an answer says no where the gold answer says yes, or the other way about."""
    if key.gold.truth is None:
        return False
    said = answers_yes(key.question, answer) if key.gold.says_only_so else answer.truth
    return said is not None and said != key.gold.truth


def answers_yes(question: ParsedAnswer, answer: ParsedAnswer) -> bool | None:
    """Yes or no as an answer says it, or as its first sentence implies that repeats half of the question; else None."""
    if answer.truth is not None or not answer.clauses or not question.content:
        return answer.truth
    first = answer.clauses[0]
    repeats = 2 * len(question.content.intersection(first.words)) >= len(question.content)
    return not first.denies if repeats else None


def _other_direction(key: Key, answer: ParsedAnswer) -> bool:
    return key.gold.direction * answer.direction < 0


def _other_value(key: Key, answer: ParsedAnswer) -> bool:
    """A date, an amount or another value stands where the gold answer has another one."""
    known = key.gold.values + key.question.values
    return replaced(key.gold.values, answer.values, known, key.gold.moves, answer.moves)


def _other_name(key: Key, answer: ParsedAnswer) -> bool:
    """A name stands where the gold answer has another: beside the rest of that name, or between the same words."""
    own = key.gold.content | key.question.content | _TITLES
    foreign = {name for run in answer.runs for name in run if len(name) > 1 and name not in own}
    missing = {
        name
        for run in key.gold.runs
        for name in run
        if len(name) > 1
        and name in key.gold.content
        and name not in answer.vocabulary
        and not (_ROMAN.fullmatch(name) and answer.values)  # Louis XIV, Louis the Fourteenth
    }
    if not foreign or not missing:
        return False
    for run in key.gold.runs:
        if missing.intersection(run) and any(
            foreign.intersection(said) and set(run).intersection(said) for said in answer.runs
        ):
            return True
    return not _neighbours(key.gold.tokens, missing).isdisjoint(_neighbours(answer.tokens, foreign))


def _neighbours(tokens: Sequence[str], of: set[str]) -> set[tuple[str, str]]:
    """The tokens before and after each of some tokens, "" at an end."""
    around = ["", *tokens, ""]
    pairs = {(around[i], around[i + 2]) for i, token in enumerate(tokens) if token in of}
    return pairs - {("", "")}


def _other_identifier(key: Key, answer: ParsedAnswer) -> bool:
    """A word of letters and digits stands where the gold answer has another one made alike: gpt-3 for gpt-4."""
    wanted = key.gold.identifiers
    if not wanted or len(key.gold.text) > _SHORT:
        return False
    together = "".join(answer.written_words)
    missing = {made for name, made in wanted.items() if name not in together}
    known = {**wanted, **key.question.identifiers}
    return any(made in missing for name, made in answer.identifiers.items() if name not in known)


def _few_items(key: Key, answer: ParsedAnswer) -> bool:
    """Of a list in the gold answer, three items or two joined by "and", at most half is there."""
    text = key.gold.text.rstrip(" .")
    marks = _BETWEEN.findall(text)
    items = [read_once(item).content for item in _BETWEEN.split(text) if item.strip()]
    is_list = len(items) > 2 or (len(items) == 2 and "," not in marks[0])
    if not is_list or len(text) > _SHORT or not all(items) or key.gold.values or max(map(len, items)) > 4:
        return False
    present = sum(2 * len(item & answer.vocabulary) >= len(item) for item in items)
    return 2 * present <= len(items) and bool(answer.content - key.question.content)


def _denied(key: Key, answer: ParsedAnswer) -> bool:
    """Every sentence that holds most of what is asked says the contrary of the gold answer."""
    if not key.gold.clauses:
        return False
    asked = frozenset(word for clause in key.question.clauses for word in clause.words)
    reach = 2 if any(clause.denies for clause in key.question.clauses) else None  # "Why did she not sign?"
    gold = key.gold.clauses[0].words
    whole = frozenset(gold) - STOP_STEMS - DENIALS
    for content in filter(None, {whole, whole - asked}):
        told = denies(gold, content, reach)
        holding = [
            clause.words
            for clause in answer.clauses
            if 4 * len(content.intersection(clause.words)) >= 3 * len(content)
        ]
        if holding and all(denies(words, content, reach) != told for words in holding):
            return True
    return False


RULES: dict[str, Callable[[Key, ParsedAnswer], bool]] = {
    "abstained": _abstains,
    "yes against no": _other_truth,
    "up against down": _other_direction,
    "another value": _other_value,
    "another name": _other_name,
    "another identifier": _other_identifier,
    "few of the list": _few_items,
    "denied": _denied,
}
"""The rules in the order in which they are asked; the name is what a verdict gives as its reason."""

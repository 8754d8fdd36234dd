"""Does the rule judge see that an answer is wrong on purpose, and that a right one is said otherwise?

    python experiments/bench/judge.py [--nq FILE]

From the gold answers of the bundled sample, and of a part of Natural Questions where FILE is given (JSON Lines or the
same gzipped, `question` and `answers`): one part of each is changed by rule, and it is said otherwise by rule. Every
answer is judged bare and inside a sentence. Prints by kind how many changed answers are judged wrong and how many
others right, and with --show some that are not.

Nothing here was fitted; the kinds are those in which answers of models differ from the gold ones in earnest.
"""

import argparse
import calendar
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from rlc.data.datasets import load_dataset
from rlc.experiments.scorers.rule import RuleJudge

MONTHS = list(calendar.month_name)[1:]
FRAMES = ("{}", "The answer is {}.", "According to the text, it is {}.")

_MONTH = re.compile(rf"\b(?:{'|'.join(MONTHS)})\b")
_YEAR = re.compile(r"\b(?:1[5-9]|20)\d\d\b")
_NUMBER = re.compile(r"(?<![\w.,-])\d[\d,]*(?:\.\d+)?(?![\w])")
_DATE = re.compile(rf"\b({'|'.join(MONTHS)}) (\d{{1,2}}), (\d{{4}})\b")
_NAME = re.compile(r"\b(?!The |A )[A-Z][a-z]{2,}(?: [A-Z][a-z]{2,})+\b")
_SCALE = re.compile(r"\b(thousand|million|billion)\b")
_VERB = re.compile(r"\b(was|is|were|are|has|had|did|does|can|could|will|would)\b")

Option = TypeVar("Option")
Change = Callable[[str], str | None]
"""A gold answer to another one; None where it has no such part."""


def _pick(gold: str, options: Sequence[Option]) -> Option:
    """One of the options, always the same for a gold answer."""
    return options[zlib.crc32(gold.encode()) % len(options)]


def _month(gold: str) -> str | None:
    return _once(_MONTH, gold, lambda old: _pick(gold, [month for month in MONTHS if month != old]))


def _year(gold: str) -> str | None:
    return _once(_YEAR, gold, lambda old: str(int(old) + _pick(gold, (-10, -3, -1, 1, 2, 7))))


def _digit(gold: str) -> str | None:
    def other(old: str) -> str:
        place = _pick(gold, [i for i, mark in enumerate(old) if mark.isdigit()])
        digits = [digit for digit in "123456789" if digit != old[place]]
        return old[:place] + _pick(gold, digits) + old[place + 1 :]

    return None if _YEAR.fullmatch(gold) else _once(_NUMBER, gold, other)


def _sign(gold: str) -> str | None:
    if re.fullmatch(r"\$?[\d,.]+%?", gold):
        return f"-{gold}"
    return None


def _scale(gold: str) -> str | None:
    scales = ("thousand", "million", "billion")
    return _once(_SCALE, gold, lambda old: _pick(gold, [scale for scale in scales if scale != old]))


def _scale_left_out(gold: str) -> str | None:
    changed = re.sub(rf"\s{_SCALE.pattern}", "", gold)
    return None if changed == gold else changed


def _name(gold: str) -> str | None:
    """One word of a name of several."""

    def other(old: str) -> str:
        parts = old.split()
        place = _pick(gold, range(len(parts)))
        parts[place] = _pick(
            gold, [name for name in ("Wolfe", "Marten", "Corrigan", "Ashby") if name not in parts]
        )
        return " ".join(parts)

    return _once(_NAME, gold, other)


def _negation(gold: str) -> str | None:
    """Denied: "not" behind the verb of a sentence, or before a name or phrase."""
    if re.search(r"\b(?:not|no|never|none)\b|n't", gold, re.IGNORECASE):
        return None
    denied, found = _VERB.subn(r"\1 not", gold, count=1)
    return denied if found else f"not {gold}"


def _truth(gold: str) -> str | None:
    other = {"Yes": "No", "No": "Yes"}
    return (
        re.sub(r"^(Yes|No)\b", lambda match: other[match[1]], gold)
        if re.match(r"(?:Yes|No)\b", gold)
        else None
    )


CHANGES: Mapping[str, Change] = {
    "month": _month,
    "year": _year,
    "digit": _digit,
    "sign": _sign,
    "scale": _scale,
    "no scale": _scale_left_out,
    "name": _name,
    "negation": _negation,
    "yes and no": _truth,
}


def _date_in_order(gold: str) -> str | None:
    return _once(_DATE, gold, lambda old: _DATE.sub(r"\2 \1 \3", old))


def _iso_date(gold: str) -> str | None:
    def iso(match: re.Match[str]) -> str:
        return f"{match[3]}-{MONTHS.index(match[1]) + 1:02}-{int(match[2]):02}"

    return _DATE.sub(iso, gold, count=1) if _DATE.search(gold) else None


def _other_marks(gold: str) -> str | None:
    return _once(re.compile(r"\b\d{1,3}(?:,\d{3})+\b"), gold, lambda old: old.replace(",", " "))


def _plain_number(gold: str) -> str | None:
    return _once(re.compile(r"\b\d{1,3}(?:,\d{3})+\b"), gold, lambda old: old.replace(",", ""))


def _lower_case(gold: str) -> str | None:
    return gold.lower() if gold.lower() != gold else None


def _no_marks(gold: str) -> str | None:
    changed = re.sub(r"[.,;:!?](?!\d)|\"", "", gold)
    return changed if changed != gold else None


def _same(gold: str) -> str | None:
    return gold


PARAPHRASES: Mapping[str, Change] = {
    "as it is": _same,
    "lower case": _lower_case,
    "no marks": _no_marks,
    "date in another order": _date_in_order,
    "ISO date": _iso_date,
    "spaces for commas": _other_marks,
    "no commas": _plain_number,
}


def _once(pattern: re.Pattern[str], text: str, other: Callable[[str], str]) -> str | None:
    match = pattern.search(text)
    return text[: match.start()] + other(match[0]) + text[match.end() :] if match else None


def questions(nq: Path | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Questions and their gold answers."""
    for example in load_dataset("sample").examples:
        if example.answers and example.answerable is not False:
            yield example.question, example.answers
    if nq is not None:
        raw = nq.read_bytes()
        text = (gzip.decompress(raw) if nq.suffix == ".gz" else raw).decode()
        for line in text.splitlines():
            row = json.loads(line)
            yield row["question"], tuple(row["answers"])


def measure(nq: Path | None, show: int = 0) -> dict[str, tuple[int, int, list[str]]]:
    """By kind: how many were judged as they should, of how many, and some that were not."""
    judge = RuleJudge()
    asked = list(questions(nq))
    found: dict[str, tuple[int, int, list[str]]] = {}
    for right, kinds in ((False, CHANGES), (True, PARAPHRASES)):
        for kind, change in kinds.items():
            hits, misses = 0, []
            total = 0
            for question, golds in asked:
                said = change(golds[0])
                if said is None or (not right and said in golds):
                    continue
                for frame in FRAMES:
                    answer = frame.format(said.rstrip(".") if "." in frame else said)
                    verdict = judge.judge(
                        question, golds[:1], answer, "qa"
                    )  # another may hold what was changed
                    total += 1
                    hits += bool(verdict.correct) == right
                    if bool(verdict.correct) != right:
                        misses.append(
                            f"{question} | {golds[0]} | {answer} | {verdict.reason} {verdict.score:.2f}"
                        )
            found[kind] = (hits, total, misses[:: max(1, len(misses) // show)][:show] if show else [])
    return found


def main() -> None:
    """Print a line a kind."""
    parser = argparse.ArgumentParser(description="Answers wrong on purpose, and right ones said otherwise.")
    parser.add_argument("--nq", type=Path, help="questions and answers in JSON Lines, gzipped or not")
    parser.add_argument("--show", type=int, default=0, help="misjudged answers to print by kind")
    options = parser.parse_args()
    for kind, (hits, total, misses) in measure(options.nq, options.show).items():
        side = "wrong" if kind in CHANGES else "right"
        share = f"{100 * hits / total:5.1f}%" if total else "    -"
        print(f"{kind:24} judged {side}: {share} of {total}")  # noqa: T201  a bench speaks to its terminal
        for miss in misses:
            print(f"    {miss}")  # noqa: T201


if __name__ == "__main__":
    main()

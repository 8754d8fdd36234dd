"""How a data set's authors ask a language model whether an answer is right: `prompts/<name>.toml`, one file a data set.

A file names `upstream`, the words `right` and `wrong` of a reply, perhaps a `system` text, and `prompts` by task; `default` is for the
other tasks, `unanswerable` for questions that their text does not answer. Places are {question}, {reference} and {candidate}.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from rlc.data.records import Example

FOLDER = Path(__file__).parent / "prompts"
PLACES = ("question", "reference", "candidate")
_PLACE = re.compile(r"\{(question|reference|candidate)\}")


@dataclass(frozen=True)
class AuthorsJudge:
    """The prompts of a data set's authors, and how they read a reply."""

    upstream: str
    right: str
    wrong: str
    prompts: Mapping[str, str] = field(default_factory=dict)
    system: str = ""

    def template(self, example: Example) -> str:
        """The prompt for a question, with its places open."""
        if example.answerable is False and "unanswerable" in self.prompts:
            return self.prompts["unanswerable"]
        return self.prompts.get(example.task.rpartition(":")[2], self.prompts["default"])

    def accepts(self, reply: str) -> bool:
        """Upstream's own reading, to be shown beside a strict one: any reply that holds the word is a yes."""
        return self.right in reply.lower()


def filled(template: str, places: Mapping[str, str]) -> tuple[str, str]:
    """A template up to its first place, and from there on with the places filled, each once over.

    >>> filled("Is {candidate} like {reference}?", {"candidate": "{reference}", "reference": "b"})
    ('Is ', '{reference} like b?')
    """
    first = _PLACE.search(template)
    start = first.start() if first else len(template)
    return template[:start], _PLACE.sub(lambda place: places[place[1]], template[start:])


@cache
def authors_judge(dataset: str) -> AuthorsJudge | None:
    """The judge of a data set's authors; None where they ask no model for right or wrong."""
    file = FOLDER / f"{dataset}.toml"
    return AuthorsJudge(**tomllib.loads(file.read_text(encoding="utf-8"))) if file.is_file() else None

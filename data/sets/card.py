"""The card of a data set: what it is, where it is from, and how its authors ask and score."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from rlc.data.records import Wording

Sense = Literal["both", "whole", "retrieval", "one"]

# What a comparison of retrieval with long context says on such a part.
SENSES: Mapping[Sense, str] = {
    "both": "retrieval and long context can both answer",
    "whole": "every part of the text is needed: a control on which retrieval should lose",
    "retrieval": "there are passages to find and nothing to answer: readers say little here",
    "one": "there is nothing to retrieve: the text is one piece, or the answer is not in it",
}
OVERALL = ("mean-of-tasks", "mean-of-questions", "effective-length", "relative-length")


@dataclass(frozen=True)
class Part:
    """One task of a data set.

    `scorer` is a name in `rlc.experiments.scorers.SCORERS`; empty leaves it to the rule judge. `wording` is the
    authors', where all questions share it. `sense` says what retrieval against long context means here.
    """

    scorer: str = ""
    wording: Wording | None = None
    sense: Sense = "both"


@dataclass(frozen=True)
class Hub:
    """A data set on huggingface.co.

    `revision` is a commit. Where it is empty, the commit that `main` is at the first fetch is kept beside the files.
    `files` are patterns of the files to bring.
    """

    repository: str
    revision: str = ""
    files: tuple[str, ...] = ("*",)

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"https://huggingface.co/datasets/{self.repository}"


@dataclass(frozen=True)
class Git:
    """A public git repository at a commit. `keep` are beginnings of the paths to bring."""

    url: str
    commit: str
    keep: tuple[str, ...] = ("",)

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return self.url

    @property
    def archive(self) -> str:
        """The address of the commit as a gzipped tar archive."""
        return f"{self.url}/archive/{self.commit}.tar.gz"


@dataclass(frozen=True)
class Files:
    """Plain files by name, each with its address."""

    urls: Mapping[str, str]

    @property
    def place(self) -> str:
        """Where they are, for people."""
        return next(iter(self.urls.values()), "")


Source = Hub | Git | Files


@dataclass(frozen=True)
class Card:
    """What a data set is.

    Args:
        name: As the command line calls it.
        title: As its authors call it.
        paper: Where it was published: an arXiv number, a DOI or an address.
        source: Where its files are; None where it is made here, or comes with the package.
        licence: Of the data, or "not stated"; where the rows' own licences differ it says so.
        parts: Its tasks by name, in the authors' order.
        upstream: The repository and commit whose code the scorers follow.
        terms: What a user must accept before the files are fetched; empty where nothing needs accepting.
        language: Codes of its languages.
        overall: How the authors average: one of `OVERALL`.
        unit: Of its lengths: tokens, words or characters.
        lengths: The range of its documents' lengths in that unit, where that is known; else empty.
        questions: How many it has, where that is known.
        documents: How many documents, where that is known.
        judge: The language model that its authors ask, where they ask one; the rule judge stands in for it offline.
        bibtex: For who cites it.
        note: What a reader of its figures should know.
        version: Raised whenever equal files or settings give another data set.
    """

    name: str
    title: str
    paper: str
    source: Source | None
    licence: str
    parts: Mapping[str, Part]
    upstream: str = ""
    terms: str = ""
    language: tuple[str, ...] = ("en",)
    overall: str = "mean-of-tasks"
    unit: str = "tokens"
    lengths: str = ""
    questions: int | None = None
    documents: int | None = None
    judge: str = ""
    bibtex: str = ""
    note: str = ""
    version: int = 1
    made: bool = field(default=False)  # here, from settings, rather than read from files

    def measures(self, part: str) -> dict[str, str]:
        """The measure of a part's task, under the part's name; empty where the rule judge measures it."""
        scorer = self.parts[part].scorer
        return {part: scorer} if scorer else {}

"""KITAB (Abdin et al., ICLR 2024, arXiv:2310.15511): books of an author that meet a condition, from the author's list.

Rows hold `Author`, `Constraint Type`, `Constraints`, `mapped_books` (those that meet it) and `all_books` (titles with years), lists or their text. As in the authors' setting with context, the text
is the list of all books.
"""

from rlc.data.formats.files import JsonRow
from rlc.data.records import Dataset, Example, Wording
from rlc.data.sets.card import Card, Hub, Part
from rlc.data.sets.loading import Documents, load_part, located, texts
from rlc.data.sets.recordings import literal

WORDING = Wording(
    "Below is the list of all books of an author.\n\n{text}\n\n",
    "{question}\nReply with the titles alone, one a line.\n",
    512,
)
KINDS = {
    "starts-with": "starts with",
    "ends-with": "ends with",
    "word-count": "word count",
    "human-name": "human",
    "city-name": "city",
    "publishing-year": "publishing year",
}

CARD = Card(
    name="kitab",
    title="KITAB",
    paper="arXiv:2310.15511",
    source=Hub("microsoft/kitab", files=("*.json", "*.jsonl", "*.csv", "*.parquet")),
    licence="not verified",
    parts={kind: Part("kitab:books", WORDING, "whole") for kind in KINDS},
    unit="books",
    bibtex="""@inproceedings{abdin2024kitab,
  title={KITAB: Evaluating LLMs on Constraint Satisfaction for Information Retrieval},
  author={Abdin, Marah I and Gunasekar, Suriya and Chandrasekaran, Varun and Li, Jerry and Yuksekgonul, Mert and
    Peshawaria, Rahee Ghosh and Naik, Ranjita and Nushi, Besmira},
  booktitle={ICLR},
  year={2024}
}""",
    note="Titles are compared after normalisation; the authors also ask an embedding model. All books must be read: a control.",
)


def load(part: str, root: str = "") -> Dataset:
    """Read the questions with one kind of condition.

    Raises:
        DataError: where the file is not here, a row is broken, or none has such a condition.
    """
    documents = Documents("kitab", "list of books")

    def make(row: JsonRow) -> list[Example]:
        if KINDS[part] not in str(row.values.get("Constraint Type", "")).lower().replace("-", " "):
            return []
        books = texts(literal(row.values.get("all_books")))
        wanted = texts(literal(row.values.get("mapped_books")))
        if not books:
            raise row.fault("expected a list of books under 'all_books'")
        document = documents("\n".join(books), title=row.text("Author"))
        asked = f"Which books of {row.text('Author')} meet this: {row.text('Constraints')}"
        titles = tuple(book.partition(" (")[0] for book in books)
        return [
            Example(
                f"{part}:{row.line}",
                asked,
                document,
                tuple(book.partition(" (")[0] for book in wanted),
                part,
                bool(wanted) or None,
                {"books": titles},
                located(document, wanted),
                WORDING,
            )
        ]

    names = (
        "KITAB-ONE-BOOK-CONSTRAINTS.json",
        "one-book-constraints.csv",
        "one-book-constraints.parquet",
        "kitab.jsonl",
    )
    return load_part(CARD, part, root, names, make)

"""Ada-LEval (Wang et al., NAACL 2024, arXiv:2404.06480; open-compass/Ada-LEval@092c793): the best of many answers, and the order of pieces.

`stackselect_<length>.json` holds `question`, `all_answers`, `answer` (A and a number), `tags`; `textsort_<length>.json` holds `segments`, `answer` (their order). The files state no
licence, so the wording is our own.
"""

from rlc.data.formats.files import JsonRow
from rlc.data.records import Dataset, Evidence, Example, Wording
from rlc.data.sets.card import Card, Git, Part
from rlc.data.sets.loading import Documents, joined, load_part, texts

BEST = Wording(
    "Below are answers to one question, each under its designation.\n\n{text}\n\n",
    "Which answer helps most with this question?\n\n{question}\n\nReply with its designation alone, such as A4.\nAnswer:",
    16,
)
SORT = Wording(
    "Below are numbered pieces of one text, in another order.\n\n{text}\n\n",
    "{question} Reply with their numbers alone, in the right order, between commas.\nAnswer:",
    64,
)

CARD = Card(
    name="ada-leval",
    title="Ada-LEval",
    paper="arXiv:2404.06480",
    source=Git(
        "https://github.com/open-compass/Ada-LEval", "092c7936fa1f77aceecb1733b8bbed7ee810e961", ("data/",)
    ),
    licence="not stated",
    parts={
        "best-answer": Part("ada-leval:best-answer", BEST),
        "text-sort": Part("ada-leval:order", SORT, "whole"),
    },
    upstream="open-compass/Ada-LEval@092c793",
    lengths="1k to 128k",
    bibtex="""@inproceedings{wang2024adaleval,
  title={Ada-LEval: Evaluating long-context LLMs with length-adaptable benchmarks},
  author={Wang, Chonghua and Duan, Haodong and Zhang, Songyang and Lin, Dahua and Chen, Kai},
  booktitle={NAACL},
  year={2024}
}""",
    note="length=1k comes with the repository; the others are brought by its script. chunker=passages cuts at the answers.",
)


def load(part: str, length: str = "1k", root: str = "") -> Dataset:
    """Read the rows of a task at a length.

    Raises:
        DataError: where the file is not here, or a row is broken.
    """
    documents = Documents(f"ada-leval/{part}")
    best = part == "best-answer"

    def make(row: JsonRow) -> Example:
        pieces = row.values.get("all_answers" if best else "segments")
        if not isinstance(pieces, list) or len(pieces) < 2:
            raise row.fault(f"expected a list under {'all_answers' if best else 'segments'!r}")
        given = row.values.get("answer")
        answer = ", ".join(map(str, given)) if isinstance(given, list) else "".join(texts(given))
        if not answer:
            raise row.fault("expected an answer under 'answer'")
        mark = "A{}:\n\n{}" if best else "[{}]\n{}"
        text, spans = joined([mark.format(i, piece) for i, piece in enumerate(pieces, start=1)])
        document = documents(text, passages=spans)
        place = int(answer[1:]) - 1 if best and answer[1:].isdecimal() else -1
        gold = (Evidence(str(document.id), *spans[place]),) if 0 <= place < len(spans) else ()
        asked = row.text("question") if best else "In which order do the pieces make the text?"
        return Example(
            f"{part}/{length}:{row.line}",
            asked,
            document,
            (answer,),
            part,
            True,
            {"length": length},
            gold,
            CARD.parts[part].wording,
        )

    return load_part(CARD, part, root, (f"{'stackselect' if best else 'textsort'}_{length}.json",), make)

"""Lost in the Middle (Liu et al., TACL 2024, arXiv:2307.03172; nelson-liu/lost-in-the-middle@29b8a6d): the same answer at every place.

`qa`: NQ questions with 10, 20 or 30 passages, one of which answers, at a position that the file's name says. `kv`: keys and values of
UUIDs; the pair that is asked for is moved to evenly spread positions, as upstream does. The position stands in the metadata as
`depth`, in percent.
"""

import functools
import json
import re

from rlc.data.errors import DataError
from rlc.data.formats.files import JsonRow, read_rows
from rlc.data.records import Dataset, Example, Wording
from rlc.data.sets.card import Card, Git, Part
from rlc.data.sets.fetch import files_of
from rlc.data.sets.haystack import gold
from rlc.data.sets.loading import Documents, dataset, find, joined, texts

QA = Wording(
    "Write a high-quality answer for the given question using only the provided search results (some of which might be "
    "irrelevant).\n\n{text}\n\n",
    "Question: {question}\nAnswer:",
    100,
)
KV = Wording(
    "Extract the value corresponding to the specified key in the JSON object below.\n\nJSON data:\n{text}\n\n",
    'Key: "{question}"\nCorresponding value:',
    100,
)

CARD = Card(
    name="lost-in-the-middle",
    title="Lost in the Middle",
    paper="arXiv:2307.03172",
    source=Git(
        "https://github.com/nelson-liu/lost-in-the-middle",
        "29b8a6d042ce29abccee3db1a73171a107d7e6af",
        ("qa_data/", "kv_retrieval_data/", "LICENSE"),
    ),
    licence="MIT; questions from Natural Questions",
    parts={"qa": Part("litm:subspan-em", QA), "kv": Part("litm:kv", KV)},
    upstream="nelson-liu/lost-in-the-middle@29b8a6d",
    questions=2655,
    bibtex="""@article{liu2024lost,
  title={Lost in the Middle: How Language Models Use Long Contexts},
  author={Liu, Nelson F. and Lin, Kevin and Hewitt, John and Paranjape, Ashwin and Bevilacqua, Michele and Petroni, Fabio and
    Liang, Percy},
  journal={TACL},
  year={2024}
}""",
    note="passages=20 and keys=75 choose the files; questions of one key at several positions are several texts.",
)


def load(part: str, passages: int = 20, keys: int = 75, positions: int = 5, root: str = "") -> Dataset:
    """Read the questions at all positions.

    Args:
        part: `qa` or `kv`.
        passages: 10, 20 or 30 passages a question (`qa`).
        keys: 75, 140 or 300 pairs a text (`kv`).
        positions: At how many places the pair stands in turn (`kv`).
        root: Where the files lie, if not in the cache.

    Raises:
        DataError: where the files are not here, or a row is broken.
    """
    folder, variant = files_of(CARD, root)
    if part == "kv":
        file = find(folder, f"kv-retrieval-{keys}_keys.jsonl.gz")
        make = functools.partial(_pairs, Documents("litm/kv", "table"), max(1, positions))
        examples = [one for row in read_rows(file, make) for one in row]
        return dataset(CARD, examples, [file], folder, variant, CARD.measures(part))
    files = sorted(folder.rglob(f"nq-open-{passages}_total_documents_gold_at_*.jsonl.gz"))
    if not files:
        raise DataError(
            f"{folder}: expected nq-open-{passages}_total_documents_gold_at_N.jsonl.gz (10, 20 or 30 documents)"
        )
    documents = Documents("litm/qa")
    examples = []
    for file in files:
        place = int(re.findall(r"gold_at_(\d+)", file.name)[0])
        examples += read_rows(file, functools.partial(_question, documents, place, passages))
    return dataset(CARD, examples, files, folder, variant, CARD.measures(part))


def _question(documents: Documents, place: int, passages: int, row: JsonRow) -> Example:
    try:
        told = [
            f"Document [{i}](Title: {one['title']}) {one['text']}"
            for i, one in enumerate(row.values["ctxs"], 1)
        ]
    except (LookupError, TypeError) as error:
        raise row.fault(f"expected passages with title and text under 'ctxs': {error!r}") from error
    text, spans = joined(told, "\n")
    document = documents(text, passages=spans)
    return Example(
        id=f"qa/{passages}/{place}:{row.line}",
        question=row.text("question"),
        document=document,
        answers=texts(row.values.get("answers")),
        task="qa",
        answerable=True,
        metadata={
            "position": place,
            "depth": f"{100 * place / max(1, len(spans) - 1):.0f}",
            "length": str(passages),
        },
        gold=gold(document, [spans[place]]) if place < len(spans) else (),
        wording=QA,
    )


def _pairs(documents: Documents, positions: int, row: JsonRow) -> list[Example]:
    key, value = row.text("key"), row.text("value")
    others = [tuple(pair) for pair in row.values.get("ordered_kv_records") or () if pair[0] != key]
    examples = []
    for i in range(positions):
        place = round(i * len(others) / (positions - 1)) if positions > 1 else 0
        pairs = [*others[:place], (key, value), *others[place:]]
        told, spans = joined([f"{json.dumps(a)}: {json.dumps(b)}" for a, b in pairs], ",\n ")
        spans = [(start + 1, end + 1) for start, end in spans]  # behind the brace
        document = documents("{" + told + "}", passages=spans)
        depth = f"{100 * place / max(1, len(others)):.0f}"
        examples.append(
            Example(
                id=f"kv/{len(pairs)}/{place}:{row.line}",
                question=key,
                document=document,
                answers=(value,),
                task="kv",
                answerable=True,
                metadata={"position": place, "depth": depth, "length": str(len(pairs))},
                gold=gold(document, [spans[place]]),
                wording=KV,
            )
        )
    return examples

"""LOFT (Lee et al., 2024, arXiv:2406.13121; google-deepmind/loft@219f68e): a whole corpus as the text.

A data set's folder holds `<length>/corpus.jsonl` (`pid`, `title_text`, `passage_text`) and `<split>_queries.jsonl` (`qid`, `query_text`, `metadata.qrels`, `answers`). The
document is the corpus, its passages the units, and those that the authors found relevant are gold. Passages stand as the authors write them (Apache-2.0);
the task before them is in our own words. Turns of a talk, tables and many-shot tasks are left out.
"""

from typing import Any

from rlc.data.errors import DataError
from rlc.data.formats.files import JsonRow
from rlc.data.records import Dataset, Evidence, Example, Wording
from rlc.data.sets.card import Card, Files, Part
from rlc.data.sets.fetch import files_of
from rlc.data.sets.loading import Documents, dataset, joined, read_table, texts

_FINAL = "End with one line: Final Answer: ['...'], a list of"
BEFORE = "You are given a corpus of passages, each with an ID, and then a query about it.\n\n{text}\n\n"
ASK = Wording(
    BEFORE, f"Answer the query from the corpus. {_FINAL} the answer alone.\n\nQuery: {{question}}\n", 256
)
ASK_ALL = Wording(
    BEFORE, f"Answer the query from the corpus. {_FINAL} all its answers.\n\nQuery: {{question}}\n", 512
)
FIND = Wording(
    BEFORE,
    f"Find the passages that answer the query. {_FINAL} their IDs, best first.\n\nQuery: {{question}}\n",
    256,
)
SINGLE, MANY = ("nq", "hotpotqa", "musique"), ("qampari", "quest")
PASSAGES = (*SINGLE, *MANY, "arguana", "fever", "fiqa", "msmarco", "scifact", "webis_touche2020")

CARD = Card(
    name="loft",
    title="LOFT",
    paper="arXiv:2406.13121",
    source=Files(
        {
            f"{kind}/{name}.zip": f"https://storage.googleapis.com/loft-bench/{kind}/{name}.zip"
            for kind, names in (("rag", (*SINGLE, *MANY)), ("retrieval", PASSAGES))
            for name in names
        }
    ),
    licence="Apache-2.0; data CC-BY-4.0 and others",
    parts={
        **{name: Part("loft:rag", ASK) for name in SINGLE},
        **{name: Part("loft:multi-value", ASK_ALL) for name in MANY},
        **{f"retrieval-{name}": Part("loft:retrieval", FIND, "retrieval") for name in PASSAGES},
    },
    upstream="google-deepmind/loft@219f68e",
    lengths="32k, 128k, 1m",
    bibtex="""@article{lee2024loft,
  title={Can Long-Context Language Models Subsume Retrieval, RAG, SQL, and More?},
  author={Lee, Jinhyuk and Chen, Anthony and Dai, Zhuyun and Dua, Dheeru and Sachan, Devendra Singh and Boratko, Michael and others},
  journal={arXiv preprint arXiv:2406.13121},
  year={2024}
}""",
    note="length=32k, split=dev|test. chunker=passages cuts at the passages; hundreds of questions share a corpus.",
)


def load(part: str, length: str = "32k", split: str = "dev", root: str = "") -> Dataset:
    """Read a corpus and its queries.

    Args:
        part: The data set, with `retrieval-` before it for passage ids as answers.
        length: As the folders are called.
        split: `dev` or `test`.
        root: Where the files lie, if not in the cache.

    Raises:
        DataError: where the files are not here, or a row is broken.
    """
    folder, variant = files_of(CARD, root)
    name, kind = part.removeprefix("retrieval-"), "retrieval" if part.startswith("retrieval-") else "rag"
    places = [path.parent for path in sorted(folder.rglob(f"{name}/{length}/corpus.jsonl"))]
    place = next((one for one in places if kind in one.parts), places[0] if places else None)
    if place is None:
        raise DataError(f"{folder}: expected {kind}/{name}/{length}/corpus.jsonl of LOFT")
    ids, told = zip(*read_table(place / "corpus.jsonl", _passage), strict=True)
    text, spans = joined(told, "\n")
    about = tuple({"pid": one} for one in ids)
    document = Documents(f"loft/{part}/{length}", "corpus")(text, passages=spans, passage_metadata=about)
    where = dict(zip(ids, spans, strict=True))

    def make(row: JsonRow) -> Example:
        qrels = [str(one[0]) for one in dict(row.values.get("metadata") or {}).get("qrels", ())]
        answers = tuple(qrels) if kind == "retrieval" else texts(row.values.get("answers"))
        if not answers:
            raise row.fault("expected answers under 'answers', or relevant passages under 'metadata'")
        gold = tuple(Evidence(str(document.id), *where[one]) for one in qrels if one in where)
        fields: dict[str, Any] = {"task": part, "answerable": True, "metadata": {"length": length}}
        wording = CARD.parts[part].wording
        return Example(
            f"{part}:{row.text('qid')}",
            row.text("query_text"),
            document,
            answers,
            gold=gold,
            wording=wording,
            **fields,
        )

    queries = place / f"{split}_queries.jsonl"
    files = [place / "corpus.jsonl", queries]
    return dataset(CARD, read_table(queries, make), files, folder, variant, CARD.measures(part))


def _passage(row: JsonRow) -> tuple[str, str]:
    name, title = row.text("pid"), str(row.values.get("title_text") or "")
    return name, f"ID: {name} | TITLE: {title} | CONTENT: {row.text('passage_text')} | END ID: {name}"

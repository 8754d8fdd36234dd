"""Retrieval sets in BEIR's shape, by one loader: a pool of passages is the document, and queries have relevant passages.

A part's folder holds `corpus.jsonl` (`_id`, `title`, `text`), `queries.jsonl` (`_id`, `text`) and `qrels` (TSV or JSON Lines). LongEmbed calls them `doc_id`, `qid`. Nothing is to be
answered: retrieving readers are measured by the recall of the gold passages, and readers of the whole pool are asked for ids, whose NDCG@10 is ir-measures'.
ImpliRet has a table of its own, whose every row is a passage and its question.
"""

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from rlc.data.errors import DataError
from rlc.data.formats.files import JsonRow
from rlc.data.records import Dataset, Evidence, Example, Wording
from rlc.data.sets.card import Card, Hub, Part
from rlc.data.sets.fetch import files_of
from rlc.data.sets.loading import Documents, dataset, find, joined, read_table

WORDING = Wording(
    "Below are passages, each with its id in front, and then a query.\n\n{text}\n\n",
    "List the ids of the ten passages that answer the query best, best first, one a line, and nothing else.\n\nQuery: {question}\n",
    200,
)


class Pool(NamedTuple):
    """Where the files of a part lie on the hub, and below the folder."""

    repository: str
    folder: str


LONGEMBED, DAPR, CODERAG = "dwzhu/LongEmbed", "UKPLab/dapr", "code-rag-bench"
POOLS = {
    **{f"longembed-{name}": Pool(LONGEMBED, name) for name in
       ("narrativeqa", "qmsum", "2wikimqa", "summ_screen_fd", "needle", "passkey")},
    **{f"dapr-{name}": Pool(DAPR, name) for name in ("NaturalQuestions", "MSMARCO", "Genomics", "MIRACL", "ConditionalQA")},
    **{f"coderag-{name}": Pool(CODERAG, name) for name in ("humaneval", "mbpp", "ds1000", "odex")},
    **{f"impliret-{name}": Pool("ZeinabTaghavi/ImpliRet", name) for name in ("arithmetic", "wknow", "temporal")},
}  # fmt: skip

CARD = Card(
    name="beir",
    title="Retrieval sets in BEIR's shape: LongEmbed, DAPR, CodeRAG-Bench, ImpliRet",
    paper="arXiv:2404.12096, 2305.13915, 2406.14497, 2506.14407",
    source=Hub("dwzhu/LongEmbed", files=("*.jsonl", "*.parquet")),
    licence="each its own; not specified for LongEmbed and ImpliRet",
    parts={name: Part("beir:ndcg10", WORDING, "retrieval") for name in POOLS},
    overall="mean-of-tasks",
    bibtex="""@inproceedings{thakur2021beir,
  title={BEIR: A Heterogenous Benchmark for Zero-shot Evaluation of Information Retrieval Models},
  author={Thakur, Nandan and Reimers, Nils and R{\\"u}ckl{\\'e}, Andreas and Srivastava, Abhishek and Gurevych, Iryna},
  booktitle={NeurIPS Datasets and Benchmarks},
  year={2021}
}""",
    note="LongEmbed is fetched; bring the folders of the others with --data-root. chunker=passages cuts at the passages; recall of the gold passages is the figure of retrieving readers.",
)


def load(part: str, root: str = "") -> Dataset:
    """Read a pool and its queries.

    Raises:
        DataError: where the files are not here, or a row is broken.
    """
    folder, variant = files_of(CARD, root)
    place = next((path for path in sorted(folder.rglob(POOLS[part].folder)) if path.is_dir()), folder)
    if part.startswith("impliret-"):
        files, passages, queries, relevant = _one_table(place)
    else:
        files, passages, queries, relevant = _three_files(place)
    text, spans = joined([f"[{name}] {passage}" for name, passage in passages.items()])
    about = tuple({"id": name} for name in passages)
    document = Documents(f"beir/{part}", "collection")(text, passages=spans, passage_metadata=about)
    where = dict(zip(passages, spans, strict=True))
    examples = [
        Example(
            f"{part}:{name}",
            query,
            document,
            task=part,
            metadata={"qrels": {one: grade for one, grade in relevant[name].items() if one in where}},
            gold=tuple(
                Evidence(str(document.id), *where[one])
                for one, grade in relevant[name].items()
                if grade > 0 and one in where
            ),
            wording=WORDING,
        )
        for name, query in queries.items()
        if relevant.get(name)
    ]
    return dataset(CARD, examples, files, folder, variant, CARD.measures(part))


Read = tuple[list[Path], dict[str, str], dict[str, str], dict[str, dict[str, int]]]


def _three_files(place: Path) -> Read:
    corpus, queries = find(place, "corpus.jsonl"), find(place, "queries.jsonl")
    qrels = find(place, "qrels/test.tsv", "qrels.tsv", "qrels.jsonl", "test.tsv")
    relevant: dict[str, dict[str, int]] = defaultdict(dict)
    for query, name, grade in read_table(qrels, _judged):
        relevant[query][name] = grade
    return (
        [corpus, queries, qrels],
        dict(read_table(corpus, _passage)),
        dict(read_table(queries, _query)),
        relevant,
    )


def _one_table(place: Path) -> Read:
    tables = sorted(path for path in place.rglob("*") if path.suffix in (".csv", ".jsonl"))
    if not tables:
        raise DataError(f"{place}: expected a table of ImpliRet (csv or jsonl)")
    rows = read_table(
        tables[0], lambda row: (_named(row, "id"), row.text("pos_document"), row.text("question"))
    )
    ids = [name for name, _, _ in rows]
    return (
        tables[:1],
        {name: text for name, text, _ in rows},
        {name: question for name, _, question in rows},
        {name: {name: 1} for name in ids},
    )


def _named(row: JsonRow, *keys: str) -> str:
    for key in keys:
        if str(row.values.get(key) or "").strip():
            return str(row.values[key])
    raise row.fault(f"expected an id under {' or '.join(keys)}")


def _passage(row: JsonRow) -> tuple[str, str]:
    title = str(row.values.get("title") or "")
    return _named(row, "_id", "doc_id", "id"), f"{title}\n{row.text('text')}" if title else row.text("text")


def _query(row: JsonRow) -> tuple[str, str]:
    return _named(row, "_id", "qid", "id"), row.text("text")


def _judged(row: JsonRow) -> tuple[str, str, int]:
    grade = row.values.get("score", row.values.get("relevance", 1))
    try:
        return _named(row, "query-id", "qid"), _named(row, "corpus-id", "doc_id"), int(str(grade))
    except ValueError as error:
        raise row.fault(f"expected a whole number as grade, got {grade!r}") from error

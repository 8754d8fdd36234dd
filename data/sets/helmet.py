"""HELMET (Yen et al., ICLR 2025, arXiv:2410.02694; princeton-nlp/HELMET@4526dfb, MIT): retrieved passages, keys, a reranking, stories.

Rows of the questions hold `question`, `answers` and `ctxs` of `title`, `text`, `has_answer`; of the keys `context`, `question`, `answer`; of the
reranking `qid`, `query`, `ctxs` of `id`, `text`, `label`; of the stories `context`, `question`, `answer`. The files' names say how many passages (`_k105_`). Wording
is the authors' without worked examples, whose files stand beside these.
"""

from collections.abc import Mapping
from typing import Any

from rlc.data.errors import DataError
from rlc.data.formats.files import JsonRow
from rlc.data.records import Dataset, Evidence, Example, Wording
from rlc.data.sets.card import Card, Files, Part
from rlc.data.sets.fetch import files_of
from rlc.data.sets.loading import Documents, dataset, joined, read_table, texts

RAG = Wording(
    "Use the given documents to write a concise and short answer to the question. Write your answer in the following "
    "format:\nAnswer: [answer]\n\n{text}\n\n",
    "Question: {question}\nAnswer:",
    20,
)
KEYS = Wording(
    "{text}\n\nExtract the value corresponding to the specified key in the JSON object below.\n\n",
    "Key: {question}\nCorresponding value:",
    100,
)
RERANK = Wording(
    "You are provided with a list of documents, each indicated by their ID. Rank each document based on their relevance to the "
    "question in descending order from most relelvant to least relevant texts. Include all documents in the rankings. Write "
    "your answer using the unique IDs, with the following format:\nRanking: ID3 > ID1 > ID2\n\n{text}\n\n",
    "Query: {question}\nRanking:",
    200,
)
STORY = Wording(
    "You are given a story, which can be either a novel or a movie script, and a question. Answer the question as concisely as "
    "you can, using a single phrase if possible.\n\n{text}\n\n",
    "Question: {question}\nAnswer:",
    100,
)
# How the files of a part begin.
FILES = {
    "nq": "nq-dev", "triviaqa": "triviaqa-dev", "popqa": "popqa_test", "hotpotqa": "hotpotqa-dev", "json_kv": "test_k",
    "msmarco": "test_reranking", "narrativeqa": "narrativeqa",
}  # fmt: skip

CARD = Card(
    name="helmet",
    title="HELMET",
    paper="arXiv:2410.02694",
    source=Files(
        {"data.tar.gz": "https://huggingface.co/datasets/princeton-nlp/HELMET/resolve/main/data.tar.gz"}
    ),
    licence="MIT; the rows' own differ",
    parts={
        **{
            name: Part("helmet:substring-exact-match", RAG)
            for name in ("nq", "triviaqa", "popqa", "hotpotqa")
        },
        "json_kv": Part("helmet:substring-exact-match", KEYS),
        "msmarco": Part("helmet:rerank-ndcg10", RERANK, "whole"),
        "narrativeqa": Part("helmet:f1", STORY),
    },
    upstream="princeton-nlp/HELMET@4526dfb",
    lengths="8k to 128k",
    bibtex="""@inproceedings{yen2025helmet,
  title={HELMET: How to Evaluate Long-Context Language Models Effectively and Thoroughly},
  author={Yen, Howard and Gao, Tianyu and Hou, Minmin and Ding, Ke and Fleischer, Daniel and Izsak, Peter and Wasserblat, Moshe and
    Chen, Danqi},
  booktitle={ICLR},
  year={2025}
}""",
    note="The archive has 34 GB: bring the files you want with --data-root. k=105 chooses files by passages or keys. Of the stories the "
    "authors' headline asks GPT-4o for marks; F1 is their figure beside it.",
)


def load(part: str, k: int = 0, root: str = "") -> Dataset:
    """Read the rows of a part.

    Args:
        part: The task.
        k: How many passages or keys, as the file's name says; 0 takes the first file by name.
        root: Where the files lie, if not in the cache.

    Raises:
        DataError: where the files are not here, or a row is broken.
    """
    folder, variant = files_of(CARD, root)
    found = [
        path for path in sorted(folder.rglob(f"{FILES[part]}*.jsonl")) if not k or f"k{k}_" in f"{path.stem}_"
    ]
    if not found:
        size = f" with k{k}" if k else ""
        raise DataError(f"{folder}: expected {FILES[part]}*.jsonl{size}, as in HELMET's archive")
    documents = Documents(f"helmet/{part}")
    make = {"msmarco": _ranking, "json_kv": _whole, "narrativeqa": _whole}.get(part, _passages)
    examples = read_table(found[0], lambda row: make(part, documents, row))
    return dataset(CARD, examples, found[:1], folder, variant, CARD.measures(part))


def _contexts(row: JsonRow) -> list[Mapping[str, Any]]:
    contexts = row.values.get("ctxs")
    if (
        not isinstance(contexts, list)
        or not contexts
        or not all(isinstance(one, dict) and one.get("text") for one in contexts)
    ):
        raise row.fault("expected passages with a text under 'ctxs'")
    return contexts


def _passages(part: str, documents: Documents, row: JsonRow) -> Example:
    contexts, answers = _contexts(row), texts(row.values.get("answers"))
    if not answers:
        raise row.fault("expected answers under 'answers'")
    text, spans = joined([f"Document (Title: {one.get('title', '')}): {one['text']}" for one in contexts])
    document = documents(text, passages=spans)
    gold = tuple(
        Evidence(str(document.id), *span)
        for one, span in zip(contexts, spans, strict=True)
        if one.get("has_answer")
    )
    name = f"{part}:{row.values.get('id') or row.line}"
    return Example(name, row.text("question"), document, answers, part, True, gold=gold, wording=RAG)


def _ranking(part: str, documents: Documents, row: JsonRow) -> Example:
    contexts = _contexts(row)
    text, spans = joined([f"[ID: {one.get('id')}] Document: {one['text']}" for one in contexts])
    qrels = {str(one.get("id")): int(one.get("label") or 0) for one in contexts}
    best = sorted(qrels, key=lambda name: (-qrels[name], name))
    name = f"{part}:{row.values.get('qid') or row.line}"
    document = documents(text, passages=spans)
    return Example(
        name, row.text("query"), document, (" > ".join(best),), part, True, {"qrels": qrels}, wording=RERANK
    )


def _whole(part: str, documents: Documents, row: JsonRow) -> Example:
    answers = texts(row.values.get("answer"))
    if not answers:
        raise row.fault("expected an answer under 'answer'")
    document = documents(row.text("context"))
    return Example(
        f"{part}:{row.line}",
        row.text("question"),
        document,
        answers,
        part,
        True,
        wording=CARD.parts[part].wording,
    )

"""HaystackCraft (Li et al., 2025, arXiv:2510.07414; Graph-COM/HaystackCraft@a8d8eb6): questions of several hops in a haystack that a retriever made.

Rows hold `id`, `question`, `answer`, `answer_aliases` and the passages: `paragraphs` (of `title`, `paragraph_text`, `is_supporting`) as MuSiQue has them, or `context`. The authors add distractors from their
copy of Wikipedia; here they are the passages of the other questions, as many as `passages` asks for. The files state no licence, so the wording is our own.
"""

from collections.abc import Sequence
from typing import NamedTuple

from rlc.data.errors import DataError
from rlc.data.formats.files import JsonRow
from rlc.data.records import Dataset, Evidence, Example, Wording
from rlc.data.sets.card import Card, Hub, Part
from rlc.data.sets.fetch import files_of
from rlc.data.sets.haystack import generator
from rlc.data.sets.loading import Documents, dataset, find, joined, read_table, texts

WORDING = Wording(
    "Below are documents, and then a question.\n\n{text}\n\n",
    "Answer the question from the documents, in as few words as possible.\n\nQuestion: {question}\nAnswer:",
    64,
)

CARD = Card(
    name="haystackcraft",
    title="HaystackCraft",
    paper="arXiv:2510.07414",
    source=Hub("Graph-COM/HaystackCraft", files=("*.jsonl",)),
    licence="not stated; MuSiQue CC-BY-4.0, NQ CC-BY-SA-3.0",
    parts={"questions": Part("haystackcraft:f1", WORDING)},
    upstream="Graph-COM/HaystackCraft@a8d8eb6",
    unit="passages",
    bibtex="""@article{li2025haystackcraft,
  title={Haystack Engineering: Context Engineering for Heterogeneous and Agentic Long-Context Evaluation},
  author={Li, Mufei and Fu, Dongqi and Wang, Limei and Zhang, Si and Zeng, Hanqing and Sancak, Kaan and Qiu, Ruizhong and
    Wang, Haoyu and He, Xiaoxin and Bresson, Xavier and Xia, Yinglong and Sun, Chonglin and Li, Pan},
  journal={arXiv preprint arXiv:2510.07414},
  year={2025}
}""",
    note="Distractors are other questions' passages, not the authors' retrieved ones, whose index of Wikipedia is theirs.",
)


class Asked(NamedTuple):
    """A row as read."""

    name: str
    question: str
    answers: tuple[str, ...]
    passages: Sequence[tuple[str, bool]]  # text, and whether it supports the answer


def load(passages: int = 40, seed: int = 0, root: str = "") -> Dataset:
    """Read the questions and put each among passages.

    Args:
        passages: How many stand in a text, its own included.
        seed: Of the draw of the others, and of their order.
        root: Where the files lie, if not in the cache.

    Raises:
        DataError: where the file is not here, a row is broken, or there are too few passages.
    """
    folder, variant = files_of(CARD, root)
    file = find(folder, "musique_400_250616.jsonl", "musique.jsonl")
    rows = read_table(file, _asked)
    pool = sorted({text for row in rows for text, _ in row.passages})
    if len(pool) < passages:
        raise DataError(
            f"{file}: passages={passages} asks for more than the {len(pool)} that all questions have"
        )
    documents = Documents("haystackcraft")
    examples = [_example(row, pool, passages, seed, documents) for row in rows]
    return dataset(CARD, examples, [file], folder, variant, CARD.measures("questions"))


def _asked(row: JsonRow) -> Asked:
    told = row.values.get("paragraphs")
    if (
        not isinstance(told, list)
        or not told
        or not all(isinstance(one, dict) and one.get("paragraph_text") for one in told)
    ):
        raise row.fault("expected passages with a text under 'paragraphs'")
    answers = (*texts(row.values.get("answer")), *texts(row.values.get("answer_aliases")))
    if not answers:
        raise row.fault("expected an answer under 'answer'")
    passages = [
        (f"{one.get('title', '')}\n{one['paragraph_text']}".strip(), bool(one.get("is_supporting")))
        for one in told
    ]
    return Asked(str(row.values.get("id") or row.line), row.text("question"), answers, passages)


def _example(row: Asked, pool: Sequence[str], count: int, seed: int, documents: Documents) -> Example:
    draw = generator(seed, "haystackcraft", row.name)
    own = [text for text, supports in row.passages if supports][:count]
    others = [text for text in pool if text not in own]
    told = draw.sample(others, count - len(own)) + own
    draw.shuffle(told)
    text, spans = joined([f"Document {i}: {one}" for i, one in enumerate(told, start=1)])
    document = documents(text, passages=spans)
    gold = tuple(
        Evidence(str(document.id), *span) for one, span in zip(told, spans, strict=True) if one in own
    )
    return Example(
        row.name,
        row.question,
        document,
        row.answers,
        "questions",
        True,
        {"passages": str(count)},
        gold,
        WORDING,
    )

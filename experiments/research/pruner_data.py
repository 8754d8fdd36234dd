"""Questions, passages and silver sentence labels that the small pruner is trained and judged on.

A sentence is *answer-bearing* if it holds an accepted answer (Natural Questions) or all gold strings of the
evidence rule (LaRA, `rlc.experiments.metrics.evidence`) as whole words. No person has checked a label.
"""

import gzip
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.documents import Document

from rlc.chunkers.recursive import RecursiveChunker
from rlc.data.errors import DataError
from rlc.data.protocols import Encoder
from rlc.data.records import Dataset, Example
from rlc.data.text.stop_words import FUNCTION_WORDS
from rlc.data.tokens import load_tokenizer
from rlc.experiments.metrics.evidence import holds, normalise, silver
from rlc.experiments.runs.selection import draw
from rlc.retrievers.bm25 import BM25Retriever
from rlc.retrievers.prune.support.units import Unit, units

SPLITS = ("train", "tune", "test")
TASKS = ("location", "reasoning", "comp", "hallu")
SHARES = {"nq": (0.72, 0.08, 0.20), "lara": (0.55, 0.10, 0.35)}
NQ_FORM = "lost-in-the-middle's nq-open-oracle.jsonl.gz"
CHUNK = 256  # tokens of a LaRA passage, as in the built-in recipe

Row = dict[str, Any]
"""A line of the file of Natural Questions."""


@dataclass(frozen=True)
class Passage:
    """A passage with its units, and for each whether it bears the answer (1), does not (0), or is not asked (-1)."""

    text: str
    units: tuple[Unit, ...]
    labels: tuple[int, ...]
    title: str = ""
    document: str = ""

    @property
    def relevant(self) -> bool:
        """Whether a unit bears the answer."""
        return 1 in self.labels


@dataclass(frozen=True)
class Question:
    """A question, the split that its document belongs to, passages (gold first, then hard negatives), answers."""

    id: str
    text: str
    split: str
    source: str
    document: str
    passages: tuple[Passage, ...]
    answers: tuple[str, ...] = ()


def split_of(document: str, source: str, seed: int = 0) -> str:
    """The split of a document: a share of a digest of its id, so that it stays when other documents come or go."""
    place = int(draw(seed, document), 16) / 2**64
    return SPLITS[int(np.searchsorted(np.cumsum(SHARES[source][:-1]), place, side="right"))]


def labelled(text: str, bears: Callable[[str], bool], title: str = "", document: str = "") -> Passage:
    """A passage with every unit labelled by `bears`."""
    cut = tuple(units(text))
    labels = tuple(int(bears(text[unit.start : unit.end])) for unit in cut)
    return Passage(text, cut, labels, title, document)


def natural_questions(
    file: Path, negatives: int = 4, encoder: Encoder | None = None, *, pool: str = "split", seed: int = 0
) -> list[Question]:
    """The questions of `nq-open-oracle.jsonl.gz`, each with its gold passage and hard negatives.

    Negatives are other questions' gold passages that hold no accepted answer: the best by BM25, or with an encoder
    by BM25 and cosine in turn. They come from the question's own split (`pool="split"`), so that train, tune and
    test share no page, or from all of them (`"all"`), which is harder.

    Raises:
        DataError: if the file is not of that form.
    """
    rows = _rows(file)
    chosen = [split_of(row["ctxs"][0]["title"], "nq", seed) for row in rows]
    found: dict[int, Question] = {}
    for names in [[split] for split in SPLITS] if pool == "split" else [list(SPLITS)]:
        places = [i for i, split in enumerate(chosen) if split in names]
        near = _nearest([rows[i] for i in places], 8 * negatives, encoder)
        for i, ranked in zip(places, near, strict=True):
            found[i] = _nq_question(rows[i], i, chosen[i], [rows[places[j]] for j in ranked], negatives)
    return [found[i] for i in sorted(found)]


def _rows(file: Path) -> list[Row]:
    try:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        complete = all(row["question"] and row["answers"] and row["ctxs"][0]["text"] for row in rows)
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise DataError(f"cannot read {file}: {error!r}; expected {NQ_FORM}") from error
    if not complete:
        raise DataError(f"{file} has rows without question, answers or text; expected {NQ_FORM}")
    return rows


def _nearest(rows: Sequence[Row], wanted: int, encoder: Encoder | None) -> list[list[int]]:
    """Places of the passages nearest to each question, by BM25 and, where there is an encoder, in turn by cosine."""
    if not rows:
        return []
    texts = [f"{row['ctxs'][0]['title']} {row['ctxs'][0]['text']}" for row in rows]
    documents = [Document(id=str(i), page_content=text) for i, text in enumerate(texts)]
    index = BM25Retriever.from_documents(documents, stopwords="english", stemmer="english")
    questions = [row["question"] for row in rows]
    ranked = [[int(str(d.id)) for d in found] for found in index.search(questions, wanted)]
    if encoder is None:
        return ranked
    cosines = encoder.encode_queries(questions) @ encoder.encode_documents(texts).T
    dense = np.argsort(-cosines, axis=1, kind="stable")[:, :wanted]
    return [_in_turn(one, other.tolist()) for one, other in zip(ranked, dense, strict=True)]


def _in_turn(one: Sequence[int], other: Sequence[int]) -> list[int]:
    longest = max(len(one), len(other))
    both = [ranked[i] for i in range(longest) for ranked in (one, other) if i < len(ranked)]
    return list(dict.fromkeys(both))


def _nq_question(row: Row, number: int, split: str, near: Sequence[Row], negatives: int) -> Question:
    gold = row["ctxs"][0]
    answers = [normalise(answer) for answer in row["answers"] if normalise(answer)]

    def bears(text: str) -> bool:
        return any(holds(text, (answer,)) for answer in answers)

    others = {
        other["ctxs"][0]["text"]: other["ctxs"][0]
        for other in near
        if other["ctxs"][0]["text"] != gold["text"]
    }
    wrong = [c for c in others.values() if not bears(f"{c['title']} {c['text']}")][:negatives]
    passages = [labelled(c["text"], bears, c["title"], c["title"]) for c in (gold, *wrong)]
    accepted = tuple(row["answers"])
    return Question(f"nq:{number}", row["question"], split, "nq", gold["title"], tuple(passages), accepted)


def lara(
    dataset: Dataset, k: int = 5, tasks: Iterable[str] = ("location",), *, seed: int = 0
) -> list[Question]:
    """LaRA's questions with the `k` passages that BM25 finds for them in their document.

    Questions that the evidence rule leaves out are left out, and so are those of whose passages none bears the
    answer; unanswerable ones (task `hallu`) stay, with nothing to keep.
    """
    wanted = set(tasks)
    examples = [example for example in dataset.examples if example.task in wanted]
    gold = silver(examples)
    indexes: dict[str, BM25Retriever] = {}
    found = []
    for example in examples:
        if example.id not in gold and example.answerable is not False:
            continue
        if example.document_id not in indexes:
            indexes[example.document_id] = _index(example.document)
        question = _lara_question(example, gold.get(example.id, ()), indexes[example.document_id], k, seed)
        if example.answerable is False or any(passage.relevant for passage in question.passages):
            found.append(question)
    return found


def training_chunks(dataset: Dataset, count: int, *, seed: int = 0) -> list[Passage]:
    """Passages drawn from the documents of LaRA's train split, without labels."""
    chunks = [
        chunk
        for name in sorted(dataset.documents)
        if split_of(name, "lara", seed) == "train"
        for chunk in _chunks(dataset.documents[name])
    ]
    drawn = np.random.default_rng(seed).permutation(len(chunks))[:count]
    texts = [(chunks[i].page_content, str(chunks[i].metadata["source"])) for i in drawn]
    return [labelled(text, lambda _: False, document=source) for text, source in texts]


def _chunks(document: Document) -> list[Document]:
    return RecursiveChunker(size=CHUNK, tokenizer=load_tokenizer("minilm")).split(document)


def _index(document: Document) -> BM25Retriever:
    return BM25Retriever.from_documents(_chunks(document), stopwords="english", stemmer="english")


def _lara_question(
    example: Example, gold: Sequence[str], index: BM25Retriever, k: int, seed: int
) -> Question:
    def bears(text: str) -> bool:
        return bool(gold) and holds(text, gold)

    document = example.document_id
    passages = [
        labelled(found.page_content, bears, document=document)
        for found in index.search([example.question], k)[0]
    ]
    return Question(
        example.id,
        example.question,
        split_of(document, "lara", seed),
        f"lara-{example.task}",
        document,
        tuple(passages),
        example.answers,
    )


_SPANS = re.compile(
    r"(?<!^)(?<![.!?]\s)\b(?:[A-Z][\w'’-]+(?:\s(?:of\s|the\s)?[A-Z][\w'’-]+)*|\d[\d,.]*\d|\d)\b"
)
_WORDS = re.compile(r"[\w'’$%.,-]*\w")


def neighbours(dataset: Dataset, k: int) -> Callable[[Passage, str], list[str]]:
    """What finds the `k` passages nearest to a question in a passage's document, by BM25, that passage left out."""
    indexes: dict[str, BM25Retriever] = {}

    def near(passage: Passage, question: str) -> list[str]:
        if passage.document not in indexes:
            indexes[passage.document] = _index(dataset.documents[passage.document])
        found = indexes[passage.document].search([question], k + 1)[0]
        return [one.page_content for one in found if one.page_content != passage.text][:k]

    return near


def cloze(
    passages: Sequence[Passage],
    each: int,
    seed: int = 0,
    near: Callable[[Passage, str], Sequence[str]] = lambda _passage, _question: (),
) -> list[Question]:
    """Questions made of the passages' own sentences, to learn matching inside a passage before the real questions.

    A name or number of a sentence is taken out and stands for the answer; words around it (at most twelve, each left
    out with a chance of 0.3, function words 0.6) and a question word in front are the question. The sentence is to
    be kept, other sentences that hold the answer are not asked, the rest is to be dropped, that of the passages which
    `near` finds for passage and question included.

    Source: after Lewis, Denoyer and Riedel, Unsupervised Question Answering by Cloze Translation, ACL 2019,
    arXiv 1906.04980, with their noisy rule-based translation.
    """
    generator = np.random.default_rng(seed)
    found = []
    for number, passage in enumerate(passages):
        spots = [
            (place, match.span())
            for place, unit in enumerate(passage.units)
            for match in _SPANS.finditer(passage.text[unit.start : unit.end])
            if 20 <= unit.end - unit.start <= 400
        ]
        chosen = generator.permutation(len(spots))[:each]
        for turn, (place, span) in enumerate(spots[i] for i in chosen):
            made = _cloze(passage, place, span, generator)
            if made is not None:
                text, gold = made
                asked = _unasked(passage.text, gold, passage.title, passage.document)
                labels = tuple(1 if i == place else label for i, label in enumerate(asked.labels))
                others = (_unasked(other, gold, document=passage.document) for other in near(passage, text))
                together = (replace(asked, labels=labels), *others)
                name = f"cloze:{passage.document}:{number}-{turn}"
                found.append(Question(name, text, "train", "cloze", passage.document, together))
    return found


def _cloze(
    passage: Passage, place: int, span: tuple[int, int], generator: np.random.Generator
) -> tuple[str, str] | None:
    """The question and the answer, normalised; None if too few words are left."""
    unit = passage.units[place]
    sentence = passage.text[unit.start : unit.end]
    answer = sentence[slice(*span)]
    before, after = _WORDS.findall(sentence[: span[0]]), _WORDS.findall(sentence[span[1] :])
    left = int(generator.integers(0, 9))
    around = [*before[len(before) - min(left, len(before)) :], *after[: 12 - min(left, len(before))]]
    words = [w.lower() for w in around if generator.random() > (0.6 if w.lower() in FUNCTION_WORDS else 0.3)]
    if len(words) < 3:
        return None
    if answer[0].isdigit():
        asked = (
            "when"
            if re.fullmatch(r"1[5-9]\d\d|20\d\d", answer)
            else str(generator.choice(["how many", "how much", "what"]))
        )
    else:
        asked = str(generator.choice(["who", "what", "which", "where"]))
    return f"{asked} {' '.join(words)}", normalise(answer)


def _unasked(text: str, gold: str, title: str = "", document: str = "") -> Passage:
    """A passage whose units that hold the answer are not asked, and whose others are to be dropped."""
    found = labelled(text, lambda unit: bool(gold) and holds(unit, (gold,)), title, document)
    return replace(found, labels=tuple(-label for label in found.labels))

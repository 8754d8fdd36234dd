"""Questions as token ids, and as padded batches: what the training of the small pruner reads.

It needs numpy and, for `collate`, torch alone, so that training also runs where the rest is not installed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

    from rlc.experiments.research.pruner_data import Question

Ints = NDArray[np.int64]

CLS, SEP = 101, 102
WINDOW = 512


@dataclass(frozen=True)
class Features:
    """Token ids of questions and of their passages' units, without special tokens.

    `queries` and `titles` hold one array of ids a question or passage; `units` and `labels` one list a passage.
    `groups` are the passages of each question; `splits` and `sources` say what each question is for.
    """

    queries: list[Ints]
    groups: list[list[int]]
    splits: list[str]
    sources: list[str]
    titles: list[Ints]
    units: list[list[Ints]]
    labels: list[Ints]

    def of(self, split: str, *sources: str) -> list[int]:
        """The questions of a split, of the sources that begin so."""
        return [
            i
            for i, (one, source) in enumerate(zip(self.splits, self.sources, strict=True))
            if one == split and source.startswith(sources)
        ]


def encode(questions: Sequence["Question"], model: str = "minilm") -> dict[str, NDArray[Any]]:
    """Questions as flat arrays for `numpy.savez`."""
    from rlc.data.tokens import FastTokenizer, load_tokenizer

    tokenizer = load_tokenizer(model)
    if not isinstance(tokenizer, FastTokenizer):
        raise TypeError(f"{model} has no fast tokenizer: save it with its tokenizer.json")

    def ids(texts: Sequence[str]) -> list[list[int]]:
        return [one.ids for one in tokenizer.backend.encode_batch(list(texts), add_special_tokens=False)]

    passages = [passage for question in questions for passage in question.passages]
    units = ids([p.text[unit.start : unit.end] for p in passages for unit in p.units])
    return {
        **_flat("queries", ids([question.text for question in questions])),
        **_flat("titles", ids([passage.title for passage in passages])),
        **_flat("units", units),
        "passages": np.array([len(question.passages) for question in questions]),
        "counts": np.array([len(passage.units) for passage in passages]),
        "labels": np.array([label for passage in passages for label in passage.labels], dtype=np.int8),
        "splits": np.array([question.split for question in questions]),
        "sources": np.array([question.source for question in questions]),
    }


def _flat(name: str, rows: Sequence[Sequence[int]]) -> dict[str, NDArray[Any]]:
    return {
        f"{name}_ids": np.array([i for row in rows for i in row], dtype=np.uint16),
        f"{name}_ends": np.cumsum([len(row) for row in rows]),
    }


def load_features(file: Path) -> Features:
    """Read what `encode` made."""
    with np.load(file, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}

    def rows(name: str) -> list[Ints]:
        return np.split(arrays[f"{name}_ids"].astype(np.int64), arrays[f"{name}_ends"][:-1])

    unit_ends = np.cumsum(arrays["counts"])
    units = rows("units")
    passage_ends = np.cumsum(arrays["passages"])
    return Features(
        queries=rows("queries"),
        groups=[
            list(range(end - n, end))
            for end, n in zip(passage_ends.tolist(), arrays["passages"].tolist(), strict=True)
        ],
        splits=arrays["splits"].tolist(),
        sources=arrays["sources"].tolist(),
        titles=rows("titles"),
        units=[
            units[end - n : end] for end, n in zip(unit_ends.tolist(), arrays["counts"].tolist(), strict=True)
        ],
        labels=np.split(arrays["labels"].astype(np.int64), unit_ends[:-1]),
    )


@dataclass(frozen=True)
class Row:
    """One input of the network. `unit` says of each token which unit it belongs to, -1 for none."""

    ids: Ints
    types: Ints
    unit: Ints
    labels: Ints
    group: int


def make_row(
    features: Features, question: int, passages: Sequence[int], group: int, *, title: bool, room: int = WINDOW
) -> Row:
    """[CLS] question [SEP] title units [SEP], the units that fit."""
    query = features.queries[question][:64]
    head = [features.titles[passages[0]][:32]] if title and len(features.titles[passages[0]]) else []
    left = room - 3 - len(query) - sum(map(len, head))
    parts, labels = [], []
    for passage in passages:
        for ids, label in zip(features.units[passage], features.labels[passage], strict=True):
            taken = ids[:left]
            left -= len(taken)
            if len(taken):
                parts.append(taken)
                labels.append(label)
    context = np.concatenate([*head, *parts, [SEP]])
    front = np.concatenate([[CLS], query, [SEP]])
    places = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    outside = len(front) + sum(map(len, head))
    return Row(
        ids=np.concatenate([front, context]).astype(np.int64),
        types=np.concatenate([np.zeros(len(front)), np.ones(len(context))]).astype(np.int64),
        unit=np.concatenate([np.full(outside, -1), places, [-1]]).astype(np.int64),
        labels=np.array(labels, dtype=np.int64),
        group=group,
    )


def batches(rows: Sequence[Row], tokens: int) -> Iterator[list[Row]]:
    """Rows in their order, as many as fit `tokens` with padding."""
    batch: list[Row] = []
    longest = 0
    for row in rows:
        widest = max(longest, len(row.ids))
        if batch and widest * (len(batch) + 1) > tokens:
            yield batch
            batch, widest = [], len(row.ids)
        batch.append(row)
        longest = widest
    if batch:
        yield batch


def collate(rows: Sequence[Row], device: str) -> "dict[str, torch.Tensor]":
    """Padded tensors; `unit` counts units through the batch, with one more at the end for all other tokens."""
    import torch

    width = -(-max(len(row.ids) for row in rows) // 32) * 32
    shape = (len(rows), width)
    ids, types, mask = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    total = sum(len(row.labels) for row in rows)
    unit = np.full(shape, total, dtype=np.int64)
    first = 0
    for i, row in enumerate(rows):
        n = len(row.ids)
        ids[i, :n], types[i, :n], mask[i, :n] = row.ids, row.types, 1
        unit[i, :n] = np.where(row.unit < 0, total, row.unit + first)
        first += len(row.labels)
    arrays = {
        "ids": ids,
        "types": types,
        "mask": mask,
        "unit": unit,
        "labels": np.concatenate([row.labels for row in rows]),
        "owner": np.repeat(np.arange(len(rows)), [len(row.labels) for row in rows]),
        "group": np.array([row.group for row in rows]),
    }
    return {name: torch.from_numpy(array).to(device, non_blocking=True) for name, array in arrays.items()}

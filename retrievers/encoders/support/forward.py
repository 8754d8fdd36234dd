"""Padded batches of token ids, for models that run in this process."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def padded(rows: Sequence[Sequence[int]], filler: int = 0) -> "torch.Tensor":
    """Pad rows of token ids behind to the longest: int64 [rows, longest]."""
    import torch

    return torch.nn.utils.rnn.pad_sequence(
        [torch.tensor(row, dtype=torch.int64) for row in rows], batch_first=True, padding_value=filler
    )


def attention_mask(rows: Sequence[Sequence[int]]) -> "torch.Tensor":
    """Mark what is a token and no padding: ones in int64 [rows, longest]."""
    return padded([[1] * len(row) for row in rows])

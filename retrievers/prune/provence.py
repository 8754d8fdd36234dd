"""Provence: one pass of a cross-encoder keeps or drops every sentence and ranks the passage."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from langchain_core.documents import Document
from pydantic import Field

from rlc.data.errors import DataError
from rlc.data.protocols import Floats, Weights
from rlc.retrievers.base import scored
from rlc.retrievers.encoders.support.forward import attention_mask, padded
from rlc.retrievers.encoders.support.windows import batches
from rlc.retrievers.prune.base import Asked, Judged, SentencePruner
from rlc.retrievers.prune.support.units import Unit
from rlc.retrievers.rerank.base import before

if TYPE_CHECKING:
    from rlc.retrievers.prune.support.checkpoints import Checkpoint

TITLE_TOKENS = 32
STEP = 8  # tokens by which the room of a block is tried


@dataclass(frozen=True)
class Block:
    """What the network reads at once: a question and some whole units of one passage (or a part of a long one).

    `passage` is the passage's place in the batch; of the tokens from `start` on, `owners` says which unit of the
    passage each belongs to.
    """

    passage: int
    ids: list[int]
    types: list[int]
    start: int
    owners: list[int]


class ProvencePruner(SentencePruner):
    """Keeps the sentences whose tokens the network would keep.

    worth(s) = mean over the tokens of s of p(keep) (`rounding="probability"`), or the share of its tokens with
    p(keep) above the threshold (`"decision"`, as in ports of the original; a sentence then stays if that share is
    above one half). A sentence stays if its worth is above the threshold: 0.1 is careful and 0.5 strong for
    the published models and for `provence-mini` on text like Wikipedia, where 0.05 is more careful still; on filings and
    papers it needs 0.02 (docs/provence-mini.md). A passage that does not fit beside the question is read in blocks of
    whole sentences, as few and as equal as can be, and its score is its best block's; the sentence that is too long for
    a block is read in parts, all of whose tokens count alike.

    Attributes:
        model: `provence-mini` (in this package, on all-MiniLM-L6-v2), a folder or a Hugging Face id: OpenProvence's
            ModernBERT models or naver's (see its licence, shown when it is loaded).
        revision: the commit of a Hugging Face id; the newest where None.
        rounding: `probability` or `decision`.
        calibrated: move worths by the checkpoint's own calibration (`rlc.retrievers.prune.checkpoints.Calibration`):
            `provence-mini` has one, by which sentences of passages that rank behind must be surer; the published
            models have none, and decisions are left alone.
        title: what gives a passage its title: `metadata` (the key `title`, of which 32 tokens are read before the
            passage and each of its blocks; never part of the passage), `first-sentence` (stays if another sentence
            does) or `none`.
        reorder: put the passages into the order of the network's own ranking score, the sigmoid of its logit.
        top: how many passages to keep of those, the best first; None keeps all.
        window: tokens read at once; None takes the checkpoint's own.
        dtype: `bfloat16` is faster on most hardware and changes probabilities slightly.
        batch_tokens: tokens in one forward pass, padding included; passages of many questions share it.
        device: `cpu`, `cuda`, ...; None takes the best there is.

    Source: Chirkova et al., Provence, ICLR 2025, arXiv 2501.16214.
    """

    NEEDS: ClassVar[tuple[str, ...]] = ("torch", "transformers")
    made_for: ClassVar[str] = "English"  # what the weights of its authors were trained on

    model: Weights = "provence-mini"
    revision: str | None = None
    rounding: Literal["probability", "decision"] = "probability"
    title: Literal["metadata", "first-sentence", "none"] = "metadata"
    calibrated: bool = True
    reorder: bool = False
    top: int | None = Field(default=None, ge=1)
    window: int | None = Field(default=None, ge=8)
    dtype: Literal["float32", "bfloat16"] = "float32"
    batch_tokens: int = Field(default=8192, ge=1)
    device: str | None = None

    def judge(self, asked: Sequence[Asked], cut: Sequence[Sequence[Sequence[Unit]]]) -> list[list[Judged]]:
        """The worth of all units, all questions' passages batched together.

        Raises:
            DataError: if a question leaves no room for a passage in the window.
            WeightsError: if the model cannot be loaded.
        """
        flat = [
            (one.query, document, cut_passage)
            for one, passages in zip(asked, cut, strict=True)
            for document, cut_passage in zip(one.documents, passages, strict=True)
        ]
        blocks = [
            block
            for place, (query, document, cut_passage) in enumerate(flat)
            for block in self._blocks(place, query, document, cut_passage)
        ]
        judged = iter(self._judged([cut_passage for _, _, cut_passage in flat], blocks))
        return [self._calibrated([next(judged) for _ in passages]) for passages in cut]

    @property
    def bar(self) -> float:
        """The threshold, or with rounding of decisions the majority, since the threshold is used up by then."""
        return 0.5 if self.rounding == "decision" else self.threshold

    def arrange(self, documents: list[Document]) -> list[Document]:
        """The passages as they came or, if they are to be reordered, the best first."""
        if not self.reorder:
            return documents
        order = sorted(range(len(documents)), key=lambda i: (-documents[i].metadata["prune_score"], i))
        return [
            scored(documents[i], documents[i].metadata["prune_score"], rank, **before(documents[i], i + 1))
            for rank, i in enumerate(order[: self.top], start=1)
        ]

    # -- blocks --------------------------------------------------------------------------------------------------

    def _blocks(self, place: int, query: str, document: Document, cut: Sequence[Unit]) -> list[Block]:
        if not cut:
            return []
        tokenizer, size = self._loaded.tokenizer, self._size
        title = str(document.metadata.get("title", "")) if self.title == "metadata" else ""
        frame = tokenizer.encode(query, title)
        title_at = [i for i, sequence in enumerate(frame.sequence_ids) if sequence == 1]
        tail = 1 + (title_at[-1] if title_at else len(frame.ids) - 2)
        head = min(title_at[0] + TITLE_TOKENS, tail) if title_at else tail
        room = size - head - (len(frame.ids) - tail)
        if room < 1:
            raise DataError(
                f"the question has so many tokens ({len(frame.ids)} with its frame) that none of the window's "
                f"{size} are left for a passage: shorten it"
            )
        body = tokenizer.encode(document.page_content, add_special_tokens=False)
        ends = [unit.end for unit in cut]
        owners = np.searchsorted(ends, [max(end - 1, 0) for _, end in body.offsets], side="right").tolist()
        return [
            Block(
                passage=place,
                ids=[*frame.ids[:head], *body.ids[low:high], *frame.ids[tail:]],
                types=[*frame.type_ids[:head], *[1] * (high - low), *frame.type_ids[tail:]],
                start=head,
                owners=owners[low:high],
            )
            for low, high in evenly_packed(owners, room)
        ]

    def _calibrated(self, judged: Sequence[tuple[Judged, float]]) -> list[Judged]:
        """The passages of one question as they were judged each by itself, given with their ranking logits."""
        if not self.calibrated or self.rounding == "decision":
            return [one for one, _ in judged]
        calibration = self._loaded.calibration
        best = max((logit for _, logit in judged), default=0.0)
        return [replace(one, worth=calibration(one.worth, best - logit)) for one, logit in judged]

    # -- the network ---------------------------------------------------------------------------------------------

    def _judged(self, cut: Sequence[Sequence[Unit]], blocks: Sequence[Block]) -> list[tuple[Judged, float]]:
        sums = [np.zeros(len(passage)) for passage in cut]
        counts = [np.zeros(len(passage)) for passage in cut]
        logits = np.full(len(cut), -np.inf)
        for batch in batches([len(block.ids) for block in blocks], self.batch_tokens):
            chosen = [blocks[i] for i in batch]
            ranks, keep = self._forward(chosen)
            for row, block in enumerate(chosen):
                values = keep[row, block.start : block.start + len(block.owners)]
                if self.rounding == "decision":
                    values = (values > self.threshold).astype(np.float32)
                np.add.at(sums[block.passage], block.owners, values)
                np.add.at(counts[block.passage], block.owners, 1)
                logits[block.passage] = max(logits[block.passage], ranks[row])
        if (
            self.title == "first-sentence"
        ):  # worth as much as the best of the others: it stays if one of them does
            for total, count in zip(sums, counts, strict=True):
                if len(total) > 1:
                    total[0], count[0] = (total[1:] / np.maximum(count[1:], 1)).max(), 1
        scores = 1 / (1 + np.exp(-logits))
        return [
            (Judged(passage, (total / np.maximum(count, 1)).astype(np.float32), float(score)), float(logit))
            for passage, total, count, score, logit in zip(cut, sums, counts, scores, logits, strict=True)
        ]

    def _forward(self, blocks: Sequence[Block]) -> tuple[Floats, Floats]:
        """Ranking logits [blocks] and keep probabilities [blocks, tokens]."""
        import torch

        rows = [block.ids for block in blocks]
        ids, types, mask = padded(rows), padded([block.types for block in blocks]), attention_mask(rows)
        network = self._loaded.network
        device = next(network.parameters()).device
        with torch.inference_mode():
            ranks, keep = network(ids.to(device), types.to(device), mask.to(device))
        return ranks.cpu().numpy(), keep.sigmoid().cpu().numpy()

    @cached_property
    def _size(self) -> int:
        most = self._loaded.window
        if self.window is not None and self.window > most:
            raise ValueError(f"window must be at most the model's {most} tokens, got {self.window}")
        return self.window or most

    def warm(self) -> None:
        self._loaded  # noqa: B018 - a cached property

    @cached_property
    def _loaded(self) -> "Checkpoint":
        import torch

        from rlc.retrievers.prune.support.checkpoints import load_checkpoint

        checkpoint = load_checkpoint(self.model, self.revision)
        device = self.device or ("cuda" if torch.cuda.is_available() else "cpu")
        checkpoint.network.to(device=device, dtype=getattr(torch, self.dtype))
        return checkpoint


def evenly_packed(owners: Sequence[int], room: int) -> list[tuple[int, int]]:
    """As few ranges as `packed` makes, of lengths as equal as whole units allow: no block is a mere tail.

    Blocks of one length leave no padding in a batch, and attention costs least.
    """
    ranges = packed(owners, room)
    for less in range(-(-len(owners) // max(len(ranges), 1)), room, STEP):
        found = packed(owners, less)
        if len(found) == len(ranges):
            return found
    return ranges


def packed(owners: Sequence[int], room: int) -> list[tuple[int, int]]:
    """Half-open token ranges of at most `room` tokens that hold whole units, as many as fit, in order.

    `owners` says which unit each token belongs to, ascending. A unit of more than `room` tokens is cut.
    """
    changes = [i for i, (one, other) in enumerate(pairwise(owners), start=1) if one != other]
    ranges: list[tuple[int, int]] = []
    for low, high in pairwise([0, *changes, len(owners)] if owners else []):
        if ranges and high - ranges[-1][0] <= room:
            ranges[-1] = (ranges[-1][0], high)
            continue
        ranges += [(start, min(start + room, high)) for start in range(low, high, room)]
    return ranges

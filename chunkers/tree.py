"""A tree of summaries: segments, summaries of them, summaries of those, all in one pool to be searched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from rlc.chunkers.base import Chunker, Span, check_encoder, check_size
from rlc.chunkers.recursive import RecursiveChunker
from rlc.chunkers.support.clusters import DIMENSIONS, load_mixtures, soft_clusters
from rlc.chunkers.support.summaries import (
    MARGIN,
    Group,
    Grouping,
    follow,
    grow,
    neighbours,
    tokens_written,
    written,
)
from rlc.data.loads import PromptLoad
from rlc.data.prompt_files import ENGLISH, PromptFile, PromptTexts, read_prompts
from rlc.data.protocols import LLM, Encoder, Tokenizer
from rlc.data.records import Document, document_name
from rlc.data.spec import Spec
from rlc.data.tokens import densest

Piece = tuple[int, int]


@dataclass(frozen=True)
class TreeChunker(Chunker):
    """The segments of a document and the summaries of a tree over them, all of them chunks (RAPTOR's collapsed tree).

    A segment is found and read as it stands. A summary is found and read by what the model wrote (`text_to_embed` and
    `text_to_read`); its slice runs from its first segment to its last, and where others stand between them `kept_spans`
    are its own, so that evidence points at the text. `level` counts from 0, the segments. Summaries' tokens are `index_tokens`.

    With an `encoder` segments are grouped by what they are about, wherever they stand, and a segment may be in several
    groups, as RAPTOR does; the tree ends where a layer has no more texts than the vectors keep dimensions, or clusters would
    not halve it. Without one
    `children` neighbours are summed up at a time, up to one root, as `mem-walker` does.

    Args:
        llm: writes the summaries.
        encoder: embeds segments and summaries for their clusters (`rlc.chunkers.support.clusters` says how it differs
            from RAPTOR's).
        segment: tokens of a segment.
        children: neighbours that are summed up at a time.
        summary_tokens: of a summary.
        prompt: what the model is asked.

    Source: Sarthi et al., RAPTOR, ICLR 2024, arXiv 2401.18059: segments and summaries of about 100 tokens.
    """

    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {"summary.question": ("text",)}

    llm: LLM
    encoder: Encoder | None = None
    segment: int = 100
    children: int = 8
    summary_tokens: int = 100
    prompt: PromptFile = ENGLISH

    @classmethod
    def example(cls) -> Spec:
        """An engine that says one thing to everything."""
        return {"llm": {"use": "scripted", "answers": {"": "a summary"}, "window": 100_000}}

    def __post_init__(self) -> None:
        check_size(self.segment)
        check_encoder(self.encoder)
        if self.children < 2:
            raise ValueError(f"a node has at least 2 children, got children={self.children}")
        if self.summary_tokens < 1:
            raise ValueError(f"summary_tokens must be at least 1, got {self.summary_tokens}")
        if self.encoder is not None:
            load_mixtures()

    @cached_property
    def _texts(self) -> PromptTexts:
        return read_prompts(TreeChunker, self.prompt)

    def largest(self, text: str, tokenizer: Tokenizer) -> tuple[int, ...]:
        """A segment of full size, or a summary."""
        segment = densest(text, self.segment, self.llm.tokenizer, tokenizer)
        return (max(segment, tokens_written(self.llm, self.summary_tokens, tokenizer)),)

    def prepares(self, document: Document) -> list[PromptLoad]:
        """Bound the summaries' prompts, as if every cluster filled the window and every layer halved the one before."""
        frame = self.llm.count(self._texts.prompt("summary", text="")) + MARGIN
        texts = len(self._leaves(document.page_content))
        loads: list[PromptLoad] = []
        size = self.segment
        while texts > 1:
            together = self.children if self.encoder is None else self._fit(size)
            groups = -(-texts // self.children) if self.encoder is None else texts // 2
            asked = frame + min(together, texts) * (size + 2)
            loads.append(PromptLoad(document_name(document), 0, groups, asked, self.summary_tokens))
            texts, size = groups, self.summary_tokens
        return loads

    def spans(self, text: str) -> list[Span]:
        """Segments and summaries by place, the larger first.

        Raises:
            EngineError: if the engine fails, or writes no summary.
        """
        leaves = self._leaves(text)
        costs: list[int] = []

        def sum_up(texts: Sequence[str]) -> list[str]:
            prompts = [self._texts.prompt("summary", text=one) for one in texts]
            said = written(self.llm, prompts, self.summary_tokens, "summary")
            costs.extend(one.tokens for one in said)
            return [one.text for one in said]

        layers = follow(grow([text[leaf.start : leaf.end] for leaf in leaves], self._grouped), sum_up)
        nodes = placed(text, leaves, layers, costs)
        return sorted([*leaves, *nodes], key=lambda one: (one.start, -one.end, -one.metadata["level"]))

    def _leaves(self, text: str) -> list[Span]:
        return [
            Span(span.start, span.end, {"level": 0})
            for span in RecursiveChunker(self.segment, tokenizer=self.llm.tokenizer).spans(text)
            if text[span.start : span.end].strip()
        ]

    @property
    def _grouped(self) -> Grouping:
        return neighbours(self.children) if self.encoder is None else self._clusters

    def _clusters(self, texts: Sequence[str]) -> list[list[int]]:
        """Clusters, in parts where one does not fit the engine's window; none where they would not halve the texts."""
        if self.encoder is None or len(texts) <= DIMENSIONS + 1:
            return []
        fit = self._fit(max(map(self.llm.tokenizer.count, texts)))
        clusters = soft_clusters(self.encoder.encode_documents(list(texts)))
        parts = [cluster[i : i + fit] for cluster in clusters for i in range(0, len(cluster), fit)]
        return parts if 2 * len(parts) <= len(texts) else []

    def _fit(self, size: int) -> int:
        """How many texts of so many tokens the engine sums up at a time."""
        frame = self.llm.count(self._texts.prompt("summary", text=""))
        return max(2, (self.llm.window - frame - self.summary_tokens - MARGIN) // (size + 2))


def placed(
    text: str, leaves: Sequence[Span], layers: Sequence[Sequence[Group]], costs: Sequence[int]
) -> list[Span]:
    """The summaries of a tree with their places in the text: all segments under each."""
    below: list[list[Piece]] = [[(leaf.start, leaf.end)] for leaf in leaves]
    cost = iter(costs)
    nodes: list[Span] = []
    for level, layer in enumerate(layers, 1):
        below = [union(text, [piece for i in group.members for piece in below[i]]) for group in layer]
        for number, (group, pieces) in enumerate(zip(layer, below, strict=True)):
            about = {
                "level": level,
                "text_to_embed": group.summary,
                "text_to_read": group.summary,
                "index_tokens": next(cost),
                "suffix": f"@{level}.{number}",
            }
            apart = {"kept_spans": [list(piece) for piece in pieces]} if len(pieces) > 1 else {}
            nodes.append(Span(pieces[0][0], pieces[-1][1], {**about, **apart}))
    return nodes


def union(text: str, pieces: Sequence[Piece]) -> list[Piece]:
    """Pieces of a text in order, those made one that overlap or have white space alone between them.

    >>> union("ab cd ef", [(6, 8), (0, 2), (3, 5), (0, 2)])
    [(0, 8)]
    """
    found: list[Piece] = []
    for start, end in sorted(set(pieces)):
        if found and not text[found[-1][1] : start].strip():
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found

"""InfiniRetri: a language model reads a text of any length in stretches, and carries on what it looked at."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from langchain_core.documents import Document
from pydantic import Field

from rlc.data.errors import DataError
from rlc.data.neighbours import neighbours
from rlc.data.prompt_files import ENGLISH, PromptFile, read_prompts
from rlc.data.protocols import LLM, Floats, Prompt, Seen, attending
from rlc.data.tokens import count_once
from rlc.retrievers.base import Retriever, Where, id_of, top_k
from rlc.retrievers.index.collection import Collection, Rows

MARGIN = 16  # tokens may join differently where texts meet


class _Look(NamedTuple):
    """The score of every token of the text, each unit's tokens one after the other, and the weights of the rows."""

    units: list[Floats]
    weights: Floats


class InfiniRetri(Retriever):
    """Finds the passages whose tokens a language model looks at from the question, stretch by stretch.

    Passages are read in their document's order, `stretch` tokens at a time, behind those that were carried on and before
    the question. In the last layer, summed over heads, a token's score is what the question pays to it and its `phrase`
    neighbours; each row counts with the square of its attention to the question itself, as in the first stretch. The
    `top` tokens' passages are carried on, and those that arrive at the end are handed out, best token first.

    The authors carry sentences: let a chunker hand out sentences to have theirs. They carry on without a bound; here the
    best fill the window. Nothing is indexed, so every question reads all of the text. Needs an engine that shows what it
    looks at (`hf`).

    Attributes:
        llm: the engine.
        top: tokens whose passages are carried on; 300 in the authors' package.
        phrase: tokens of a phrase; 8 there.
        stretch: tokens that are read anew at a time; 1,024 there.
        prompt: the words around text and question.

    Source: Ye et al., Infinite Retrieval, 2025, arXiv 2502.12962.
    """

    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "ask.prefix": ("text",),
        "ask.question": ("query",),
    }

    collection: Collection = Field(repr=False)
    llm: LLM = Field(repr=False)
    top: int = Field(default=300, ge=1)
    phrase: int = Field(default=8, ge=1)
    stretch: int = Field(default=1024, ge=1)
    prompt: PromptFile = ENGLISH

    @classmethod
    def check_settings(cls, **settings: Any) -> None:  # noqa: ANN401
        """Hold, before there are documents, that the engine shows what it looks at.

        Raises:
            UnsupportedError: if it does not.
        """
        super().check_settings(**settings)
        attending(settings["llm"])

    @classmethod
    def from_documents(
        cls,
        documents: Sequence[Document],
        *,
        llm: LLM,
        k: int = 5,
        top: int = 300,
        phrase: int = 8,
        stretch: int = 1024,
        prompt: PromptFile = ENGLISH,
    ) -> Self:
        """Put the documents into reading order.

        Args:
            documents: at least one.
            llm: the engine.
            k: how many documents a query gets, at most.
            top: tokens whose passages are carried on.
            phrase: tokens of a phrase.
            stretch: tokens that are read anew at a time.
            prompt: the words around text and question.

        Raises:
            DataError: if there is no document.
            UnsupportedError: if the engine does not show what it looks at.
        """
        cls.check_settings(llm=llm)
        collection = Collection.of(sorted(documents, key=_place))
        return cls(
            collection=collection, llm=llm, k=k, top=top, phrase=phrase, stretch=stretch, prompt=prompt
        )

    def search(
        self, queries: Sequence[str], k: int | None = None, where: Where | None = None
    ) -> list[list[Document]]:
        """The passages that were carried on to the end, best first; `where` lets only some be read.

        Raises:
            DataError: if a passage does not fit the window beside the question.
        """
        wanted = self._wanted(k)
        rows = np.arange(len(self.collection)) if where is None else self.collection.rows(where)
        return [self._found(query, rows, wanted) for query in queries]

    def _found(self, query: str, rows: Rows, wanted: int) -> list[Document]:
        sizes = {row: self._size(row) for row in rows.tolist()}
        room = self.llm.window - self.llm.count(self._prompt("", query)) - MARGIN
        carried: list[int] = []
        scores: dict[int, float] = {}
        weights: Floats | None = None
        for group in neighbours(list(sizes.values()), min(self.stretch, room)):
            new = rows[group].tolist()
            spare = room - sum(sizes[row] for row in new)
            if spare < 0:
                raise DataError(
                    f"a passage of {sizes[new[0]]} tokens does not fit the window of {self.llm.name} beside the question: "
                    "cut smaller ones"
                )
            read = sorted([*best_that_fit(carried, scores, sizes, spare), *new])
            look = self._look(query, read, weights)
            weights = look.weights
            scores = dict(zip(read, (_best(unit) for unit in look.units), strict=True))
            carried = [read[i] for i in holding_top(look.units, self.top)]
        kept = np.array(carried, dtype=np.int64)
        best = np.array([scores[row] for row in carried], np.float32)
        order = top_k(best, self.collection.ties[kept], wanted) if carried else kept
        return self.collection.take(kept[order], best[order])

    def _look(self, query: str, read: Sequence[int], weights: Floats | None) -> _Look:
        texts = [self._text(row) for row in read]
        prompt = self._prompt("".join(texts), query)
        start = prompt.prefix.index("".join(texts))
        ends = np.cumsum([0, *map(len, texts)]) + start
        spans = list(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))

        def see(seen: Seen) -> _Look:
            paid = seen.attention.sum(0)
            own = paid[:, -len(paid) :].sum(1) if weights is None else weights
            places = [seen.within(*span) for span in spans]
            tokens = phrases(own**2 @ paid[:, np.concatenate(places)], self.phrase)
            borders = np.cumsum([len(place) for place in places])[:-1]
            return _Look(np.split(tokens, borders), own)

        since = len(prompt.prefix) + prompt.question.index(query)
        return attending(self.llm).watch(prompt, see, since=since, layers=[-1]).values[0]

    def _prompt(self, text: str, query: str) -> Prompt:
        return read_prompts(InfiniRetri, self.prompt).prompt("ask", text=text, query=query)

    def _text(self, row: int) -> str:
        return self.collection.documents[row].page_content.rstrip() + "\n"

    def _size(self, row: int) -> int:
        return count_once(self.llm.tokenizer, self._text(row))


def phrases(scores: Floats, length: int) -> Floats:
    """Each token's score and that of its neighbours, `length` in all, summed up; the odd one stands before it."""
    around = np.convolve(np.append(scores, 0), np.ones(length))  # it takes no empty text
    first = (length - 1) // 2
    return around[first : first + len(scores)].astype(np.float32)


def best_that_fit(
    units: Sequence[int], scores: Mapping[int, float], sizes: Mapping[int, int], room: int
) -> list[int]:
    """The units with the best scores that have room together; one that is too large leaves it to the next."""
    kept = []
    for unit in sorted(units, key=lambda unit: (-scores[unit], unit)):
        if sizes[unit] <= room:
            kept.append(unit)
            room -= sizes[unit]
    return kept


def holding_top(units: Sequence[Floats], top: int) -> list[int]:
    """The units that hold one of the `top` best tokens of all; of equal tokens the earlier ones count."""
    owners = np.repeat(np.arange(len(units)), [len(unit) for unit in units])
    scores = np.concatenate([np.zeros(0, np.float32), *units])
    best = top_k(scores, np.arange(len(scores)), top)
    return sorted(set(owners[best].tolist()))


def _best(tokens: Floats) -> float:
    return float(tokens.max()) if len(tokens) else 0.0


def _place(document: Document) -> tuple[str, int, str]:
    """Where a passage stands: its document, its place in it, its id."""
    at = document.metadata
    return str(at.get("source", "")), int(at.get("start_index", 0)), id_of(document)

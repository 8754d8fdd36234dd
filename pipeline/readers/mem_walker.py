"""MemWalker: a walk down a tree of summaries to the part that holds the answer."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from rlc.chunkers.support.summaries import grow, neighbours
from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Role
from rlc.data.records import Answer, Evidence, Example, by_document
from rlc.pipeline.readers.support.asking import MARGIN, tokens_of
from rlc.pipeline.readers.support.moves import BETWEEN, followed, marked_answer, pieces_of, span_of
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, ask, once, weigh

MOST_WEIGHED = 9
_ACTION = re.compile(r"ACTION[^\d-]*(-?\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Node:
    """A part of the document and its summary; `text` is that of a leaf, whose `children` are none."""

    summary: str
    span: Evidence
    text: str = ""
    children: tuple["Node", ...] = ()


@dataclass(frozen=True)
class MemWalker(Strategy):
    """Let the model walk from the root of a tree of summaries to a leaf, and answer there or turn back.

    The tree is made once for the questions on a document that come together, which is the cost of preparing it:
    summaries of segments, then of `children` neighbours at a time, up to one root. At a node the model chooses a
    child, or says that none will do; at a leaf it answers, or goes back, and no part is offered twice. The summaries
    on the way stay before its eyes. A choice that is `weighed` is not written: the child is taken whose number the model
    finds likeliest, which takes one token in place of a reason. Where nothing is left, or after `moves`, it answers from those of what it read.
    Evidence are the leaves that it read.

    Source: Chen et al., Walking Down the Memory Maze, arXiv 2310.05029: segments of about 1,000 tokens, 5 to 8 children.

    Args:
        llm: reads.
        segment: tokens of a leaf.
        children: of a node.
        summary_tokens: of a summary.
        reason_tokens: of what is said at a node or leaf, beside an answer.
        moves: the most nodes and leaves that a question visits.
        choice: of a child: `said`, after a reason, or `weighed`, by an engine that weighs (hf, vllm); at most 9 children.
        max_tokens: of an answer, where the data set's wording does not say.
    """

    role: ClassVar[Role] = "long"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "summary.question": ("source?", "text"),
        "choose.prefix": ("source?", "text"),
        "choose.question": ("question", "memory?"),
        "leaf.prefix": ("source?", "text"),
        "leaf.question": ("question", "memory?"),
        "answer.prefix": ("source?", "text"),
        "answer.question": ("question",),
        "part.text": ("number", "summary"),
        "memory.text": ("memory",),
        "source.other": (),
    }

    llm: LLM
    segment: int = 1000
    children: int = 8
    summary_tokens: int = 150
    reason_tokens: int = 100
    moves: int = 12
    choice: Literal["said", "weighed"] = "said"
    max_tokens: int = 64

    def __post_init__(self) -> None:
        if self.children < 2 or self.moves < 1:
            raise ValueError(
                f"expected at least 2 children and 1 move, got children={self.children}, moves={self.moves}"
            )
        if self.summary_tokens < 1:
            raise ValueError(f"summary_tokens must be at least 1, got {self.summary_tokens}")
        if self.choice == "weighed" and self.children > MOST_WEIGHED:
            raise ValueError(
                f"a choice that is weighed is one of at most {MOST_WEIGHED} children (1 would weigh as much as all numbers that "
                f"begin with it), got children={self.children}"
            )

    def talk(self, example: Example) -> Talk[Answer]:
        root = yield from once(example.document, "tree", self._tree(example))
        length = tokens_of(example, self.max_tokens)
        path, barred, read = [root], set[Evidence](), list[Node]()
        for _ in range(self.moves):
            node = path[-1]
            memory = self._memory([one.summary for one in path[1:-1]])
            if node.children:
                offered = [child for child in node.children if child.span not in barred]
                chosen = (yield from self._choose(example, offered, memory)) if offered else None
                if chosen is not None:
                    path.append(chosen)
                    continue
            else:
                read.append(node)
                prompt = self._prompt("leaf", example, text=node.text, memory=memory)
                [said] = yield from ask(
                    self.llm, prompt, max_tokens=length + self.reason_tokens, seed=self.seed, name="leaf"
                )
                if (found := marked_answer(said.text)) is not None:
                    return Answer(found, "", tuple(one.span for one in read))
            barred.add(node.span)
            path.pop()
            if not path:
                break
        known = [one.summary for one in read] or [child.summary for child in root.children] or [root.summary]
        prompt = self._last_prompt("answer", example, BETWEEN.join(known))
        [last] = yield from ask(self.llm, prompt, max_tokens=length, seed=self.seed, name="answer")
        return Answer(last.text, "", tuple(one.span for one in read))

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad]:
        """Bound the prompts: the tree once, then `moves` visits and an answer for each question."""
        loads: list[PromptLoad] = []
        each = self.summary_tokens + MARGIN
        for document, asked in by_document(examples).items():
            leaves = pieces_of(asked[0].document, self.segment, self.llm.tokenizer)
            frame = self.llm.count(self._prompt("summary", asked[0], text="")) + MARGIN
            loads.append(PromptLoad(document, 0, len(leaves), frame + self.segment, self.summary_tokens))
            nodes, depth = len(leaves), 0
            while nodes > 1:
                nodes = -(-nodes // self.children)
                depth += 1
                above = frame + self.children * each
                loads.append(PromptLoad(document, 0, nodes, above, self.summary_tokens))
            for example in asked:
                length = tokens_of(example, self.max_tokens)
                memory = self.llm.tokenizer.count(self._memory(["-"])) + depth * each
                visit = max(
                    self.llm.count(self._prompt("choose", example, text="", memory=""))
                    + self.children * each,
                    self.llm.count(self._prompt("leaf", example, text="", memory="")) + self.segment,
                )
                new = length + self.reason_tokens
                loads.append(PromptLoad(document, 0, self.moves, visit + memory + MARGIN, new))
                last = self.llm.count(self._last_prompt("answer", example, ""))
                known = max(self.moves, self.children) * each
                loads.append(PromptLoad(document, 0, 1, last + known + MARGIN, length))
        return loads

    def _tree(self, example: Example) -> Talk[Node]:
        pieces = pieces_of(example.document, self.segment, self.llm.tokenizer)
        said = yield from self._summaries(example, [piece.page_content for piece in pieces])
        nodes = [
            Node(summary, span_of(example, piece), piece.page_content)
            for summary, piece in zip(said, pieces, strict=True)
        ]
        growing = grow(said, neighbours(self.children))
        layers = yield from followed(growing, lambda texts: self._summaries(example, texts))
        for layer in layers:
            below, nodes = nodes, []
            for group in layer:
                children = tuple(below[i] for i in group.members)
                span = Evidence(example.document_id, children[0].span.start, children[-1].span.end)
                nodes.append(Node(group.summary, span, children=children))
        return nodes[0]

    def _summaries(self, example: Example, texts: Sequence[str]) -> Talk[list[str]]:
        prompts = [self._prompt("summary", example, text=text) for text in texts]
        said = yield from ask(
            self.llm, *prompts, max_tokens=self.summary_tokens, seed=self.seed, name="summary"
        )
        return [one.text.strip() for one in said]

    def _choose(self, example: Example, offered: Sequence[Node], memory: str) -> Talk[Node | None]:
        """The child that the model goes to; None where it says that none will do, or names none of them."""
        shown = BETWEEN.join(
            self._texts.fill("part.text", number=i, summary=child.summary)
            for i, child in enumerate(offered, 1)
        )
        prompt = self._prompt("choose", example, text=shown, memory=memory)
        if self.choice == "weighed":
            options = [f" {i}" for i in (*range(1, len(offered) + 1), -1)]
            weights = yield from weigh(self.llm, replace(prompt, reply="ACTION:"), options, name="choose")
            likeliest = int(weights.argmax())
            return offered[likeliest] if likeliest < len(offered) else None
        [said] = yield from ask(
            self.llm, prompt, max_tokens=self.reason_tokens, seed=self.seed, name="choose"
        )
        named = _ACTION.findall(said.text) or re.findall(r"-?\d+", said.text)
        place = int(named[-1]) if named else -1
        return offered[place - 1] if 1 <= place <= len(offered) else None

    def _memory(self, summaries: Sequence[str]) -> str:
        if not summaries:
            return ""
        return self._texts.fill("memory.text", memory=BETWEEN.join(summaries))

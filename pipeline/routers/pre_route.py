"""Pre-Route: a language model decides from the question and what is known about the document, unread."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rlc.data.errors import EngineError
from rlc.data.loads import PromptLoad
from rlc.data.prompt_files import ENGLISH, PromptFile, read_prompts
from rlc.data.protocols import LLM, Generation, Pays, Prompt, Reader, Role
from rlc.data.records import Answer, Example
from rlc.pipeline.routers.support.price import estimated_tokens
from rlc.pipeline.routers.support.split import answer_split


@dataclass(frozen=True)
class PreRoute:
    """Ask `llm` which arm should read, before anything is retrieved or read; its tokens are charged to the answer.

    The model sees the document's type, length and first `snippet` characters, and the question. A reply that names
    neither arm goes to `rag`, the cheaper one, and the details say so. The prompt is this project's own.

    Source: the idea of Pre-Route, arXiv 2605.10235, from its abstract.
    """

    VERSION: ClassVar[int] = 1
    role: ClassVar[Role] = "router"
    pays: ClassVar[Pays] = "chosen"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "ask.prefix": (),
        "ask.question": ("question", "kind?", "tokens?", "snippet?"),
    }

    rag: Reader
    long: Reader
    llm: LLM
    snippet: int = 300
    max_tokens: int = 8
    seed: int = 0
    prompt: PromptFile = ENGLISH

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order.

        Raises:
            EngineError: if the language model fails on a question, which then has no route.
        """
        if not examples:
            return []
        prompts = [self.prompt_of(example) for example in examples]
        replies = self.llm.generate(prompts, max_tokens=self.max_tokens, seed=self.seed)
        choices = [route_of(reply) for reply in replies]
        answers = answer_split(examples, [choice == "LONG" for choice in choices], self.rag, self.long)
        return [
            replace(
                answer,
                usage=reply.cost.then(answer.usage),
                details={**answer.details, "said": reply.text.strip(), "understood": bool(choice)},
            )
            for answer, reply, choice in zip(answers, replies, choices, strict=True)
        ]

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad]:
        """Bound what deciding reads; what its arms read is theirs to say."""
        return [
            PromptLoad(
                document=example.document_id,
                tokens=0,
                questions=1,
                question_tokens=self.llm.count(self.prompt_of(example)),
                answer_tokens=self.max_tokens,
            )
            for example in examples
        ]

    def prompt_of(self, example: Example) -> Prompt:
        """What the language model is shown of an example."""
        text = example.document.page_content
        return read_prompts(PreRoute, self.prompt).prompt(
            "ask",
            kind=example.document.metadata.get("kind") or "unknown",
            tokens=f"{round(estimated_tokens(len(text))):,}",
            snippet=" ".join(text[: self.snippet].split()),
            question=example.question,
        )


def route_of(reply: Generation) -> str:
    """The arm that a reply names last, RAG or LONG; empty where it names none.

    Raises:
        EngineError: if the model gave no reply.
    """
    if reply.error is not None:
        raise EngineError(f"pre-route got no decision from its language model: {reply.error}")
    named = [word for word in re.split(r"[\s*.]|[^\x00-\x7f]", reply.text.upper()) if word in ("RAG", "LONG")]
    return named[-1] if named else ""

"""Any LangChain Runnable, LangGraph graph or function as a reader, and any reader as a Runnable."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, ClassVar, Literal

from langchain_core.documents import Document
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda

from rlc.data.completed import in_order
from rlc.data.errors import EngineUnavailableError, UsageError
from rlc.data.lazy import load
from rlc.data.protocols import Reader, Role
from rlc.data.records import Answer, Evidence, Example
from rlc.data.spec import Spec
from rlc.pipeline.readers.support.asking import evidence_of
from rlc.pipeline.readers.support.callback_trace import CallbackTrace

ANSWER_KEYS = ("answer", "output", "result", "text")


@dataclass(frozen=True)
class RunnableReader:
    """Let a Runnable answer: a chain, a LangGraph graph or an agent of yours as an arm of the comparison.

    It is given `{"question": text, "document": Document, "messages": [HumanMessage(question)]}` and may return a text, a
    message, an `Answer`, or a mapping that holds the answer (under `output`, else `answer`, `output`, `result`, `text`, or
    the last of its `messages`). What it asks, searches and calls on the way is heard by LangChain's callbacks and kept as
    the answer's steps: tokens as its models report them, wall time, evidence of every retriever, and of documents in the
    mapping that it returns. What it raises fails that question only.

    Args:
        target: `"package.module:name"`, a Runnable, or what makes one when called with `arguments`; a function that is
            made takes the mapping. It is code, so it needs `--allow-code` or a line in your `trusted.toml`.
        arguments: settings of what makes the Runnable.
        runnable: the object itself, in place of `target`.
        output: the key of the answer in what is returned.
        arm: what tables hold it for: `rag` where it retrieves, `long` where it reads everything, else `both`.
        concurrency: questions answered at once.
        recursion_limit: the most steps of a graph, in LangGraph's meaning.
    """

    VERSION: ClassVar[int] = 1
    CODE: ClassVar[Sequence[str]] = ("target",)
    role: ClassVar[Role | None] = None  # that of its arm, which the setting `arm` says

    target: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    runnable: Any = None
    output: str = ""
    arm: Literal["rag", "long", "both"] = "both"
    concurrency: int = 4
    recursion_limit: int = 25

    @classmethod
    def example(cls) -> Spec:
        """A function that repeats what it is given."""
        return {"target": "langchain_core.runnables:RunnablePassthrough", "output": "question"}

    def __post_init__(self) -> None:
        if (self.runnable is None) == (not self.target):
            raise ValueError("expected either target, 'package.module:name', or runnable, an object")
        if self.concurrency < 1 or self.recursion_limit < 1:
            raise ValueError("concurrency and recursion_limit must be at least 1")

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        return in_order(self.answer_as_completed(examples))

    def answer_as_completed(self, examples: Sequence[Example], /) -> Iterator[tuple[int, Answer]]:
        """Yield each answer with its example's place, as soon as the Runnable has given it.

        Raises:
            EngineUnavailableError: if an engine of this project says that no question can be answered.
        """
        traces = [CallbackTrace(partial(evidence_of, example.document_id)) for example in examples]
        configs: list[RunnableConfig] = [
            {
                "callbacks": [trace],
                "max_concurrency": self.concurrency,
                "recursion_limit": self.recursion_limit,
            }
            for trace in traces
        ]
        inputs = [asked(example) for example in examples]
        for i, output in self._runnable.batch_as_completed(inputs, configs, return_exceptions=True):
            if isinstance(output, EngineUnavailableError):
                raise output
            yield i, self._answer(output, examples[i], traces[i])

    @cached_property
    def _runnable(self) -> Runnable[Any, Any]:
        made = self.runnable
        if made is None:
            try:
                found = load(self.target)
            except (ImportError, AttributeError, ValueError) as error:
                raise UsageError(
                    f"target must be an importable 'package.module:name', got {self.target!r}: {error}"
                ) from error
            made = found if isinstance(found, Runnable) else found(**self.arguments)
        if isinstance(made, Runnable):
            return made
        if callable(made):
            return RunnableLambda(made)
        raise UsageError(
            f"{self.target} made a {type(made).__name__}; expected a langchain-core Runnable or a function"
        )

    def _answer(self, output: object, example: Example, trace: CallbackTrace) -> Answer:
        failure = Answer("", "", usage=trace.usage, finish_reason="error", steps=trace.steps)
        if isinstance(output, Exception):
            return replace(failure, error=f"{type(output).__name__}: {output}")
        if isinstance(output, Answer):
            return output
        text = text_of(output, self.output)
        if text is None:
            held = ", ".join(map(str, output)) if isinstance(output, Mapping) else type(output).__name__
            wanted = self.output or f"{', '.join(ANSWER_KEYS)} or messages"
            return replace(
                failure, error=f"NoAnswer: it returned {held}; expected a text, or {wanted} in a mapping"
            )
        if not text.strip():
            return replace(failure, error="NoAnswer: it returned an empty text")
        note = f"{trace.uncounted} of its model calls reported no tokens" if trace.uncounted else ""
        return Answer(
            text,
            "",
            evidence=_evidence(output, example, trace),
            usage=trace.usage,
            finish_reason="stop",
            details={"note": note} if note else {},
            steps=trace.steps,
        )


class ReaderRunnable(Runnable[Mapping[str, Any], Answer]):
    """A reader as a Runnable: `{"question": text, "document": text or Document}` in, an `Answer` out.

    A batch is one call of the reader, so that questions on one document share what is read of it. What a question fails
    of stands in its answer's `error`.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def invoke(self, input: Mapping[str, Any], config: RunnableConfig | None = None, **_: object) -> Answer:  # noqa: A002 - langchain's name
        """Answer one question, with its usage and trace.

        Raises:
            UsageError: if the input lacks a question or a document.
        """
        return self.batch([input], config)[0]

    def batch(
        self,
        inputs: list[Mapping[str, Any]],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **_: object,
    ) -> list[Answer]:
        """Answer many, in order, in one call of the reader."""
        return self._batch_with_config(self._answer, inputs, config, return_exceptions=return_exceptions)

    def _answer(self, inputs: list[Mapping[str, Any]]) -> list[Exception | Answer]:
        return list(self.reader([_example(i, one) for i, one in enumerate(inputs)]))


def as_runnable(reader: Reader) -> ReaderRunnable:
    """Put a reader where LangChain wants a Runnable: in a chain, a graph's node, under a tracer."""
    return ReaderRunnable(reader)


def asked(example: Example) -> dict[str, Any]:
    """What a Runnable is given of an example."""
    question = example.wording.asked(example.question) if example.wording else example.question
    return {"question": question, "document": example.document, "messages": [HumanMessage(question)]}


def text_of(output: object, key: str = "") -> str | None:
    """The answer in what a Runnable returned; None where there is none.

    >>> text_of({"messages": [HumanMessage("Who?"), HumanMessage("Ada.")]})
    'Ada.'
    """
    if isinstance(output, BaseMessage):
        return str(output.text)
    if isinstance(output, str | int | float):
        return str(output)
    if isinstance(output, Sequence):
        return text_of(output[-1]) if output else None
    if not isinstance(output, Mapping):
        return None
    keys = [key] if key else [*ANSWER_KEYS, "messages"]
    return next((text_of(output[one]) for one in keys if output.get(one) is not None), None)


def _evidence(output: object, example: Example, trace: CallbackTrace) -> tuple[Evidence, ...]:
    """What its retrievers found, and the passages among what it returned, each once."""
    found = [one for step in trace.steps for one in step.evidence]
    for value in output.values() if isinstance(output, Mapping) else ():
        many = value if isinstance(value, list | tuple) else [value]
        passages = [one for one in many if isinstance(one, Document) and one is not example.document]
        found += [one for passage in passages for one in evidence_of(example.document_id, passage)]
    return tuple(dict.fromkeys(found))


def _example(place: int, asked: Mapping[str, Any]) -> Example:
    document, question = asked.get("document"), asked.get("question")
    if isinstance(document, str):
        document = Document(page_content=document)
    if not isinstance(question, str) or not isinstance(document, Document):
        raise UsageError(
            f"expected {{'question': a text, 'document': a text or a Document}}, got {sorted(map(str, asked))}"
        )
    return Example(str(place), question, document)

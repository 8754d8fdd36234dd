"""Protocols of engines, encoders, tokenizers, readers and scorers; nothing here is a base class."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rlc.data.errors import UnsupportedError
from rlc.data.generation import Floats as Floats  # what goes in and out of engines is handed out here, too
from rlc.data.generation import Generation as Generation
from rlc.data.generation import Prompt as Prompt
from rlc.data.generation import Sampling as Sampling
from rlc.data.generation import TokenLogprobs as TokenLogprobs
from rlc.data.records import Answer, Evidence, Example, Usage

T = TypeVar("T")

# Annotated, so that a plain string may be given: a NewType would make every `HfLLM("minilm")` a type error.
Weights = Annotated[str, "names a model's weights"]
"""What names a model's weights: an alias, a folder or a Hugging Face id.

What identifies the weights of a setting of this type is part of every result, so that answers of other weights are not
taken for these. A setting `revision` beside it names the revision of a Hugging Face id.
"""


@runtime_checkable
class Tokenizer(Protocol):
    """Token borders in a text. Hashable, as objects are by default, so that counts can be remembered."""

    name: str

    def __hash__(self) -> int: ...

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Half-open character spans of the tokens, in order, special tokens left out."""
        ...

    def count(self, text: str) -> int:
        """The number of those tokens."""
        ...


@runtime_checkable
class LLM(Protocol):
    """An engine: a language model that answers prompts.

    `name` names the model in tables, `window` is the usable context length in tokens, prompt and answer together,
    `tokenizer` the model's own (or, where a server keeps it to itself, a named approximation).
    """

    name: str

    # Read only, so that an engine may find them out when they are first wanted.
    @property
    def window(self) -> int:
        """Usable context in tokens."""
        ...

    @property
    def tokenizer(self) -> Tokenizer:
        """Where the model's tokens begin and end."""
        ...

    def count(self, prompt: Prompt) -> int:
        """The tokens of the prompt as the model will see it, chat template included."""
        ...

    def generate(
        self,
        prompts: Sequence[Prompt],
        *,
        max_tokens: int,
        stop: Sequence[str] = (),
        logprobs: bool = False,
        schema: Mapping[str, Any] | None = None,
        temperature: float | None = None,
        seed: int = 0,
    ) -> list[Generation]:
        """Answer every prompt, in order, one generation each: see `Sampling`.

        Raises:
            ValueError: if `max_tokens` or `temperature` is out of range.
            UnsupportedError: if the engine cannot give log-probabilities or follow a schema; it never ignores
                the wish.
            EngineUnavailableError: if no request can be answered at all.
        """
        ...


@runtime_checkable
class Scorer(Protocol):
    """An engine that says how likely a given text is, instead of writing one."""

    name: str

    def logprobs(self, contexts: Sequence[str], texts: Sequence[str]) -> list[TokenLogprobs]:
        """Natural log p(token | context, tokens before it) for every token of each text, all read as they stand.

        No chat template is put around them. Where a context is empty and the model has no beginning-of-text token,
        the first token of the text has 0.

        Raises:
            ValueError: if there are not as many contexts as texts.
            ContextOverflowError: if a context and its text do not fit the window together.
            EngineUnavailableError: if nothing can be scored at all.
        """
        ...


def together(llm: LLM) -> int:
    """How many prompts an engine likes to answer at once: 1 where it says so in `together`, else many.

    An engine of one prompt at a time keeps what it read last, and those who ask follow it (`hf` where a model cannot
    answer side by side, and caches that are thinned out).
    """
    return int(getattr(llm, "together", MANY))


MANY = 1024


def seeded(llm: LLM) -> bool:
    """Whether an engine takes a seed for each prompt (`Prompt.seed`): it says so in `seeded`."""
    return bool(getattr(llm, "seeded", False))


def greedy(llm: LLM, temperature: float | None = None) -> bool:
    """Whether an engine, asked at this temperature or its own, says the same each time, whatever the seed.

    An engine says what its own is in `temperature`; of one that does not, nobody knows.
    """
    heat = getattr(llm, "temperature", None) if temperature is None else temperature
    return bool(heat == 0)


@dataclass(frozen=True)
class Seen:
    """What one layer of a model looked at, while the last tokens of a prompt were computed.

    `attention` is float32 [heads, rows, tokens]: the rows are the prompt's last tokens, and each sums up to 1. `tokens`,
    int64 [tokens, 2], are the half-open character spans of all tokens in the prompt's own text (`Prompt.text`); a token
    of the chat template or the system text stands nowhere in it and has an empty one. `ids` are the tokens' numbers,
    `layer` counts from 0.
    """

    layer: int
    attention: Floats
    tokens: NDArray[np.int64]
    ids: NDArray[np.int64]

    def within(self, start: int, end: int) -> NDArray[np.int64]:
        """The places of the tokens that end within a span of the prompt's text, so that each belongs to one span."""
        first, last = self.tokens.T
        return np.flatnonzero((first < last) & (start < last) & (last <= end))

    def on(self, spans: Sequence[tuple[int, int]]) -> Floats:
        """How much of their attention the rows pay to each span, float32 [heads, rows, spans]."""
        paid = [self.attention[:, :, self.within(*span)].sum(-1) for span in spans]
        return np.stack(paid, -1) if paid else np.zeros((*self.attention.shape[:2], 0), np.float32)


class Watched(NamedTuple, Generic[T]):
    """What was made of each layer's attention, in the layers' order, and what reading the prompt cost."""

    values: list[T]
    usage: Usage = Usage()


@runtime_checkable
class Attending(Protocol):
    """An engine that shows what it looks at while it reads."""

    name: str

    @property
    def depth(self) -> int:
        """The number of layers."""
        ...

    def watch(
        self,
        prompt: Prompt,
        see: Callable[[Seen], T],
        *,
        since: int | None = None,
        layers: Sequence[int] | None = None,
    ) -> Watched[T]:
        """Read a prompt, and let `see` make something of the attention of each layer at once: it is not kept.

        Args:
            prompt: What is read; nothing is written.
            see: Called layer by layer with heads x rows x tokens numbers, which are gone afterwards.
            since: The rows are the tokens from this character of the prompt's text on, to the last before the answer,
                what the chat template puts there included; None takes that last token alone.
            layers: The layers that are shown, counted from 0, or from -1 backwards; None shows all.

        Raises:
            ValueError: if there is no such layer, or no text from `since` on.
            ContextOverflowError: if the prompt does not fit the window.
            UnsupportedError: if the model's attention cannot be shown.
            EngineUnavailableError: if the model cannot be loaded.
        """
        ...


def attending(llm: LLM) -> Attending:
    """The engine, as one that shows what it looks at.

    Raises:
        UnsupportedError: if it does not.
    """
    if not isinstance(llm, Attending):
        raise UnsupportedError(
            f"the engine of {llm.name} does not show what the model looks at, and this method goes by that: take the "
            "engine hf, without `looks`"
        )
    return llm


class Weighed(NamedTuple):
    """The log-probabilities (natural) of the options of one prompt, float32 [options], and what weighing them cost."""

    values: Floats
    usage: Usage = Usage()


@runtime_checkable
class Weighing(Protocol):
    """An engine that says how likely given answers are, instead of writing one."""

    name: str

    def weigh(self, prompts: Sequence[Prompt], options: Sequence[Sequence[str]]) -> list[Weighed]:
        """Natural ln p(answer begins with the option | prompt) for the options of each prompt, through the chat template.

        An option is cut into tokens for itself, and its log-probability is the sum of theirs: one that another begins
        with is at least as likely as that. `Prompt.reply` stands before it.

        Raises:
            ValueError: if there are not as many lists of options as prompts, or an option is empty.
            ContextOverflowError: if a prompt and its options do not fit the window.
            EngineError: if the engine failed on them.
            EngineUnavailableError: if nothing can be weighed at all.
        """
        ...


def weighing(llm: LLM) -> Weighing:
    """The engine, as one that weighs given answers.

    Raises:
        UnsupportedError: if it does not.
    """
    if not isinstance(llm, Weighing):
        raise UnsupportedError(
            f"the engine of {llm.name} does not say how likely given answers are, and this method goes by that: take the "
            "engine hf or vllm"
        )
    return llm


@runtime_checkable
class Checkable(Protocol):
    """An engine that can say, before anything is prepared for it, that it will answer no question."""

    def check(self) -> None:
        """Find out whether the engine is there.

        Raises:
            EngineUnavailableError: if no request can be answered at all.
        """
        ...


class Way(Protocol):
    """A way of reading and writing with the model of an engine in this process, such as passages read apart."""

    @property
    def identity(self) -> str:
        """What stands for everything about it that changes what is written."""
        ...

    def over(self, engine: Any) -> LLM:  # noqa: ANN401 - the engine that is adapted
        """An engine over another's model; nothing is loaded yet."""
        ...


@runtime_checkable
class Adaptable(Protocol):
    """An engine whose model can be read and written with in other ways."""

    def adapted(self, way: Way) -> LLM:
        """An engine over the same model that reads and writes in this way."""
        ...


def adapted(llm: LLM, way: Way) -> LLM:
    """An engine over the model of `llm` that reads and writes in this way, held to it that it can.

    Raises:
        UnsupportedError: if the engine's model is out of reach, or cannot be read and written with so.
    """
    if not isinstance(llm, Adaptable):
        raise UnsupportedError(
            f"{llm.name}: {type(llm).__name__} does not let anybody into its model, and this reader works inside it: take "
            "the engine hf"
        )
    found = llm.adapted(way)
    if isinstance(found, Checkable):
        found.check()
    return found


# All that an engine may be; what wraps an engine is each of these that the engine is.
ENGINE_PROTOCOLS: tuple[type, ...] = (LLM, Scorer, Attending, Weighing, Checkable, Adaptable)


@dataclass(frozen=True)
class TokenEmbeddings:
    """The last hidden states of one text.

    `vectors` is float32 [tokens, dimension] without special tokens; `offsets` int64 [tokens, 2] holds the tokens'
    half-open character spans.
    """

    vectors: Floats
    offsets: NDArray[np.int64]


@runtime_checkable
class Encoder(Protocol):
    """Texts to unit vectors. `name` identifies model, revision and settings; `window` is in tokens.

    `pooling` is `mean`, `cls`, ... (late chunking needs `mean`).
    """

    name: str
    dimension: int
    window: int
    pooling: str
    tokenizer: Tokenizer

    def encode_documents(self, texts: Sequence[str]) -> Floats:
        """Unit vectors [texts, dimension]."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> Floats:
        """Unit vectors [texts, dimension], with the model's query prompt if it has one."""
        ...

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenEmbeddings]:
        """Token states of each text; none may be longer than the window.

        Raises:
            UnsupportedError: if the model cannot give token embeddings.
        """
        ...


class SparseVector(NamedTuple):
    """Weights of the terms of a model's vocabulary: int32 [terms], each once, and float32 [terms]."""

    terms: NDArray[np.int32]
    weights: Floats


@runtime_checkable
class SparseEncoder(Protocol):
    """Texts to weights of terms, all positive. `name` identifies model, revision and settings.

    `dimension` is the number of terms.
    """

    name: str
    dimension: int

    def weigh_documents(self, texts: Sequence[str]) -> list[SparseVector]:
        """The terms of each text."""
        ...

    def weigh_queries(self, texts: Sequence[str]) -> list[SparseVector]:
        """The terms of each text, as the model weighs those of queries."""
        ...


@runtime_checkable
class MultiVectorEncoder(Protocol):
    """Texts to a vector a token, compared by inner products. `name` identifies model, revision and settings."""

    name: str
    dimension: int

    def encode_document_tokens(self, texts: Sequence[str]) -> list[Floats]:
        """The vectors [tokens, dimension] of each text, at least one."""
        ...

    def encode_query_tokens(self, texts: Sequence[str]) -> list[Floats]:
        """The vectors [tokens, dimension] of each text, at least one, as the model reads queries."""
        ...


Role = Literal["rag", "long", "both", "closed", "router"]
"""What a reader stands for in tables, colours and sentences: retrieving, reading the document, both, neither, choosing."""


Pays = Literal["chosen", "all"]
"""What a router is charged: the arm that it chose, or every arm that it asked on the way."""


class Retrieved(NamedTuple):
    """The passages that a reader would read for one question, best first, and what finding them cost."""

    evidence: tuple[Evidence, ...]
    usage: Usage = Usage()


class Reader(Protocol):
    """A reader answers examples: in order, one answer each, never fewer."""

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]: ...


@runtime_checkable
class Retrieving(Protocol):
    """A reader that shows what it retrieves before it reads: routers decide by it, and nothing is searched for twice."""

    def retrieve(self, examples: Sequence[Example], /) -> list[Retrieved]:
        """What it would read, in order, one each; answering the same examples next costs no second search."""
        ...


def retrieve(reader: Reader, examples: Sequence[Example]) -> list[Retrieved]:
    """What a reader retrieves for the examples.

    Raises:
        UnsupportedError: if it does not show it.
    """
    if not isinstance(reader, Retrieving):
        raise UnsupportedError(
            f"{type(reader).__name__} does not show what it retrieves, and this router decides by that: give it a "
            "method `retrieve(examples)` (see rlc.data.protocols.Retrieving), or take the router `length`"
        )
    return reader.retrieve(examples)

"""Judging answers with a language model: any engine, prompts in files, strict parsing."""

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

from rlc.data.errors import UsageError
from rlc.data.prompt_files import ENGLISH, PromptFile, PromptTexts, read_prompts
from rlc.data.protocols import LLM, Generation, Prompt
from rlc.data.records import Answer, Example, Usage
from rlc.data.spec import fingerprint
from rlc.experiments.scorers.rule import FAILED, UNSCORED, Verdict
from rlc.pipeline.llms.support.thought import part

MAX_TOKENS = 1024
"""New tokens of a judge's reply. One word needs none of them, a thought before it some hundred."""

UNPARSED = "unparsed"
"""The reason of a verdict whose reply was none of those that are asked for: no verdict, to be counted apart."""

NOT_JUDGED = "not judged"
"""The reason of a verdict that the judge failed to give: no verdict, to be asked for again and never kept."""

RIGHT_FROM = 0.5
"""From this share on a graded verdict counts as right, where right or wrong is wanted of it."""

_MARKUP = re.compile(r"<(?=[/|!?a-zA-Z_])|\[(?=/?INST\])")


@dataclass(frozen=True)
class Case:
    """One answer that is to be judged, with its question.

    `read` is the text that its reader was given, for judges that look at it. `rival` is another answer to the question,
    for those that prefer one of two; `facts` are those of the gold answer, for those that count them.
    """

    example: Example
    answer: Answer
    read: str = ""
    rival: str = ""
    facts: tuple[str, ...] = ()


class Bounds(NamedTuple):
    """The most tokens of an arm's answer to a question, and of what it reads for it."""

    answer: int
    read: int


@runtime_checkable
class Judge(Protocol):
    """A judge gives a verdict to every case, in order.

    `reads` says whether it looks at what was read, `prefers` whether it holds an answer against a rival.
    """

    reads: ClassVar[bool]
    prefers: ClassVar[bool]

    @property
    def name(self) -> str:
        """Who judges, for tables."""
        ...

    def __call__(self, cases: Sequence[Case], /) -> list[Verdict]:
        """Judge the cases; where it fails on one the verdict's reason is `UNPARSED` or `NOT_JUDGED`.

        Raises:
            RlcError: what would fail every case alike.
        """
        ...


@dataclass(frozen=True)
class ModelJudge(ABC):
    """Ask a language model about every answer, each for itself, all in one batch.

    Subclasses say what is asked and how a reply is read. A verdict's `source` holds the model's name, the version of
    prompts and parsing, and the fingerprint of what was asked; `error` what the engine failed with, `reply` what it said that
    is no verdict.

    Args:
        llm: the engine that judges.
        prompt: a language in which the prompts ship, or a file of your own.
        max_tokens: of a reply; most of them are for a model that thinks first.
        allow_self: let a model judge its own answers.
    """

    PROMPTS: ClassVar[Mapping[str, Sequence[str]]]
    VERSION: ClassVar[int] = 1
    reads: ClassVar[bool] = False
    prefers: ClassVar[bool] = False
    needs_gold: ClassVar[bool] = True

    llm: LLM
    prompt: PromptFile = ENGLISH
    max_tokens: int = MAX_TOKENS
    allow_self: bool = False

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError(f"expected max_tokens of at least 1, got {self.max_tokens}")
        self.texts  # noqa: B018 - a bad prompt file is refused here, not at the first answer

    @cached_property
    def texts(self) -> PromptTexts:
        """What the judge model is asked, from the prompt file."""
        return read_prompts(type(self), self.prompt)

    @property
    def name(self) -> str:
        """The judge model's name."""
        return self.llm.name

    @abstractmethod
    def prompts(self, case: Case) -> list[Prompt]:
        """What is asked about one answer; what many answers share stands in the prefix."""

    @abstractmethod
    def grade(self, case: Case, replies: Sequence[str]) -> tuple[float | None, str]:
        """Read the replies, thoughts left out: a figure in [0, 1] and its reason; None where they cannot be read."""

    def loads(self, example: Example, arms: Sequence[Bounds]) -> list[int]:
        """The tokens of the prompts about the arms' answers to a question, at most, before there are any.

        Each is a prompt about an empty answer, and what the answer and the text that was read may add to it.
        """
        empty = self._tokens(Case(example, Answer("", "")))
        return [empty + arm.answer + arm.read * self.reads for arm in arms]

    def _tokens(self, case: Case) -> int:
        return sum(map(self.llm.count, self.prompts(case)))

    def without_asking(self, case: Case) -> Verdict | None:
        """The verdict that needs no model, if there is one."""
        if case.answer.error or not case.answer.text.strip():
            return Verdict(False, 0.0, FAILED)
        if self.needs_gold and not case.example.answers and case.example.answerable is not False:
            return Verdict(None, 0.0, UNSCORED)
        return None

    def __call__(self, cases: Sequence[Case], /) -> list[Verdict]:
        """Judge the cases, one verdict each, in order.

        Raises:
            EngineUnavailableError: if the engine cannot answer at all.
        """
        settled = [self.without_asking(case) for case in cases]
        asked = [[] if known else self.prompts(case) for case, known in zip(cases, settled, strict=True)]
        flat = [prompt for prompts in asked for prompt in prompts]
        replies = iter(self.llm.generate(flat, max_tokens=self.max_tokens) if flat else [])
        return [
            known or self._verdict(case, prompts, [next(replies) for _ in prompts])
            for case, known, prompts in zip(cases, settled, asked, strict=True)
        ]

    def _verdict(self, case: Case, prompts: Sequence[Prompt], replies: Sequence[Generation]) -> Verdict:
        usage = Usage.total(reply.cost for reply in replies)
        asked = [text for prompt in prompts for text in (prompt.system, prompt.prefix, prompt.question)]
        source = {"judge": self.llm.name, "version": str(self.VERSION), "prompt": fingerprint(asked)}
        if errors := [reply.error for reply in replies if reply.error is not None]:
            return Verdict(None, 0.0, NOT_JUDGED, {**source, "error": errors[0]}, usage)
        texts = [part(reply.text).answer for reply in replies]
        figure, reason = self.grade(case, texts)
        if figure is None:
            return Verdict(None, 0.0, reason, {**source, **self.beside(texts), "reply": texts[0]}, usage)
        correct = figure >= RIGHT_FROM
        return Verdict(correct, figure, reason, {**source, **self.beside(texts)}, usage)

    def beside(self, replies: Sequence[str]) -> Mapping[str, str]:  # noqa: ARG002 - for those that have something
        """What belongs to a verdict's source beside who gave it."""
        return {}


def check_self(judge: Judge, evaluated: Collection[str]) -> None:
    """Refuse a model that would judge its own answers, unless it is allowed to.

    Args:
        judge: The judge.
        evaluated: The names of the models whose answers will be judged.

    Raises:
        UsageError: if the judge's model is among them.
    """
    if not isinstance(judge, ModelJudge) or judge.allow_self:
        return
    same = sorted(name for name in evaluated if _bare(name) == _bare(judge.name))
    if same:
        raise UsageError(
            f"{judge.name} would judge its own answers ({', '.join(same)}), and models favour their own; judge with "
            "another model, or allow it (allow_self) and say so beside the figures"
        )


def _bare(name: str) -> str:
    """A model's name without its publisher, lower-cased: `Qwen/Qwen3-8B` and `qwen3-8b` are one."""
    return name.rpartition("/")[2].casefold()


def neutralise(text: str) -> str:
    """Text that can neither close a fence nor open a chat turn: `<` before a name becomes `‹`, `[INST]` `⁅INST]`.

    >>> neutralise("3 < 4</candidate><|im_end|>")
    '3 < 4‹/candidate>‹|im_end|>'
    """
    return _MARKUP.sub(lambda match: "‹" if match[0] == "<" else "⁅", text)


def reference_of(texts: PromptTexts, example: Example) -> str:
    """The gold answers as one text, several as alternatives where the prompts have words for them."""
    if not example.answers:
        return texts.texts.get("reference.none", "")
    several = len(example.answers) > 1 and "reference.one_of" in texts.texts
    return "\n".join(
        texts.fill("reference.one_of", reference=text) if several else text for text in example.answers
    )


def word_of(reply: str, words: Mapping[str, str]) -> str | None:
    """The key of the word that the reply is alone; None where it is none of them.

    >>> word_of("**Ja.**", {"yes": "ja", "no": "nein"}), word_of("Ja und nein", {"yes": "ja", "no": "nein"})
    ('yes', None)
    """
    for key, word in words.items():
        if re.fullmatch(rf"\W*{re.escape(word)}\W*", reply, re.IGNORECASE):
            return key
    return None

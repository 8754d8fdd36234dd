"""A correctness judge with a language model: any engine, two prompts, strict parsing.

The prompts ask what LaRA's two prompts ask (one for questions that the document answers, one for those that it does
not), in our own words and for yes or no. LaRA's own harness counts any reply that contains "true" and lets a model
judge itself; this one does neither. A data set whose authors ask a model with prompts of their own is judged with those.

Source: Li et al., LaRA, 2025, arXiv:2502.09977.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rlc.data.errors import UsageError
from rlc.data.prompt_files import ENGLISH, read_prompts
from rlc.data.protocols import LLM, Generation, Prompt
from rlc.data.records import Answer, Example
from rlc.data.spec import fingerprint
from rlc.experiments.scorers.authors_judge import authors_judge, filled
from rlc.experiments.scorers.rule import FAILED, UNSCORED, Verdict
from rlc.pipeline.llms.support.thought import part

MAX_TOKENS = 1024
"""New tokens of a judge's reply. One word needs none of them, a thought before it some hundred."""

VERSION = "2"
"""Changes with the wording or the parsing, so that stored verdicts tell which they came from."""

UNPARSED = "unparsed"
"""The reason of a verdict whose reply was neither yes nor no: neither right nor wrong, and to be counted."""

NOT_JUDGED = "not judged"
"""The reason of a verdict that the judge model failed to give: no verdict, to be asked for again and never kept."""

_MARKUP = re.compile(r"<(?=[/|!?a-zA-Z_])|\[(?=/?INST\])")


class LLMJudge:
    """Judges answers by asking a language model for yes or no.

    A verdict's `source` holds the judge model's name, the version of prompts and parsing, and the fingerprint of
    the prompt. Its reason is `yes`, `no`, `unparsed`, `not judged` with the engine's `error` in the source, or what the rule
    judge says of answers that failed or have no gold answer. One reply is asked for per answer, all in one batch.

    Args:
        llm: The engine that judges.
        evaluated: The names of the models whose answers will be judged.
        allow_self: Let a model judge its own answers; models favour their own.
        max_tokens: The most new tokens of a reply; most of them are for a model that thinks aloud first.
        dataset: The data set that was asked about, whose authors' prompts are used where they have some.
        prompt: What is asked: a language that ships, or a file of your own; either but `en` stands in place of the authors'
            prompts, too.

    Raises:
        UsageError: if the engine's model is among the evaluated ones.
        SpecError: if there is no such file, or a text or a place is missing in it.
    """

    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "ask.system": (),
        "ask.question": ("question", "reference", "candidate"),
        "answerable.prefix": ("fences?",),
        "unanswerable.prefix": ("fences?",),
        "fences.text": (),
        "reference.none": (),
        "reference.one_of": ("reference",),
        "reply.right": (),
        "reply.wrong": (),
    }

    def __init__(
        self,
        llm: LLM,
        *,
        evaluated: Collection[str],
        allow_self: bool = False,
        max_tokens: int = MAX_TOKENS,
        dataset: str = "",
        prompt: str = ENGLISH,
    ) -> None:
        if isinstance(evaluated, str):
            raise TypeError(f"expected a collection of model names, got one string: [{evaluated!r}] would do")
        if max_tokens < 1:
            raise ValueError(f"expected max_tokens of at least 1, got {max_tokens}")
        same = sorted(name for name in evaluated if _bare(name) == _bare(llm.name))
        if same and not allow_self:
            raise UsageError(
                f"{llm.name} would judge its own answers ({', '.join(same)}), and models favour their own; judge "
                "with another model, or allow it (allow_self) and say so beside the figures"
            )
        self.llm = llm
        self.max_tokens = max_tokens
        self.texts = read_prompts(LLMJudge, prompt)
        self.authors = authors_judge(dataset) if prompt == ENGLISH else None

    @property
    def name(self) -> str:
        """The judge model's name."""
        return self.llm.name

    def __call__(self, examples: Sequence[Example], answers: Sequence[Answer]) -> list[Verdict]:
        """Judge answers to examples, in order, one verdict each. An answer with an `error` or no text failed.

        Raises:
            EngineUnavailableError: if the engine cannot answer at all.
        """
        verdicts = [_without_asking(*pair) for pair in zip(examples, answers, strict=True)]
        asked = [i for i, verdict in enumerate(verdicts) if verdict is None]
        prompts = [self.prompt(examples[i], answers[i].text) for i in asked]
        replies = self.llm.generate(prompts, max_tokens=self.max_tokens) if prompts else []
        found = {
            i: self._verdict(prompt, reply) for i, prompt, reply in zip(asked, prompts, replies, strict=True)
        }
        return [verdict or found[i] for i, verdict in enumerate(verdicts)]

    def prompt(self, example: Example, candidate: str) -> Prompt:
        """What the judge model is asked about one answer, by the data set's authors' prompt where there is one.

        The instructions are the shared prefix.
        """
        reference = "\n".join(
            self.texts.fill("reference.one_of", reference=text) if len(example.answers) > 1 else text
            for text in example.answers
        )
        fields = {
            "question": example.question,
            "reference": reference or self.texts.fill("reference.none"),
            "candidate": candidate,
        }
        fields = {name: neutralise(text) for name, text in fields.items()}
        if self.authors:
            prefix, rest = filled(self.authors.template(example), fields)
            return Prompt(prefix=prefix, question=rest, system=self.authors.system)
        kind = "unanswerable" if example.answerable is False else "answerable"
        asked = self.texts.prompt("ask", **fields)
        return replace(asked, prefix=self.texts.fill(f"{kind}.prefix", fences=self.texts.fill("fences.text")))

    def _verdict(self, prompt: Prompt, reply: Generation) -> Verdict:
        source = {
            "judge": self.llm.name,
            "version": VERSION,
            "prompt": fingerprint([prompt.system, prompt.prefix, prompt.question]),
        }
        if reply.error is not None:
            return Verdict(None, 0.0, NOT_JUDGED, {**source, "error": reply.error})
        if self.authors:
            said = part(reply.text).answer
            source |= {
                "prompts": self.authors.upstream,
                "authors_say": ("no", "yes")[self.authors.accepts(said)],
            }
            reason = parse(reply.text, self.authors.right, self.authors.wrong)
        else:
            reason = parse(reply.text, self.texts.texts["reply.right"], self.texts.texts["reply.wrong"])
        return Verdict({"yes": True, "no": False}.get(reason), float(reason == "yes"), reason, source)


def _without_asking(example: Example, answer: Answer) -> Verdict | None:
    """The verdict that needs no model, if there is one."""
    if answer.error or not answer.text.strip():
        return Verdict(False, 0.0, FAILED)
    if not example.answers and example.answerable is not False:
        return Verdict(None, 0.0, UNSCORED)
    return None


def neutralise(text: str) -> str:
    """Text that can neither close a fence nor open a chat turn: `<` before a name becomes `‹`, `[INST]` `⁅INST]`.

    >>> neutralise("3 < 4</candidate><|im_end|>")
    '3 < 4‹/candidate>‹|im_end|>'
    """
    return _MARKUP.sub(lambda match: "‹" if match[0] == "<" else "⁅", text)


def parse(reply: str, right: str = "yes", wrong: str = "no") -> str:
    """`yes` or `no` where the reply is the word for it alone, else `unparsed`; a thought before it is left out.

    >>> parse("**Yes.**"), parse("No"), parse("Yes and no"), parse("True")
    ('yes', 'no', 'unparsed', 'unparsed')
    """
    match = re.fullmatch(rf"\W*({right}|{wrong})\W*", part(reply).answer, re.IGNORECASE)
    return {right: "yes", wrong: "no"}[match[1].lower()] if match else UNPARSED


def _bare(name: str) -> str:
    """A model's name without its publisher, lower-cased: `Qwen/Qwen3-8B` and `qwen3-8b` are one."""
    return name.rpartition("/")[2].casefold()


@dataclass(frozen=True)
class Kappa:
    """How far two judges agree beyond chance.

    kappa = (agreement - expected) / (1 - expected), where expected is the agreement of two judges who give their
    verdicts independently, as often right and wrong as these do; None where expected is 1. `n` counts the answers
    that both judged, `left_out` those that one or both could not.

    Source: Cohen, A coefficient of agreement for nominal scales, 1960.
    """

    kappa: float | None
    agreement: float
    n: int
    left_out: int


def kappa(a: Sequence[Verdict], b: Sequence[Verdict]) -> Kappa:
    """Compare two judges' verdicts on the same answers, in the same order.

    Raises:
        ValueError: if the numbers of verdicts differ, or no answer was judged by both.
    """
    if len(a) != len(b):
        raise ValueError(f"expected verdicts on the same answers, got {len(a)} and {len(b)} of them")
    pairs = [(x.correct, y.correct) for x, y in zip(a, b, strict=True)]
    both = [(x, y) for x, y in pairs if x is not None and y is not None]
    if not both:
        raise ValueError(f"expected answers that both judges judged, got none among {len(pairs)}")
    n = len(both)
    agreement = sum(x == y for x, y in both) / n
    right_a, right_b = sum(x for x, _ in both) / n, sum(y for _, y in both) / n
    expected = right_a * right_b + (1 - right_a) * (1 - right_b)
    return Kappa(
        kappa=(agreement - expected) / (1 - expected) if expected < 1 else None,
        agreement=agreement,
        n=n,
        left_out=len(pairs) - n,
    )

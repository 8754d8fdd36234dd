"""Thought and answer: what a model thought aloud is parted from what it answered, for all engines here."""

import re
from dataclasses import replace
from typing import NamedTuple

from rlc.data.protocols import Generation, Tokenizer
from rlc.data.tokens import head

UNFINISHED = "ThoughtUnfinished"
"""How the error of an answer that never got beyond its thought begins."""

ROOM = 2048
"""Tokens set aside for a thought beside those of the answer; short reasoning takes some hundred."""

_NAME = r"(?:seed:|longcat_)?(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|scratchpad|analysis|inner[_ ](?:thoughts?|monologue))"
_QUOTED = "`'\"“”‘’«»"  # a mark between quotation marks is spoken of, not used
_OPENS = (
    rf"(?:<|&lt;)\s?\|?{_NAME}\|?\s?(?:>|&gt;)|\[THINK\]|<\|(?:START|BEGIN_OF)_(?:THINKING|THOUGHT)\|>"
    r"|◁think▷|<unused94>(?:thought)?|<\|channel>thought"
)
_CLOSES = (
    rf"(?:<|&lt;)/\s?\|?{_NAME}\|?\s?(?:>|&gt;)|<\|/{_NAME}\|>|\[/THINK\]|<\|END(?:_OF)?_(?:THINKING|THOUGHT)\|>"
    r"|◁/think▷|<unused95>|<channel\|>"
)
_MARK = re.compile(
    rf"(?<![{_QUOTED}])(?:(?P<open>{_OPENS})|(?P<close>{_CLOSES}))(?![{_QUOTED}])", re.IGNORECASE
)
_OPEN_END = re.compile(rf"(?:{_OPENS})\Z", re.IGNORECASE)
_FEW_WORDS = re.compile(rf"\W*(?:\w+\W+){{0,2}}(?:{_CLOSES})", re.IGNORECASE)
_WRAP = re.compile(
    r"\A\s*<\|?(?:answer|response|solution|(?:START|BEGIN_OF)_(?:RESPONSE|SOLUTION))\|?>"
    r"|</?\|?/?(?:answer|response|solution|END(?:_OF)?_(?:RESPONSE|SOLUTION))\|?>\s*\Z",
    re.IGNORECASE,
)
HARMONY = frozenset(f"<|{name}|>" for name in ("start", "channel", "message", "end", "return", "call"))
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)[^<]*<\|message\|>")
_CHANNEL_END = re.compile(r"<\|(?:end|return|call|start)\|>")
# The same where a server leaves the marks out: `analysis...assistantfinal...`, with no space after either word.
_BARE_CHANNELS = re.compile(r"\Aanalysis(?=[A-Z\"'(])(.*?)(?:assistantfinal|\Z)", re.DOTALL)
_ANY_MARK = re.compile(rf"{_OPENS}|{_CLOSES}|<\|channel\|>", re.IGNORECASE)


class Parted(NamedTuple):
    """A text's thought and its answer; `finished` is False where the thought has no end."""

    thought: str
    answer: str
    finished: bool = True


def part(text: str, opened: bool = False) -> Parted:
    r"""Part thought from answer.

    A thought stands between marks (`<think>`, `<|thinking|>`, `<reasoning>`, `[THINK]`, ...) that open where a line
    begins, or around three words and more; text before a lone closing mark is one, as the opening mark may have
    stood in the prompt (`opened`). Harmony's channels but `final` are thought too. A mark in quotation marks is none.

    >>> part("<think>\nHull?\n</think>\n\nAda Lowe")
    Parted(thought='Hull?', answer='Ada Lowe', finished=True)
    """
    parted = _channels(text) or _marks(text, opened)
    if parted.answer == text:
        return parted
    return parted._replace(thought=parted.thought.strip(), answer=_WRAP.sub("", parted.answer).strip())


def opens_thought(prompt: str) -> bool:
    """Whether a prompt ends with the mark that opens a thought, so that the model's text begins within it."""
    return _OPEN_END.search(prompt.rstrip()[-40:]) is not None


def has_marks(template: str) -> bool:
    """Whether a text, such as a chat template, holds marks of a thought."""
    return _ANY_MARK.search(template) is not None


def separate_thought(
    raw: Generation, tokenizer: Tokenizer, max_tokens: int, *, opened: bool = False, thought: str = ""
) -> Generation:
    """Separate what a model thought from what it answered.

    `thought` is what the engine told apart already, `opened` says that the prompt opened a thought. Log-probabilities
    stay those of the answer's tokens. An answer of more than `max_tokens`, for which only the room of the thought had
    place, is cut there, as it is for a model that does not think. Text that is all thought is an error with its remedy.
    """
    parted = part(raw.text, opened)
    thought = "\n".join(piece for piece in (thought.strip(), parted.thought) if piece)
    tokens = min(raw.usage.thought_tokens or tokenizer.count(thought), raw.usage.output_tokens)
    generation = replace(
        raw,
        text=parted.answer if parted.finished else "",
        thought=thought,
        usage=replace(raw.usage, thought_tokens=tokens),
    )
    if raw.logprobs is not None:
        place = raw.text.rfind(generation.text)
        if place < 0:
            error = "a thought stands within the answer, whose log-probabilities are then of no one text"
            return replace(generation, finish_reason="error", logprobs=None, error=raw.error or error)
        answered = raw.logprobs.within(place, place + len(generation.text))
        generation = replace(generation, logprobs=answered)
    if raw.error is not None:
        return generation
    if not generation.text and (thought or tokens or not parted.finished):
        return replace(generation, finish_reason="error", error=_unfinished(generation))
    if thought and tokenizer.count(generation.text) > max_tokens:
        text = head(tokenizer, generation.text, max_tokens)
        scored = generation.logprobs and generation.logprobs.within(0, len(text))
        return replace(generation, text=text, finish_reason="length", logprobs=scored)
    return generation


def _unfinished(generation: Generation) -> str:
    spent = generation.usage.output_tokens
    if generation.finish_reason != "length":
        return f"{UNFINISHED}: it ended after a thought of {spent} tokens and gave no answer; set thinking = false"
    return (
        f"{UNFINISHED}: it spent its {spent} tokens thinking and gave no answer; raise max_tokens, or set the engine's "
        "thinking = false, or thinking = true, which sets thinking_tokens aside for the thought"
    )


def _channels(text: str) -> Parted | None:
    """Harmony's channels (gpt-oss), with their marks or without; None where the text has none."""
    if bare := _BARE_CHANNELS.match(text):
        finished = bare.end() < len(text) or text.endswith("final")
        return Parted(bare[1], text[bare.end() :], finished)
    marks = list(_CHANNEL.finditer(text))
    if not marks:
        return None
    pieces: dict[bool, list[str]] = {True: [], False: []}
    for mark, after in zip(marks, [*marks[1:], None], strict=True):
        piece = text[mark.end() : after.start() if after else len(text)]
        pieces[mark[1] == "final"].append(_CHANNEL_END.split(piece)[0])
    return Parted("\n".join(pieces[False]), "\n".join(pieces[True]), bool(pieces[True]))


def _marks(text: str, opened: bool) -> Parted:
    """Thoughts between marks, read once from left to right."""
    marks = list(_MARK.finditer(text))
    last_close = max((mark.start() for mark in marks if mark["close"]), default=-1)
    thought: list[str] = []
    answer: list[str] = []
    at, before, inside, quoted = 0, 0, opened, False
    for mark in marks:
        piece, before = text[before : mark.start()], mark.end()
        if mark["close"] and quoted:  # the partner of a mark that was only spoken of
            quoted = False
        elif mark["close"]:  # where no thought was open, its opening mark stood in the prompt
            thought.append(text[at : mark.start()])
            at, inside = mark.end(), False
        elif not inside:
            first = mark.start() - len(piece) == at
            begins_line = not piece.rpartition("\n")[2].strip() and (first or "\n" in piece)
            if begins_line or (mark.start() < last_close and not _FEW_WORDS.match(text, mark.end())):
                answer.append(text[at : mark.start()])
                at, inside = mark.end(), True
            else:
                quoted = True
    (thought if inside else answer).append(text[at:])
    return Parted("\n".join(thought), "".join(answer), finished=not inside)

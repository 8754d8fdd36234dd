"""Summaries of summaries, and pages with their gists: what is asked of a model, apart from who asks it.

Both are generators that yield texts and are sent what a model made of each. A chunker asks its engine for it, a reading
strategy its talk, and either gets the same tree, the same pages.
"""

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rlc.chunkers.support.proposition_writers import Written
from rlc.data.errors import EngineError
from rlc.data.protocols import LLM, Prompt, Tokenizer
from rlc.data.text.cut import count_words

S = TypeVar("S")
R = TypeVar("R")
T = TypeVar("T")
LABEL = 8  # tokens of a mark such as <12>
MARGIN = 32  # tokens: the template around a text may differ a little
LETTERS = 16  # of a long token, each of which may be a token of another tokenizer
BETWEEN = "\n\n"  # stands between the texts of a group

Grouping = Callable[[Sequence[str]], list[list[int]]]
"""Says which of some texts are summarised together; a text may be in several groups, or in none."""


@dataclass(frozen=True)
class Group:
    """A summary, and the places of what it sums up in the layer below."""

    summary: str
    members: tuple[int, ...]


def grow(leaves: Sequence[str], grouped: Grouping) -> Generator[list[str], Sequence[str], list[list[Group]]]:
    """Sum up leaves in groups, their summaries in groups again, and so on; the layers, lowest first, without the leaves.

    Yields the texts of a layer's groups and is sent a summary of each. It ends at one summary, or where grouping makes no
    fewer.
    """
    layers: list[list[Group]] = []
    texts = list(leaves)
    while len(texts) > 1:
        groups = grouped(texts)
        if not 0 < len(groups) < len(texts):
            break
        summaries = yield [BETWEEN.join(texts[i] for i in group) for group in groups]
        layers.append([Group(text, tuple(group)) for text, group in zip(summaries, groups, strict=True)])
        texts = list(summaries)
    return layers


def neighbours(children: int) -> Grouping:
    """Group texts that follow one another, so many at a time."""
    return lambda texts: [
        list(range(i, min(i + children, len(texts)))) for i in range(0, len(texts), children)
    ]


def paginate(
    parts: Sequence[str], least_words: int, most_words: int
) -> Generator[str, str, list[tuple[int, int]]]:
    """Put the parts of a text together into pages, half-open ranges of parts.

    Yields the beginning of what is left with a label such as `<2>` wherever the page may end, and is sent a reply that
    names one of them; another means the last. It asks only where there is a choice.

    Args:
        parts: of the text, in order.
        least_words: of a page, but of the last.
        most_words: of a page of more than one part.
    """
    pages: list[tuple[int, int]] = []
    start = 0
    while start < len(parts):
        labelled, choices = _choices(parts[start:], least_words, most_words)
        end = choices[-1]
        if len(choices) > 1:
            named = re.search(r"\d{1,9}", (yield labelled))
            end = int(named[0]) if named and int(named[0]) in choices else end
        pages.append((start, start + end))
        start += end
    return pages


def bound_pages(
    parts: Sequence[str], tokenizer: Tokenizer, least_words: int, most_words: int
) -> tuple[int, int]:
    """Bound the number of pages that `paginate` makes, and the tokens of the largest with a label after every part."""
    counts = [(count_words(part), tokenizer.count(part) + LABEL) for part in parts]
    largest = 0
    for start in range(len(counts)):
        words = tokens = 0
        for more, size in counts[start:]:
            words += more
            if words > most_words and tokens:
                break
            tokens += size
        largest = max(largest, tokens)
    return sum(words for words, _ in counts) // least_words + 1, largest


def _choices(parts: Sequence[str], least_words: int, most_words: int) -> tuple[str, list[int]]:
    """The beginning of the parts with its labels, and how many parts a page may have, at least one number."""
    words, labelled, choices, count = 0, "", list[int](), 0
    for count, part in enumerate(parts, 1):
        words += count_words(part)
        if words > most_words and count > 1:
            return labelled, choices or [count - 1]
        labelled += part
        if words >= least_words:
            choices.append(count)
            labelled += f"<{count}>"
    return labelled, [count]  # what is left is a page


def follow(asking: Generator[S, R, T], answer: Callable[[S], R]) -> T:
    """Let a generator go on to its end, sending it an answer to all that it yields; what it returns."""
    try:
        wanted = next(asking)
        while True:
            wanted = asking.send(answer(wanted))
    except StopIteration as end:
        result: T = end.value
        return result


def asked(llm: LLM, prompts: Sequence[Prompt], max_tokens: int, what: str) -> list[Written]:
    """What an engine writes to each prompt, and the tokens that it took; `what` says in errors what was wanted.

    Raises:
        EngineError: if it fails on one.
    """
    found = llm.generate(prompts, max_tokens=max_tokens)
    for generation in found:
        if generation.error is not None:
            raise EngineError(f"{llm.name} wrote no {what}: {generation.error}")
    return [Written(one.text.strip(), one.usage.prompt_tokens + one.usage.output_tokens) for one in found]


def written(llm: LLM, prompts: Sequence[Prompt], max_tokens: int, what: str) -> list[Written]:
    """What `asked` gives, of which nothing is empty.

    Raises:
        EngineError: if the engine fails on a prompt, or writes nothing to it.
    """
    found = asked(llm, prompts, max_tokens, what)
    if not all(one.text for one in found):
        raise EngineError(f"{llm.name} wrote no {what}: it is empty; take a model that follows instructions")
    return found


def tokens_written(llm: LLM, tokens: int, tokenizer: Tokenizer) -> int:
    """Bound so many tokens that an engine writes, in tokens of another tokenizer."""
    return tokens if llm.tokenizer.name == tokenizer.name else LETTERS * tokens

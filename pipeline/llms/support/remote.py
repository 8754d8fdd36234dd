"""What engines behind a connection share: in which order to ask, and how to read what they say of themselves."""

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from rlc.data.protocols import Generation, Prompt, Tokenizer

TEMPLATE_TOKENS = 32
"""Allowance for a chat template whose text the server keeps to itself: role marks, begin and end, a date line."""

FINISH_REASONS: Mapping[str | None, str] = {
    None: "stop",
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
}
"""The words of servers and chat models for the two ways in which an answer ends. Any other end is an error."""


def estimate_tokens(tokenizer: Tokenizer, prompt: Prompt) -> int:
    """The prompt's tokens by a tokenizer near the model's own, plus `TEMPLATE_TOKENS`."""
    return sum(map(tokenizer.count, (prompt.system, prompt.prefix, prompt.question))) + TEMPLATE_TOKENS


def is_json(text: str) -> bool:
    """Whether the text is one JSON value, as an answer under a schema must be."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def ask_by_prefix(
    prompts: Sequence[Prompt], ask: Callable[[Prompt], Generation], concurrency: int
) -> Iterator[tuple[int, Generation]]:
    """Ask up to `concurrency` prompts at once, the first of each prefix before its siblings.

    A server can serve a prefix from its cache only once it has computed it: eight questions on one document sent
    together would all pay for the document. Siblings go before the next document, while the cache still holds
    theirs. Each result is yielded with its prompt's place as it ends. An exception from `ask` ends the asking and is
    raised.
    """
    groups: dict[tuple[object, ...], list[int]] = {}
    for i, prompt in enumerate(prompts):
        key = (prompt.system, prompt.prefix) if prompt.prefix else (i,)  # no prefix, no kinship
        groups.setdefault(key, []).append(i)
    ready = deque((group[0], group[1:]) for group in groups.values())
    running: dict[Future[Generation], tuple[int, list[int]]] = {}
    with ThreadPoolExecutor(concurrency) as pool:
        while ready or running:
            while ready and len(running) < concurrency:
                i, siblings = ready.popleft()
                running[pool.submit(ask, prompts[i])] = (i, siblings)
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                i, siblings = running.pop(future)
                ready.extendleft((sibling, []) for sibling in reversed(siblings))
                yield i, future.result()

"""Find a model's retrieval heads: those that look at the needle's token which the model is about to write.

A head scores where, while a token of the answer is made, it looks most at a token of the needle and that is the token which
is made: one over the needle's tokens for each, the mean over the needles that the model recalls. Fewer than one head in
twenty scores a tenth in the models of the paper (Wu et al., Retrieval Head Mechanistically Explains Long-Context
Factuality, ICLR 2025, arXiv 2404.15574). The file can be given to the cache method `duo-attention`.

    python -m rlc.experiments.research.retrieval_heads smollm2 heads.json --lengths 1024,2048 --depths 5
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rlc.data.errors import DataError, RlcError
from rlc.data.protocols import Floats, Prompt, Seen, attending
from rlc.data.records import Example
from rlc.data.sets.niah import make
from rlc.data.text.fold import fold
from rlc.pipeline.llms.hf import HfLLM

RETRIEVES = 0.1  # the score from which on the paper calls a head one of retrieval
TOLD = 20


@dataclass(frozen=True)
class Heads:
    """Scores of all heads, float32 [layers, heads]; of so many needles asked for, so many were recalled."""

    scores: Floats
    asked: int
    recalled: int


def main() -> None:
    """Find the heads of a model, and write their scores into a file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="an alias, a folder or a Hugging Face id")
    parser.add_argument("file", type=Path)
    parser.add_argument("--lengths", default="1024,2048", help="of the texts, in tokens")
    parser.add_argument("--depths", type=int, default=5, help="places of the needle in each text")
    parser.add_argument("--questions", type=int, default=1, help="needles at each place")
    parser.add_argument("--max-tokens", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    try:
        examples = [
            example
            for length in map(int, given.lengths.split(","))
            for example in make(
                "single", length, given.depths, given.questions, given.seed, tokenizer=given.model
            ).examples
        ]
        found = retrieval_heads(HfLLM(given.model), examples, given.max_tokens)
    except (RlcError, ValueError) as error:
        parser.exit(1, f"error: {error}\n")
    settings = {"lengths": given.lengths, "depths": given.depths, "questions": given.questions}
    for line in told(found):
        print(line)  # noqa: T201 - a script's result
    try:
        given.file.parent.mkdir(parents=True, exist_ok=True)
        given.file.write_text(json.dumps(as_data(found, given.model, settings | {"seed": given.seed})) + "\n")
    except OSError as error:
        parser.exit(1, f"error: cannot write {given.file}: {error}; give another place\n")


def retrieval_heads(llm: Any, examples: Sequence[Example], max_tokens: int = 32) -> Heads:  # noqa: ANN401
    """Score every head of an engine that writes and shows what it looks at.

    Args:
        llm: The engine.
        examples: Needles: each document marks its own as gold, in one piece, and an answer that holds the first gold
            answer recalls it.
        max_tokens: Of an answer.

    Raises:
        DataError: if none is recalled: nothing can then be said of any head.
        UnsupportedError: if the engine does not show what the model looks at.
    """
    looking = attending(llm)
    scores: list[Floats] = []
    for example in examples:
        prompt, needle = _asked(example)
        [said] = llm.generate([prompt], max_tokens=max_tokens)
        if said.error is not None or fold(example.answers[0]) not in fold(said.text):
            continue
        answer = len(prompt.text)
        see = partial(copies, needle=needle, answer=answer)
        layers, _ = looking.watch(replace(prompt, reply=said.text), see, since=answer - 1)
        scores.append(np.stack(layers))
    if not scores:
        raise DataError(
            f"none of {len(examples)} needles was recalled: ask for shorter texts, or another model"
        )
    return Heads(np.mean(np.stack(scores), axis=0).astype(np.float32), len(examples), len(scores))


def copies(seen: Seen, needle: tuple[int, int], answer: int) -> Floats:
    """How much of a needle each head of a layer copies while an answer is written, float32 [heads].

    Args:
        seen: The layer, with rows from before the answer on.
        needle: The needle's span in the prompt's text.
        answer: Where the answer begins in it.
    """
    first, last = seen.tokens.T
    written = int(np.count_nonzero((first < last) & (last > answer)))
    rows = seen.attention[:, -written - 1 : -1]  # the row before a token makes it
    most = rows.argmax(-1)
    held = seen.within(*needle)
    hits = np.isin(most, held) & (seen.ids[most] == seen.ids[-written:])
    return np.asarray(hits.sum(1) / max(1, len(held)), np.float32)


def _asked(example: Example) -> tuple[Prompt, tuple[int, int]]:
    """The prompt in its authors' words, and where the needle stands in it."""
    if example.wording is None or len(example.gold) != 1 or not example.answers:
        raise DataError(f"{example.id} is no needle: expected a wording, one gold span and an answer")
    text = example.document.page_content
    prompt = Prompt(example.wording.reading(text), example.wording.asked(example.question))
    start = prompt.prefix.index(text)
    return prompt, (start + example.gold[0].start, start + example.gold[0].end)


def as_data(found: Heads, model: str, settings: dict[str, Any]) -> dict[str, Any]:
    """What is written: the scores by layer and head, and what they were made of."""
    rounded = np.round(found.scores.astype(float), 4).tolist()
    about = {"model": model, **settings, "asked": found.asked, "recalled": found.recalled}
    return {**about, "scores": rounded}


def told(found: Heads) -> list[str]:
    """The best heads, a line each, and how many there are."""
    heads = found.scores.size
    layers, numbers = np.unravel_index(
        np.argsort(-found.scores, axis=None, kind="stable")[:TOLD], found.scores.shape
    )
    return [
        f"{found.recalled} of {found.asked} needles recalled",
        f"{int((found.scores >= RETRIEVES).sum())} of {heads} heads score {RETRIEVES} or more",
        *(
            f"layer {layer:2} head {head:2}: {found.scores[layer, head]:.3f}"
            for layer, head in zip(layers.tolist(), numbers.tolist(), strict=True)
            if found.scores[layer, head] > 0
        ),
    ]


if __name__ == "__main__":
    main()

"""What keeping a document's keys and values is worth: the same questions with the kept prefix and without.

    python experiments/bench/prefix.py [--model smollm2] [--questions 10] [--max-tokens 64]

One document, made of the bundled sample's texts, fills the engine's window. Both ways run in this process, question by
question in turn, so that a busy machine disturbs both alike. Prints JSON: seconds to the first token (all questions,
and those after the first), total seconds, the ratios, and the peak memory of the process.
"""

import argparse
import json
import resource
import sys

from rlc.data.datasets import load_dataset
from rlc.data.prompt_files import read_prompts
from rlc.data.protocols import Generation
from rlc.pipeline.context import fit
from rlc.pipeline.llms.hf import HfLLM
from rlc.pipeline.prompts import long_prompt
from rlc.pipeline.readers.long import LongReader
from rlc.pipeline.readers.support.asking import room_for_text

TEXTS = read_prompts(LongReader)


def measure(model: str, questions: int, max_tokens: int) -> dict[str, object]:
    """Ask the questions both ways; question i with the kept prefix, then without, then question i + 1."""
    engines = {keep: HfLLM(model, keep_prefix=keep) for keep in (True, False)}
    dataset = load_dataset("sample")
    text = "\n\n".join(document.page_content for document in dataset.documents.values())
    kept = engines[True]
    room = room_for_text(kept, long_prompt(TEXTS, "", "", "?"), max_tokens)
    text = fit(text, room, kept.tokenizer, "head").text
    prompts = [long_prompt(TEXTS, "", text, example.question) for example in dataset.examples[:questions]]
    for engine in engines.values():  # load, and warm up on something else
        engine.generate([long_prompt(TEXTS, "", "A short text.", "What is it?")], max_tokens=4)
    answers: dict[bool, list[Generation]] = {True: [], False: []}
    for i, prompt in enumerate(prompts):
        for keep in (True, False) if i % 2 else (False, True):
            answers[keep] += engines[keep].generate([prompt], max_tokens=max_tokens)
    figures = {name: summary(answers[keep]) for keep, name in ((True, "kept"), (False, "not kept"))}
    return {
        "model": model,
        "document_tokens": kept.tokenizer.count(text),
        "window": kept.window,
        "questions": len(prompts),
        "max_tokens": max_tokens,
        **figures,
        "ratio": {key: figures["not kept"][key] / figures["kept"][key] for key in figures["kept"]},
        "peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


def summary(answers: list[Generation]) -> dict[str, float]:
    """Mean seconds to the first token, and the whole time."""
    first = [answer.usage.first_token_seconds or 0.0 for answer in answers]  # hf times every one
    return {
        "first_token": sum(first) / len(first),
        "first_token_after_the_first_question": sum(first[1:]) / len(first[1:]),
        "total": sum(answer.usage.seconds for answer in answers),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--questions", type=int, default=10)
    parser.add_argument("--max-tokens", type=int, default=64)
    options = parser.parse_args()
    json.dump(measure(options.model, options.questions, options.max_tokens), sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()

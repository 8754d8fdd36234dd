"""What answering side by side is worth: the default comparison's prompts one by one and side by side, in CPU seconds.

    python experiments/bench/decoding.py [--documents 4] [--model smollm2] [--out docs/bench/decoding.json]

The prompts are those that `rlc compare --dataset sample` asks of its arms rag and long, document by document in the order
of rounds. Both engines have one set of weights and take turns in this process, arm by arm. One by one is the engine with
`side_by_side = 1` and `prefill_step = 1024`, as it was before. Tells CPU seconds, those of reading the prompts and of
writing the answers apart, the new tokens, and how many answers are the same word for word. Where one is not, the gap is
told between the log-probabilities that the model in float32 gives to the two tokens at which they part: answers differ
where sums of bfloat16 cannot tell two tokens apart.
"""

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlc.data.datasets import load_dataset
from rlc.data.protocols import Generation, Prompt, Sampling
from rlc.data.spec import Spec
from rlc.data.store import Store
from rlc.experiments.bench.base import BenchRecord, Figures, peak_memory, say
from rlc.experiments.runs.loop import document_schedule
from rlc.experiments.runs.recipes import recipe_file
from rlc.experiments.runs.rounds import in_rounds
from rlc.experiments.runs.run import plan_run
from rlc.pipeline.llms.hf import HfLLM
from rlc.pipeline.llms.support.engine import CompletingEngine
from rlc.pipeline.recipe_files import load_recipe

ARMS = ("rag", "long")
MAX_TOKENS = 64


class Taking(CompletingEngine):
    """An engine that takes prompts down in place of answering them; otherwise the one that it holds."""

    def __init__(self, llm: HfLLM) -> None:
        self.name, self.window, self.tokenizer, self.count = llm.name, llm.window, llm.tokenizer, llm.count
        self.taken: list[Prompt] = []

    def generate_as_completed(
        self,
        prompts: Sequence[Prompt],
        sampling: Sampling,  # noqa: ARG002 - an engine's
    ) -> Iterator[tuple[int, Generation]]:
        """Take the prompts down."""
        self.taken += prompts
        return ((place, Generation("-")) for place in range(len(prompts)))


@dataclass(frozen=True)
class Way:
    """What one engine took for an arm's prompts."""

    cpu: float
    answers: Sequence[Generation]

    def figures(self) -> Figures:
        """CPU seconds, those of reading and writing by their share of the clock, and what was written."""
        reading = sum(one.usage.prefill_seconds for one in self.answers)
        writing = sum(one.usage.decode_seconds for one in self.answers)
        return {
            "cpu_seconds": self.cpu,
            "of_them_reading": self.cpu * reading / (reading + writing),
            "of_them_writing": self.cpu * writing / (reading + writing),
            "new_tokens": sum(one.usage.output_tokens for one in self.answers),
        }


def prompts_of(llm: HfLLM, documents: int) -> Iterator[tuple[str, list[Prompt]]]:
    """The prompts of the default recipe's arms on the first documents of the sample, arm by arm."""
    dataset = load_dataset("sample")
    taking = Taking(llm)

    def finish(make: Any, kind: str, spec: Spec) -> Any:  # noqa: ANN401, ARG001 - whatever is made
        return taking if kind == "llm" else make()

    with tempfile.TemporaryDirectory() as place:
        run = plan_run(dataset, {"": load_recipe(recipe_file(None))}, ARMS, (), Path(place))
        store = Store(run.out)
        readers = run.readers(store, finish)
        order = list(document_schedule(ARMS, in_rounds(dataset.examples)))[: documents * len(ARMS)]
        for name, examples in order:
            taking.taken = []
            readers[name](examples)
            yield name, taking.taken
        store.close()


def measure(model: str, documents: int) -> Figures:
    """Ask both ways, in turn; per arm and in all."""
    before = HfLLM(model, side_by_side=1, prefill_step=1024)
    now = HfLLM(model)
    now.__dict__["_model"] = before._model
    engines = {"one by one": before, "side by side": now}
    found: dict[str, dict[str, list[Way]]] = defaultdict(lambda: defaultdict(list))
    for engine in engines.values():  # warm
        engine.generate([Prompt("A short text.", "What is it?")] * 2, max_tokens=4)
    gaps = []
    for i, (arm, prompts) in enumerate(list(prompts_of(now, documents))):
        for name in list(engines)[:: 1 if i % 2 else -1]:
            started = time.process_time()
            answers = engines[name].generate(prompts, max_tokens=MAX_TOKENS)
            found[arm][name].append(Way(time.process_time() - started, answers))
        pair = [found[arm][name][-1] for name in engines]
        gaps += [
            (prompt, one.text, other.text)
            for prompt, one, other in zip(prompts, *(way.answers for way in pair), strict=True)
            if one.text != other.text
        ]
        say(
            f"{arm}, {len(prompts)} questions: {pair[0].cpu:.1f} s one by one, {pair[1].cpu:.1f} s side by side"
        )
    figures: Figures = {"model": model, "documents": documents, "dtype": str(before._model.dtype)}
    for arm in (*ARMS, "all"):
        ways = {
            name: Way(
                sum(way.cpu for one in ARMS if arm in (one, "all") for way in found[one][name]),
                [a for one in ARMS if arm in (one, "all") for way in found[one][name] for a in way.answers],
            )
            for name in engines
        }
        told = {name: way.figures() for name, way in ways.items()}
        figures[arm] = {
            **told,
            "answers": len(ways["one by one"].answers),
            "times_fewer": told["one by one"]["cpu_seconds"] / told["side by side"]["cpu_seconds"],
            "times_fewer_writing": told["one by one"]["of_them_writing"]
            / told["side by side"]["of_them_writing"],
        }
    figures["other_answers"] = len(gaps)
    figures["gaps"] = sorted(_gap(model, now, *one) for one in gaps)
    figures["peak_memory_mb"] = peak_memory()
    return figures


def _gap(model: str, llm: HfLLM, prompt: Prompt, one: str, other: str) -> float:
    """How much likelier, in natural logarithms, one of the tokens is at which two answers part, in float32."""
    import torch

    exact = _EXACT.setdefault(model, HfLLM(model, dtype="float32"))
    left, right = (llm._chat.codec(text, add_special_tokens=False)["input_ids"] for text in (one, other))
    ends = sorted(llm._end_tokens)[:1]
    left, right = [*left, *ends], [*right, *ends]
    same = next(i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b)
    ids = torch.tensor([[*llm._chat.encode(prompt), *left[:same]]])
    with torch.inference_mode():
        likely = exact._model(ids, use_cache=False, logits_to_keep=1).logits[0, -1].log_softmax(-1)
    return round(abs(float(likely[left[same]] - likely[right[same]])), 4)


_EXACT: dict[str, HfLLM] = {}


def main() -> None:
    """Measure, print, and keep the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--documents", type=int, default=4)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    figures = measure(options.model, options.documents)
    for arm in (*ARMS, "all"):
        say(f"{arm}: {figures[arm]}")
    say(
        f"{figures['other_answers']} other answers, gaps {figures['gaps']}; {figures['peak_memory_mb']:.0f} MB"
    )
    if options.out:
        BenchRecord(options.out).add("side by side", figures)


if __name__ == "__main__":
    main()

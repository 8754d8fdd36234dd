"""What a comparison will read and how long that takes, before anything is answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlc.data.protocols import LLM, Prompt, Tokenizer
from rlc.data.records import Dataset
from rlc.data.spec import Spec

PROBE_WORDS = 400  # length of the text on which an engine's speed is measured
PROBE_ANSWER = 16


@dataclass(frozen=True)
class Speed:
    """Tokens per second."""

    prefill: float
    decode: float


@dataclass(frozen=True)
class Estimate:
    """What one arm will read at most: `computed_tokens` are the prompt tokens that no cache can serve."""

    reader: str
    questions: int
    prompt_tokens: int
    computed_tokens: int
    output_tokens: int
    cut_documents: int

    def seconds(self, speed: Speed) -> float:
        """Time at that speed, one question after the other."""
        return self.computed_tokens / speed.prefill + self.output_tokens / speed.decode


def estimate(name: str, spec: Spec, dataset: Dataset, window: int, tokenizer: Tokenizer) -> Estimate | None:
    """Bound what an arm reads; None for a router, which reads nothing itself.

    The long arm reads each document once and then, per question, the question alone; the retrieving arm reads at
    most `k` chunks of full size a question.
    """
    questions = [tokenizer.count(example.question) + 64 for example in dataset.examples]  # 64: the frame
    answer = int(spec.get("max_tokens", 0))
    if spec["use"] == "long":
        room = window - answer
        lengths = {key: tokenizer.count(doc.page_content) for key, doc in _documents(dataset).items()}
        read = {key: min(length, room) for key, length in lengths.items()}
        prompt = sum(read[example.document_id] for example in dataset.examples) + sum(questions)
        cut = sum(length > room for length in lengths.values())
        return Estimate(
            name, len(questions), prompt, sum(read.values()) + sum(questions), answer * len(questions), cut
        )
    if spec["use"] == "rag":
        passages = int(spec["retriever"].get("k", 5)) * int(spec["chunker"].get("size", 512))
        prompt = passages * len(questions) + sum(questions)
        return Estimate(name, len(questions), prompt, prompt, answer * len(questions), 0)
    if spec["use"] == "closed":
        return Estimate(name, len(questions), sum(questions), sum(questions), answer * len(questions), 0)
    return None


def measure_speed(llm: LLM) -> Speed | None:
    """Ask the engine something short and unrelated, twice; the first call also loads it. None where it failed."""
    text = " ".join(f"word{i}" for i in range(PROBE_WORDS))
    first, second = (Prompt(f"{start} {text}", "Repeat the list.") for start in ("A", "B"))
    llm.generate([first], max_tokens=1)
    [answer] = llm.generate([second], max_tokens=PROBE_ANSWER)
    if answer.error is not None:
        return None
    usage = answer.usage
    prefill = usage.prefill_seconds or usage.seconds or 1.0
    decode = usage.decode_seconds or usage.seconds or 1.0
    return Speed(
        prefill=max(usage.prompt_tokens - usage.cached_tokens, 1) / prefill,
        decode=max(usage.output_tokens, 1) / decode,
    )


def measure_speeds(engines: Mapping[str, LLM]) -> dict[str, Speed]:
    """By reader, how fast its engine is, each engine measured once; one that failed at it has no speed."""
    measured = {id(engine): engine for engine in engines.values()}
    speeds = {key: measure_speed(engine) for key, engine in measured.items()}
    return {name: speed for name, engine in engines.items() if (speed := speeds[id(engine)]) is not None}


def estimates(specs: Mapping[str, Spec], engines: Mapping[str, LLM], dataset: Dataset) -> list[Estimate]:
    """An estimate for every arm that asks a language model."""
    found: Sequence[Estimate | None] = [
        estimate(name, spec, dataset, engines[name].window, engines[name].tokenizer)
        for name, spec in specs.items()
        if name in engines
    ]
    return [one for one in found if one is not None]


def _documents(dataset: Dataset) -> dict[str, Any]:
    return {example.document_id: example.document for example in dataset.examples}

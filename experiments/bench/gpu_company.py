"""Whether an answer depends on what else is in its batch: `gpu.py OUT company --model FOLDER --data-root LARA`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rlc.data.protocols import Prompt
from rlc.data.sets.lara import load
from rlc.pipeline.llms.vllm import VllmLLM

QUESTIONS, PASSAGE, ANSWER = 48, 6_000, 64  # a passage in characters, an answer in tokens
SETTINGS: dict[str, dict[str, Any]] = {"as it comes": {}, "batch-invariant": {"batch_invariant": True}}


def company(add: Callable[..., None], model: str, data_root: Path) -> None:
    """Ask questions on the beginnings of LaRA's documents one by one, twice, all at once, and at once in another order.

    No prefix is kept: a prompt is computed from its first token each time.
    """
    data = load(data_root)
    texts = {name: document.page_content[:PASSAGE] for name, document in data.documents.items()}
    asked = [
        Prompt(prefix=texts[one.document_id], question=one.question) for one in data.examples[:QUESTIONS]
    ]
    for name, settings in SETTINGS.items():
        llm = VllmLLM(model, window=8192, gpu_memory=0.15, keep_prefix=False, **settings)
        alone, again = (
            [llm.generate([prompt], max_tokens=ANSWER)[0].text for prompt in asked] for _ in range(2)
        )
        together = [answer.text for answer in llm.generate(asked, max_tokens=ANSWER)]
        turned = [answer.text for answer in llm.generate(asked[::-1], max_tokens=ANSWER)][::-1]
        llm.close()
        add(
            name,
            asked=len(asked),
            empty=sum(not text for text in alone),
            again_as_alone=sum(one == other for one, other in zip(again, alone, strict=True)),
            together_as_alone=sum(one == other for one, other in zip(together, alone, strict=True)),
            turned_as_alone=sum(one == other for one, other in zip(turned, alone, strict=True)),
        )

"""What is left of a GPU when the engine on it is killed at work, or finds no memory: `gpu.py OUT faults`."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from rlc.data.errors import EngineUnavailableError
from rlc.data.protocols import Generation, Prompt
from rlc.pipeline.llms.vllm import VllmLLM


def faults(add: Callable[..., None], model: str) -> None:
    """An engine that is killed at work, one that finds no memory, and what memory each leaves behind."""
    add("before", free_mib=free_memory())
    llm = VllmLLM(model)
    prompts = [
        Prompt(prefix=f"Document {i}.", question="Tell a long story.") for i in range(2048)
    ]  # seconds of work
    outcome(add, "loaded", llm.generate(prompts[:2], max_tokens=8))
    threading.Timer(1.0, kill_child).start()
    outcome(add, "killed at work", llm.generate(prompts, max_tokens=4096))
    outcome(add, "asked again", llm.generate(prompts[:4], max_tokens=8))
    llm.close()
    add("closed", free_mib=free_memory())
    for share in (0.01, 1.0):
        starved = VllmLLM(model, gpu_memory=share)
        try:
            outcome(add, f"gpu_memory {share}", starved.generate(prompts[:1], max_tokens=8))
        except EngineUnavailableError as error:
            add(f"gpu_memory {share}", stopped=str(error))
        starved.close()
        add(f"gpu_memory {share}, closed", free_mib=free_memory())


def outcome(add: Callable[..., None], what: str, answers: Sequence[Generation]) -> None:
    """How many of the answers failed, and why."""
    errors = sorted({answer.error for answer in answers if answer.error})
    failed = sum(answer.error is not None for answer in answers)
    add(what, asked=len(answers), failed=failed, errors=errors, free_mib=free_memory())


def kill_child() -> None:
    """Kill the engine's process, and all that it started, as the system would for want of memory."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()
    os.killpg(int(children[0]), signal.SIGKILL)


def free_memory() -> int:
    """The GPU's free memory in MiB, asked of the driver, so that this process takes none of it."""
    command = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits", "--id=0"]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603

"""What a server says that it read and wrote, held against what it was sent."""

from dataclasses import replace

from rlc.data.protocols import Prompt, Tokenizer
from rlc.data.records import Usage
from rlc.data.tokens import ApproximateTokenizer
from rlc.pipeline.llms.support import wire
from rlc.pipeline.llms.support.remote import estimate_tokens
from rlc.pipeline.llms.support.server import Received

CUT = "PromptCut"
"""How the error begins where a server read less than it was sent."""

SMALLEST_CUT = 256  # tokens that must be missing
SMALLEST_WINDOW = 64  # tokens; a server that tells fewer has not counted the prompt


def usage_of(received: Received, prompt: Prompt, tokenizer: Tokenizer) -> tuple[Usage, str]:
    """Counts and times of a reply, and what is doubtful about them; what the server does not tell is counted here."""
    told = received.reply.usage or wire.TokenCounts()
    said = received.reply.choices[0].message
    read, doubt = told.prompt_tokens, ""
    if (
        read is not None
        and read + told.cached < SMALLEST_WINDOW < least_tokens(prompt, tokenizer) - SMALLEST_CUT
    ):
        read, doubt = None, "have prompt tokens that were counted here, for the server's count cannot be true"
    cached = told.cached or (received.reply.timings or wire.Timings()).cache_n or 0
    written = told.written
    usage = replace(
        received.times,
        prompt_tokens=estimate_tokens(tokenizer, prompt) if read is None else read,
        cached_tokens=cached if read is None else min(cached, read),
        cache_write_tokens=min(told.cache_write, max(0, (read or 0) - cached)),
        output_tokens=tokenizer.count(said.content + said.thought) if written is None else written,
        thought_tokens=told.thought,
    )
    return usage, doubt


def cut_by_server(told: wire.TokenCounts | None, prompt: Prompt, tokenizer: Tokenizer) -> str | None:
    """The error where a server read far less than it was sent; None where it tells nothing of the kind."""
    if told is None or told.prompt_tokens is None:
        return None
    read, least = told.prompt_tokens + told.cached, least_tokens(prompt, tokenizer)
    if read < SMALLEST_WINDOW or read > least - SMALLEST_CUT:
        return None
    return (
        f"{CUT}: the server read {read:,} tokens of a prompt of {least:,} at the least: it cuts prompts in silence; "
        f"start it with a longer context (Ollama: num_ctx, llama.cpp: -c), or set window = {read}"
    )


def least_tokens(prompt: Prompt, tokenizer: Tokenizer) -> int:
    """Tokens that a prompt has at the least: its words; by the model's own tokenizer nine tenths of its count."""
    if tokenizer.name != ApproximateTokenizer.name:
        return estimate_tokens(tokenizer, prompt) * 9 // 10
    return sum(len(text.split()) for text in prompt.parts)

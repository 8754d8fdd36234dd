"""What a chat server's reply says: the answer and what it cost, or why it is none."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rlc.data.errors import UnsupportedError
from rlc.data.protocols import Generation, Prompt, Sampling, Tokenizer
from rlc.data.words import Words
from rlc.pipeline.llms.support import wire
from rlc.pipeline.llms.support.counting import CUT, cut_by_server, usage_of
from rlc.pipeline.llms.support.dialect import TOO_LONG
from rlc.pipeline.llms.support.remote import Ending, ending, is_json
from rlc.pipeline.llms.support.server import Received
from rlc.pipeline.llms.support.spelling import scored_pieces
from rlc.pipeline.llms.support.stopping import cut_at_stop
from rlc.pipeline.llms.support.thought import part, separate_thought


@dataclass(frozen=True)
class Replies:
    """Reads the replies of one engine's servers.

    Attributes:
        model: What the servers call the model.
        tokenizer: Makes the counts that a reply lacks.
        thinking: Whether the model was asked to think before it answers.
        words: Quotes what a server says, without the key.
    """

    model: str
    tokenizer: Tokenizer
    thinking: bool
    words: Words

    def generation(
        self,
        received: Received,
        prompt: Prompt,
        body: Mapping[str, Any],
        sampling: Sampling,
        note: str,
    ) -> Generation:
        """The answer, without its thought; one with an error where the reply is none.

        Args:
            received: the reply, and how long it took.
            prompt: what was asked.
            body: the request.
            sampling: what was wished for; its limit holds no room for a thought.
            note: what must be said of how it was asked.

        Raises:
            UnsupportedError: if log-probabilities were asked for and none came.
            EngineError: if they are of other tokens than the answer's.
        """
        said = received.reply.choices[0].message
        by_tool = sampling.schema is not None and "tool_choice" in body
        raw, end = self._raw(received, prompt, body, sampling, by_tool=by_tool)
        # Asked to think and cut off, a model may have had no time for the mark that ends its thought.
        cut = self.thinking and end.finish_reason == "length"
        cut = cut and not said.thought and not raw.usage.thought_tokens
        generation = separate_thought(
            replace(raw, note="; ".join(each for each in (note, raw.note) if each)),
            self.tokenizer,
            sampling.max_tokens,
            opened=cut and not part(raw.text).thought,
            thought=said.thought,
        )
        error = self._what_failed(received, generation, said, end, prompt)
        if error is None and sampling.schema is not None and not is_json(generation.text):
            given = self.words.excerpt(repr(generation.text[:80]))
            by = "tools" if by_tool else "response_format"
            error = f"{received.url} was given a schema and sent no JSON: {given}; does it follow {by}?"
        return generation if error is None else replace(generation, finish_reason="error", error=error)

    def _raw(
        self,
        received: Received,
        prompt: Prompt,
        body: Mapping[str, Any],
        sampling: Sampling,
        *,
        by_tool: bool,
    ) -> tuple[Generation, Ending]:
        """What came, its thought included, and how it ended."""
        choice = received.reply.choices[0]
        said = choice.message
        content = said.arguments or said.content if by_tool else said.content
        text, _ = cut_at_stop(content, sampling.stop)  # a server may have refused to
        called = by_tool and choice.finish_reason in ("tool_calls", "function_call")
        end = ending("stop" if called else choice.finish_reason, text)
        usage, doubt = usage_of(received, prompt, self.tokenizer)
        scored = None
        if sampling.logprobs or body.get("logprobs"):
            tokens = choice.logprobs.content if choice.logprobs else None
            if not tokens and said.content:
                raise UnsupportedError(
                    f"{received.url} sends no log-probabilities for {self.model!r}: take a server that does, or a method "
                    "without them"
                )
            told = tokens or ()
            scored = scored_pieces([one.spelled for one in told], [one.logprob for one in told], text)
        told_of = "; ".join(each for each in (end.note, doubt) if each)
        return Generation(text, end.finish_reason, usage, scored, note=told_of), end

    def _what_failed(
        self, received: Received, generation: Generation, said: wire.Message, end: Ending, prompt: Prompt
    ) -> str | None:
        """Why a reply is no answer; None where it is one."""
        if cut := cut_by_server(received.reply.usage, prompt, self.tokenizer):
            return cut
        if generation.text.strip() and end.error is None:
            return generation.error
        if said.tools:
            return f"{received.url} called the tool {', '.join(said.tools)} in place of an answer"
        if said.refusal:
            return f"{received.url} refused: {self.words.excerpt(said.refusal)}"
        if end.error:
            return f"{received.url} {self.words.excerpt(end.error)}"
        return generation.error or (
            f"EmptyAnswer: {received.url} sent no text; ask it with curl, as its log or another max_tokens may tell why"
        )


def belongs_to_its_prompt(error: str) -> bool:
    """Whether a failure says nothing about other prompts: one too long for the server, or one that it will not answer."""
    return bool(TOO_LONG.search(error)) or error.startswith(CUT) or "content_filter" in error

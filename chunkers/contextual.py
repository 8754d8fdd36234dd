"""Contextual chunking: titles, headings or a summary stand in front of a chunk's text to embed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from langchain_core.documents import Document

from rlc.chunkers.base import Chunker, Span, check_text
from rlc.chunkers.section import SectionChunker
from rlc.chunkers.support.summaries import MARGIN
from rlc.data.errors import ContextOverflowError, EngineError
from rlc.data.loads import PromptLoad
from rlc.data.prompt_files import ENGLISH, PromptFile, read_prompts
from rlc.data.protocols import LLM, Tokenizer
from rlc.data.records import document_name
from rlc.data.spec import Spec
from rlc.data.tokens import count_once, head


@dataclass(frozen=True)
class ContextualChunker(Chunker):
    """The chunks of `inner`, with a line of context in front of what is embedded; `page_content` stays the slice.

    The context is what a chunk's metadata holds under `fields`, joined by line breaks: its document's `title`,
    the `section` path that a section-aware `inner` gives, or any other field. With `llm`, a summary that it
    writes once a document follows; its tokens are the first chunk's `index_tokens`. A chunk without context stays
    as it was. The context comes on top of `inner`'s size: leave room for it in the encoder's window.

    Args:
        inner: cuts the chunks.
        fields: metadata that makes up the context.
        llm: writes a summary of each document.
        max_tokens: of a summary.
        prompt: what the model is asked.

    Source: Anthropic, "Contextual Retrieval" (2024), which asks the model once a chunk, not once a document.
    """

    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {"summary.prefix": ("text",), "summary.question": ()}

    inner: Chunker = field(default_factory=SectionChunker)
    fields: Sequence[str] = ("title", "section")
    llm: LLM | None = None
    max_tokens: int = 100
    prompt: PromptFile = ENGLISH

    @classmethod
    def example(cls) -> Spec:
        """Sections, whose titles are the context."""
        return {"inner": "section"}

    def largest(self, text: str, tokenizer: Tokenizer) -> tuple[int, ...]:
        """Bound the chunks as `inner` does: page contents are its slices."""
        return self.inner.largest(text, tokenizer)

    def spans(self, text: str) -> list[Span]:
        """Return the inner chunker's spans; the context needs the document and comes with `split`."""
        return self.inner.spans(text)

    def split(self, document: Document) -> list[Document]:
        """Cut one document into chunks with a line of context each.

        Raises:
            DataError: as for every chunker.
            ContextOverflowError: if the engine's window has no room for the document.
            EngineError: if the engine gives no summary.
        """
        check_text(document)
        chunks = self.inner.split(document)
        if not chunks:
            return []
        summary, tokens = self._summary(document.page_content)
        return [self._with_context(chunk, summary, tokens if i == 0 else 0) for i, chunk in enumerate(chunks)]

    def prepares(self, document: Document) -> list[PromptLoad]:
        """Bound the summary's prompt, and those of the inner chunker."""
        loads = self.inner.prepares(document)
        if self.llm is not None:
            frame = (
                self.llm.count(read_prompts(ContextualChunker, self.prompt).prompt("summary", text=""))
                + MARGIN
            )
            text = min(
                count_once(self.llm.tokenizer, document.page_content),
                self.llm.window - frame - self.max_tokens,
            )
            loads.append(PromptLoad(document_name(document), text, 1, frame, self.max_tokens))
        return loads

    def _summary(self, text: str) -> tuple[str, int]:
        if self.llm is None:
            return "", 0
        texts = read_prompts(ContextualChunker, self.prompt)
        request = self.llm.count(texts.prompt("summary", text="")) + MARGIN
        room = self.llm.window - request - self.max_tokens
        if room < 1:
            raise ContextOverflowError(
                f"no room for a document in {self.llm.name}'s window of {self.llm.window} tokens beside the request "
                f"and max_tokens={self.max_tokens}: take a larger window or fewer tokens"
            )
        prompt = texts.prompt("summary", text=head(self.llm.tokenizer, text, room))
        [generation] = self.llm.generate([prompt], max_tokens=self.max_tokens)
        if generation.error is not None or not generation.text.strip():
            raise EngineError(f"{self.llm.name} wrote no summary: {generation.error or 'it is empty'}")
        return generation.text.strip(), generation.usage.prompt_tokens + generation.usage.output_tokens

    def _with_context(self, chunk: Document, summary: str, tokens: int) -> Document:
        values = [chunk.metadata.get(name) for name in self.fields]
        lines = [
            " > ".join(value) if isinstance(value, list | tuple) else str(value) for value in values if value
        ]
        lines += [summary] if summary else []
        metadata = dict(chunk.metadata)
        if self.llm is not None:
            metadata["index_tokens"] = metadata.get("index_tokens", 0) + tokens
        if lines:
            own = str(metadata.get("text_to_embed", chunk.page_content))
            metadata["text_to_embed"] = "\n".join(lines) + "\n\n" + own
        return Document(id=chunk.id, page_content=chunk.page_content, metadata=metadata)

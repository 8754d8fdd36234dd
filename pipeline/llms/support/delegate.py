"""An engine behind another: the same name and measures, and its own way with prompts."""

from dataclasses import dataclass

from rlc.data.protocols import LLM, Prompt, Tokenizer


@dataclass
class Delegate:
    """Passes on what an engine is; a subclass says in `generate` what becomes of the prompts."""

    llm: LLM

    @property
    def name(self) -> str:
        """The engine's name."""
        return self.llm.name

    @property
    def window(self) -> int:
        """The engine's window."""
        return self.llm.window

    @property
    def tokenizer(self) -> Tokenizer:
        """The engine's tokenizer."""
        return self.llm.tokenizer

    def count(self, prompt: Prompt) -> int:
        """The tokens of the prompt, as the engine counts."""
        return self.llm.count(prompt)
